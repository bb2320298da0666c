"""HostStack: netos's own protocol stack as an element: what comes in is for this host, what it sends goes out."""

from libc.stdint cimport int64_t, uint32_t

from netos.element cimport Element
from netos.kernel.clock cimport clock_steady
from netos.kernel.notifier cimport Notifier, notifier_free, notifier_sleep, notifier_wake
from netos.kernel.task cimport task_schedule
from netos.kernel.timer cimport Timer, timer_cancel, timer_schedule
from netos.packet cimport EVENTS_MAX, Batch, Descriptor
from netos.proto.host cimport OUTBOX, Host, Interface
from netos.proto.neighbours cimport arp_announce
from netos.proto.stack cimport Stack

from elements.host import host_tables
from elements.host.stacks import stack_of
from netos.addresses import is_of_one_host
from netos.args import Bool, Ether, Integer, IPv4, IPv4Prefix, Raw, Word
from netos.errors import ArgumentError, NetosError
from netos.handlers import read_handler, write_handler


cdef enum:
    EVENT_DHCP = 1
    LATER = 10000000                # nanoseconds
    DHCP_LEAST = 576                # bytes of a packet that a client must be able to take (RFC 2131 section 2)

cdef int64_t RETRY = 10000000000    # nanoseconds


cdef void outbox_ready(void *element) noexcept nogil:
    notifier_wake(&(<HostStack>element).nonempty)


cdef void drop_packet(void *element, Descriptor *packet, int reason) noexcept nogil:
    (<HostStack>element).drop(packet, reason)


cdef class HostStack(Element):
    """The host's end of a link: frames that come in are for it, frames that it sends are pulled from output 0.

    ADDRESS is its IPv4 address on the link with the prefix, ETHER its Ethernet address, GATEWAY the router to all other
    networks, MTU the link's. With DHCP true a server on the link tells them (RFC 2131): ADDRESS and GATEWAY are left
    out, and the lease lives on when the graph is replaced. Without ETHER packets begin with their IP header. With
    OFFLOAD, the default, it sends segments of up to 64 KiB and partial checksums, which are completed where an element
    behind it cannot take them. Several HostStacks with the same STACK are interfaces of one host. The stack belongs to
    the virtual CPU: connections and listeners live on when the graph is replaced, as long as the new one has a user of
    the stack.
    Handlers: address, lease, connections (a line each: local, remote, state, bytes in, out, unread, unacknowledged),
    counters, counts (connections open, half open, in TIME-WAIT), length, capacity, listeners, neighbours, routes
    (read), kill (write: LOCAL REMOTE, each ADDRESS:PORT or `-` for any), add_route (PREFIX [GATEWAY]), remove_route
    (PREFIX) (write).
    """

    ports = "1/1"
    processing = "h/l"
    flow = "x/y"
    handlers = ("address",)
    unreplicable = "a connection lives in the stack of one virtual CPU"

    cdef readonly object dhcp       # its DhcpInterface, if it has one
    cdef object given               # ADDRESS
    cdef readonly Stack stack
    cdef readonly list more_routes  # those added by hand: (prefix, gateway or None)
    cdef object named
    cdef object options
    cdef str stack_name
    cdef uint32_t number            # of the interface
    cdef Interface *link
    cdef Notifier nonempty
    cdef Timer timer
    cdef Timer dhcp_timer
    cdef bint told                  # that there are events
    cdef bint delivering            # them, within a run of the virtual CPU
    cdef bint unannounced           # addresses that the link has not heard of

    def configure(self, address: IPv4Prefix() = None, *, ether: Ether = None, gateway: IPv4 = None,
                  mtu: Integer(minimum=68, maximum=65535) = 1500, offload: Bool = True, stack: Word = "default",
                  dhcp: Bool = False):
        if dhcp and (address is not None or gateway is not None):
            raise ArgumentError("the server tells address and gateway: leave ADDRESS and GATEWAY out", "DHCP")
        if dhcp and ether is None:
            raise ArgumentError("is for Ethernet: give ETHER", "DHCP")
        if dhcp and mtu < DHCP_LEAST:
            raise ArgumentError(f"with DHCP packets of {DHCP_LEAST} bytes have to pass", "MTU")
        if ether is not None and ether.is_group:
            raise ArgumentError(f"{ether} is a group's address, not one host's: its first byte must be even", "ETHER")
        if address is not None and not is_of_one_host(address):
            raise ArgumentError(f"{address} is not the address of one host", "ADDRESS")
        if gateway is not None and address is not None and gateway == address.ip:
            raise ArgumentError(f"{gateway} is this host itself", "GATEWAY")
        if gateway is not None and (address is None or gateway not in address.network):
            raise ArgumentError(f"{gateway} is no neighbour: a gateway lies in the network of ADDRESS", "GATEWAY")
        self.given = address
        self.options = (None if ether is None else bytes(ether), mtu, offload, gateway, dhcp)
        self.stack_name = stack
        self.more_routes = []

    # The stack is touched from here on, and left as it was by suspend() and cleanup().

    def initialize(self):
        if self.router.threads is not None and len(self.router.threads.cpus) > 1:
            raise NetosError("a HostStack works on one thread: run without --threads")
        self.named = stack_of(self.cpu, self.stack_name, self)
        self.stack = self.named.stack
        self.attach()
        self.start_timer(&self.timer)
        self.start_timer(&self.dhcp_timer)
        self.dhcp_begins()
        self.start_task(True)

    def attach(self):
        """Have the interface: its settings are ours, we send what it has to send and hear of the stack's events."""
        ether, mtu, offload, _gateway, dhcp = self.options
        try:
            self.number = self.stack.set_interface(self.name, ether=ether, mtu=mtu, offload=offload)
        except ValueError as error:
            raise NetosError(str(error)) from error
        self.named.hold_interface(self.name, self)
        self.link = self.stack.interface(self.name)
        if dhcp:
            self.dhcp = self.named.hold_client(self.name, ether, self)
        self.set_addresses(announce=False)
        # Only when packets flow, because this graph may yet be refused
        self.unannounced = ether is not None and (ether, str(self.address)) not in self.named.announced
        self.link.ready = outbox_ready
        self.link.object = <void *>self
        self.stack.protocols.host.drop = drop_packet
        self.stack.protocols.host.drop_object = <void *>self
        self.stack.on_work = self.work
        self.told = False
        notifier_wake(&self.nonempty)

    def set_addresses(self, announce):
        """Have the addresses and routes that are ours now; return why routes cannot be."""
        ether, mtu, offload, gateway, dhcp = self.options
        address, lease = self.address, self.dhcp.lease if dhcp else None
        if lease is not None and lease.mtu is not None:
            mtu = min(mtu, lease.mtu)
        self.stack.set_interface(self.name, ether=ether, mtu=mtu, offload=offload)
        self.stack.set_addresses(self.name, [address] if address else [], gateway, announce=announce)
        refused = []
        wanted = dict([*(() if lease is None else self.dhcp.routes), *self.more_routes])
        for prefix, hop in sorted(wanted.items(), key=lambda route: route[1] is not None):
            try:                                # those without a gateway lead to those with one, and come first
                self.stack.add_route(prefix, hop, interface=self.name)
            except ValueError as error:
                refused.append(f"there is no route to {prefix}: {error}")
        return refused

    def detach(self):
        """Have the interface no more; nothing happens if another graph's element has it already."""
        if self.link == NULL or self.link.object != <void *>self:
            return
        self.link.ready = NULL
        self.link.object = NULL
        self.link.up = False
        self.stack.set_addresses(self.name, [], announce=False)
        if self.stack.protocols.host.drop_object == <void *>self:
            self.stack.protocols.host.drop = NULL
            self.stack.protocols.host.drop_object = NULL
        if self.stack.on_work == self.work:
            self.stack.on_work = None

    def suspend(self):
        Element.suspend(self)
        self.detach()

    def resume(self):
        self.attach()
        Element.resume(self)
        self.dhcp_begins()
        task_schedule(&self.task)

    def take_state(self, HostStack old):
        """Take the routes that were added by hand."""
        if self.stack is not old.stack:
            return
        self.more_routes = [*{**dict(self.more_routes), **dict(old.more_routes)}.items()]
        if self.link.object == <void *>self:    # else resume() sets them
            self.set_addresses(announce=False)

    def cleanup(self):
        if self.named is not None:
            self.detach()
            self.link = NULL
            if self.dhcp is not None:
                self.named.leave_client(self.dhcp, self)
            self.named.leave_interface(self.name, self)
            self.named.leave(self)
            self.named = None

    def __dealloc__(self):
        notifier_free(&self.nonempty)

    # Users

    def work(self):
        """A user of the stack left something to do."""
        task_schedule(&self.task)
        if not self.delivering:
            self.wake()

    def deliver(self, kind, value):
        """Tell users what has happened to their endpoints, or the DHCP client that it is time."""
        if kind == EVENT_DHCP:
            self.serve_dhcp()
            return
        self.told = False
        self.delivering = self.vcpu.deliver != NULL     # the run goes on behind this: it need not be woken
        try:
            for owner, events in self.stack.events():
                if owner.user is not None:
                    try:
                        owner.user.stack_event(events)
                    except Exception as error:          # one user's trouble is not another's
                        self.router.event_failed(self, error)
        finally:
            self.delivering = False

    # DHCP

    def dhcp_begins(self):
        """Have the client served as soon as packets flow."""
        if self.dhcp is not None:
            timer_schedule(&self.dhcp_timer, 0)

    def serve_dhcp(self):
        """Let the client do what is due, and be called again in time."""
        if self.link == NULL or self.link.object != <void *>self:
            return
        timer_schedule(&self.dhcp_timer, clock_steady(&self.vcpu.clock) + RETRY)     # should it fail
        due = self.dhcp.serve(clock_steady(&self.vcpu.clock))
        if due is None:
            timer_cancel(&self.dhcp_timer)
        else:
            timer_schedule(&self.dhcp_timer, due)
        self.wake()

    def lease_changed(self, lease):
        """Another address, or none any more."""
        self.stack.now = clock_steady(&self.vcpu.clock)
        for reason in self.set_addresses(announce=True):
            self.router.event_failed(self, NetosError(reason))
        self.work()                             # the stack has something to do later

    # Handlers

    @property
    def address(self):
        """The address with its prefix, "" without one."""
        if self.dhcp is None:
            return "" if self.given is None else str(self.given)
        return "" if self.dhcp.lease is None else str(self.dhcp.lease.interface)

    @read_handler
    def lease(self):
        """What a DHCP server has given: address, server, routes, name servers, seconds until it expires."""
        return "" if self.dhcp is None else self.dhcp.show_lease(clock_steady(&self.vcpu.clock))

    @read_handler
    def connections(self):
        """Connections, one a line."""
        return host_tables.connections(self.stack)

    @read_handler
    def counts(self):
        """Connections: open, half open, in TIME-WAIT."""
        return "{} {} {}".format(*self.stack.tcp_count)

    @read_handler
    def listeners(self):
        """Ports that are served, one a line: protocol, address, what waits there."""
        return host_tables.listeners(self.stack)

    @read_handler
    def neighbours(self):
        """Neighbours, one a line: address, Ethernet address, interface, state, seconds since it was confirmed."""
        return host_tables.neighbours(self.stack)

    @read_handler
    def routes(self):
        """Routes of the host, one a line: network, gateway or `-`, interface."""
        return host_tables.routes(self.stack)

    @read_handler
    def counters(self):
        """What the stack has counted, one name and number a line."""
        return "".join(f"{name} {count}\n" for name, count in self.stack.counters.items() if count)

    @read_handler
    def length(self):
        """Packets that wait to be sent."""
        return self.link.outbox.count if self.link != NULL else 0

    @read_handler
    def capacity(self):
        """Packets that can wait to be sent."""
        return OUTBOX

    @write_handler
    def kill(self, text: Raw):
        """End connections: LOCAL REMOTE."""
        host_tables.kill(self.stack, text)

    @write_handler
    def add_route(self, text: Raw):
        """Send what is for PREFIX to GATEWAY, or without one to the destination itself, over this interface."""
        prefix, gateway = host_tables.route_of(text)
        try:
            self.stack.add_route(prefix, gateway, interface=self.name)
        except ValueError as error:
            raise NetosError(str(error)) from error
        self.more_routes = [*(entry for entry in self.more_routes if entry[0] != prefix), (prefix, gateway)]

    @write_handler
    def remove_route(self, text: Raw):
        """Forget a route that add_route made."""
        prefix, _ = host_tables.route_of(text)
        if prefix not in [known for known, _ in self.more_routes]:
            raise NetosError(f"no route to {prefix} was added here")
        self.more_routes = [entry for entry in self.more_routes if entry[0] != prefix]
        self.attach()

    # Packets

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.nonempty

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        self.stack.protocols.host.drop_object = <void *>self
        self.stack.receive_batch(self.number, batch, clock_steady(&self.vcpu.clock))
        self.advance()

    cdef bint run_task(self) noexcept nogil:
        if self.unannounced:
            self.announce()
        self.advance()
        return True

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        if timer != &self.dhcp_timer:
            self.advance()
        elif self.vcpu.events_count == EVENTS_MAX:
            timer_schedule(timer, clock_steady(&self.vcpu.clock) + LATER)
        else:
            self.tell(EVENT_DHCP, 0)

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        self.stack.take_batch(self.number, limit, into)
        if self.link.outbox.count == 0:
            notifier_sleep(&self.nonempty)
            if self.stack.has_work():
                task_schedule(&self.task)           # there is room again

    cdef void announce(self) noexcept nogil:
        """Tell the link of addresses that are new (RFC 5227 section 2.3)."""
        cdef uint32_t i
        cdef Host *host = &self.stack.protocols.host
        self.unannounced = False
        host.now = max(host.now, clock_steady(&self.vcpu.clock))
        for i in range(self.link.address_count):
            arp_announce(self.link, i)
        with gil:
            self.named.announced.add((self.options[0], str(self.address)))

    cdef void advance(self) noexcept nogil:
        """Let the stack do what is due, be called again in time, and tell its users what has happened."""
        cdef int64_t due
        self.stack.advance(clock_steady(&self.vcpu.clock))
        due = self.stack.due()
        if due >= 0:
            timer_schedule(&self.timer, due)
        else:
            timer_cancel(&self.timer)
        if self.stack.has_events() and not self.told:
            if self.vcpu.events_count == EVENTS_MAX:
                task_schedule(&self.task)           # nothing more can be told just now
                return
            self.told = True
            self.tell(0, 0)

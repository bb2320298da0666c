"""A host's protocol stack, sans-IO: packets and the time go in; packets, events and the next timeout come out.

    stack = Stack(cpu)                      # buffers come from this virtual CPU
    stack.set_interface("eth0", ether=b"\\x02\\0\\0\\0\\0\\1")
    stack.set_addresses("eth0", ["10.0.0.2/24"], gateway="10.0.0.1")
    listener = TcpListener(stack, ("0.0.0.0", 80))     # of netos.proto.endpoints
    stack.receive("eth0", frames, now)      # nanoseconds, never going back
    for owner, events in stack.events(): …  # endpoints, and what has happened to them
    frames = stack.take("eth0")
    stack.poll(now)                         # at stack.next_timeout at the latest

Nothing here reads a clock, and nothing blocks. Addresses are text or what `str` makes text of them; endpoints are
(address, port).
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from netos.packet cimport BATCH_MAX, DROP_CLOSED, Batch, Descriptor
from netos.packet_handle cimport Packet, packet_wrap
from netos.proto.arguments cimport bounded, endpoint_of, nanoseconds_of
from netos.proto.deadlines cimport deadlines_expire, deadlines_next
from netos.proto.host cimport (
    INTERFACES_MAX, INTERFACE_ADDRESSES, Host, Interface, Packets, host_discard, host_free, host_init,
    host_is_neighbour, packets_take,
)
from netos.proto.inet cimport address_ipv4
from netos.proto.ip_reassembly cimport reassembly_free, reassembly_init
from netos.proto.neighbours cimport (
    arp_announce, arp_announce_later, neighbours_forget, neighbours_free, neighbours_init,
)
from netos.proto.routes cimport RouteTable
from netos.proto.stack_input cimport ethernet_input, ip_input, settle
from netos.proto.tcp_block cimport (
    EVENT_ACCEPTABLE, EVENT_READABLE, TCB_EVENTFUL, TCB_SACK, TCB_TIMESTAMPS, TCB_WINDOW_SCALING, Listener, Tcb, Tcp,
)
from netos.proto.tcp_table cimport tcp_free, tcp_init, tcp_memory
from netos.proto.udp_ports cimport UdpPort
from netos.proto.unreachable cimport neighbour_unreachable

from netos.addresses import EtherAddress, ipv4_number, parse_ipv4, parse_ipv4_prefix
from netos.proto.host import COUNTERS as HOST_COUNTERS
from netos.proto.routes_radix import RadixRoutes
from netos.proto.tcp_table import COUNTERS as TCP_COUNTERS

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident()

cdef enum:
    BUFFER_MOST = 1 << 29       # what a window of RFC 7323 can tell, and a ring hold
    WINDOW_MOST = 10000
cdef int64_t MEMORY_MOST = (<int64_t>1 << 62) - 1


cdef int32_t find_route(void *routes, uint32_t destination) noexcept nogil:
    return (<RouteTable>routes).find(destination)


@cython.no_gc_clear
cdef class Stack:
    """Interfaces, routes, neighbours, UDP ports and TCP connections of one host; see the module."""

    def __cinit__(self, cpu, uint32_t connections=65536):
        cdef Packet none = cpu.no_packet()      # one could not be made while the virtual CPU runs in another thread
        self.cpu, self.vcpu = none.owner, none.vcpu
        self.names = {}
        self.left = []
        self.routes = RadixRoutes()
        self.protocols = <Protocols *>calloc(1, sizeof(Protocols))
        if self.protocols == NULL:
            raise MemoryError("no memory for a stack")
        host_init(&self.protocols.host, self.vcpu)
        neighbours_init(&self.protocols.host)
        self.protocols.host.routes = &(<RouteTable>self.routes).data
        self.protocols.host.find_route = find_route
        self.protocols.host.routes_object = <void *>self.routes
        reassembly_init(&self.protocols.reassembly, &self.protocols.host)
        tcp_init(&self.protocols.tcp, &self.protocols.host, connections)
        self.protocols.udp.host = &self.protocols.host
        self.protocols.host.unreachable = neighbour_unreachable

    def __dealloc__(self):
        if self.protocols != NULL:
            self.end_left()
            neighbours_free(&self.protocols.host)       # while the timers of connections, in the same heap, exist
            reassembly_free(&self.protocols.reassembly)
            tcp_free(&self.protocols.tcp)
            host_free(&self.protocols.host)
            free(self.protocols)

    # Set-up

    def set_interface(self, str name not None, *, ether=None, uint32_t mtu=1500, bint offload=False):
        """Make a link by the name `name`, or change the one there is; return its number.

        Without an Ethernet address its packets begin with the IP header. `offload`: the link takes segmentation packets
        and partial checksums (virtio-net headers).
        """
        cdef Interface *interface
        cdef bytes packed = bytes(6) if ether is None else bytes(EtherAddress(ether))
        bounded("an MTU is from {} to {} bytes", 68, mtu, 65535)
        if name not in self.names:
            self.make_interface(name)
        interface = self.interface(name)
        memcpy(interface.ether, <char *>packed, 6)
        interface.framed = ether is not None
        interface.mtu = mtu
        interface.offload = offload
        interface.up = True
        return interface.number

    def make_interface(self, name):
        """An interface without any settings, in the place of one that was removed, if there is such a place."""
        cdef Host *host = &self.protocols.host
        cdef uint32_t number = min(set(range(INTERFACES_MAX + 1)) - set(self.names.values()))
        if number == INTERFACES_MAX:
            raise ValueError(f"a host has {INTERFACES_MAX} interfaces at most")
        if host.interfaces[number].outbox == NULL:
            host.interfaces[number].outbox = <Packets *>calloc(1, sizeof(Packets))
            if host.interfaces[number].outbox == NULL:
                raise MemoryError("no memory for an interface")
        self.names[name] = number
        host.interface_count = max(host.interface_count, number + 1)

    def remove_interface(self, name):
        """Forget an interface, with its addresses, routes, neighbours and the packets it has not sent."""
        cdef Interface *interface = self.interface(name)
        self.set_addresses(name, [], announce=False)
        interface.up = False
        interface.ready = NULL
        interface.object = NULL
        neighbours_forget(&self.protocols.host, interface)
        while interface.outbox.count:
            host_discard(&self.protocols.host, packets_take(interface.outbox), DROP_CLOSED)
        del self.names[name]

    cdef Interface *interface(self, name) except NULL:
        if name not in self.names:
            raise ValueError(f"there is no interface {name}")
        return &self.protocols.host.interfaces[<uint32_t>self.names[name]]

    def set_addresses(self, name, prefixes, gateway=None, *, bint announce=True):
        """The addresses of an interface, as 10.0.0.2/24, each with the route to its neighbours; and the default route.

        Other routes over it are gone. New addresses are announced, if `announce`, now and two seconds later (RFC 5227
        section 2.3); connections of those that are gone end when they notice.
        """
        cdef Interface *interface = self.interface(name)
        cdef uint32_t i
        wanted = [parse_ipv4_prefix(str(prefix)) for prefix in prefixes]
        if gateway:                             # what is refused changes nothing
            router = parse_ipv4(str(gateway))
            if not any(router in made.network and router != made.ip for made in wanted):
                raise ValueError(f"{gateway} is no neighbour on {name}: a gateway lies in an address's network")
        before = {text: interface.addresses[i].announce_at for i, text in enumerate(self.addresses(name))}
        if len(wanted) > INTERFACE_ADDRESSES:
            raise ValueError(f"an interface has {INTERFACE_ADDRESSES} addresses at most")
        for network, length, _gateway, port in self.routes.table():
            if port == interface.number:
                self.routes.remove(network, length)
        interface.address_count = 0
        for made in wanted:
            i = interface.address_count
            interface.addresses[i].address = address_ipv4(int(made.ip))
            interface.addresses[i].prefix_length = made.network.prefixlen
            interface.addresses[i].defended_at = 0
            interface.addresses[i].announce_at = before.get(str(made), 0)
            interface.address_count += 1
            self.routes.add(int(made.network.network_address), made.network.prefixlen, 0, interface.number, True)
            if announce and interface.framed and str(made) not in before:
                arp_announce(interface, i)
        arp_announce_later(interface)
        if gateway:
            self.add_route("0.0.0.0/0", gateway, interface=name)

    def add_route(self, prefix, gateway=None, *, interface):
        """Packets to `prefix` go to the neighbour `gateway`, or to their destination on the link itself.

        ValueError: no address's network, and no route without a gateway, has the gateway on this link.
        """
        cdef uint32_t router = ipv4_number(str(gateway)) if gateway else 0
        cdef Interface *link = self.interface(interface)
        made = parse_ipv4_prefix(str(prefix))
        if gateway and not host_is_neighbour(&self.protocols.host, link, router):
            raise ValueError(f"{gateway} is no neighbour on {interface}: a gateway lies in an address's network, or "
                             "has a route of its own without a gateway")
        self.routes.add(int(made.network.network_address), made.network.prefixlen, router, link.number, True)

    def addresses(self, name):
        """The addresses of an interface, as text with their prefix lengths."""
        cdef Interface *interface = self.interface(name)
        return [f"{endpoint_of(&interface.addresses[i].address, 0)[0]}/{interface.addresses[i].prefix_length}"
                for i in range(interface.address_count)]

    def configure_tcp(self, *, window_scaling=None, timestamps=None, sack=None, ecn=None, always_cookies=None,
                      receive_buffer=None, send_buffer=None, user_timeout=None, segment_lifetime=None,
                      initial_window=None, memory=None):
        """Change how TCP is from the next connection on; what is not named stays. Buffers in bytes, times in seconds.

        The first three are options that are offered and taken, as `ecn` is offered (it is always taken). `memory` bytes
        are what the buffers of all connections may take together, but for 4 KiB each.
        """
        cdef Tcp *tcp = &self.protocols.tcp
        cdef int64_t patience = tcp.user_timeout if user_timeout is None else nanoseconds_of(user_timeout)
        cdef int64_t lifetime = tcp.msl if segment_lifetime is None else nanoseconds_of(segment_lifetime)
        bounded("a buffer is from {} to {} bytes", 1, receive_buffer, BUFFER_MOST)
        bounded("a buffer is from {} to {} bytes", 1, send_buffer, BUFFER_MOST)
        bounded("memory is from {} to {} bytes", 0, memory, MEMORY_MOST)
        bounded("an initial window is from {} to {} segments", 1, initial_window, WINDOW_MOST)
        for bit, wanted in ((TCB_WINDOW_SCALING, window_scaling), (TCB_TIMESTAMPS, timestamps), (TCB_SACK, sack)):
            if wanted is not None:
                tcp.refused = tcp.refused & ~<uint32_t>bit | (0 if wanted else <uint32_t>bit)
        tcp.ecn = tcp.ecn if ecn is None else ecn
        tcp.always_cookies = tcp.always_cookies if always_cookies is None else always_cookies
        tcp.receive_limit = tcp.receive_limit if receive_buffer is None else receive_buffer
        tcp.send_limit = tcp.send_limit if send_buffer is None else send_buffer
        tcp.rings.limit = tcp.rings.limit if memory is None else memory
        tcp.user_timeout, tcp.msl = patience, lifetime
        tcp.initial_window = tcp.initial_window if initial_window is None else initial_window

    @property
    def ttl(self):
        """The time to live of packets that leave, 1 to 255."""
        return self.protocols.host.ttl

    @ttl.setter
    def ttl(self, uint8_t value):
        if not value:
            raise ValueError("a time to live is from 1 to 255")
        self.protocols.host.ttl = value

    # Packets and time

    cdef void receive_batch(self, uint32_t interface, Batch *batch, int64_t now) noexcept nogil:
        """Packets from an interface's device; they are given away. Nothing is sent before advance()."""
        cdef Interface *at = &self.protocols.host.interfaces[interface]
        cdef uint32_t i
        self.thread = PyThread_get_thread_ident()
        self.protocols.host.now = max(now, self.protocols.host.now)
        for i in range(batch.count):
            if at.framed:
                ethernet_input(self.protocols, at, batch.packets[i])
            else:
                ip_input(self.protocols, batch.packets[i], 0)
        batch.count = 0

    cdef uint32_t take_batch(self, uint32_t interface, uint32_t limit, Batch *into) noexcept nogil:
        """Append up to `limit` packets that an interface is to send; return how many."""
        cdef Packets *outbox = self.protocols.host.interfaces[interface].outbox
        cdef uint32_t count = min(limit, outbox.count)
        for _ in range(count):
            into.packets[into.count] = packets_take(outbox)
            into.count += 1
        return count

    cdef void advance(self, int64_t now) noexcept nogil:
        """Do what is due at this time, and send what can be sent."""
        self.working = False
        self.thread = PyThread_get_thread_ident()
        self.protocols.host.now = max(now, self.protocols.host.now)
        deadlines_expire(&self.protocols.host.deadlines, self.protocols.host.now)
        settle(self.protocols)

    cdef int64_t due(self) noexcept nogil:
        """When advance() has to be called again, -1: not before something happens."""
        if self.protocols.host.loop.count:
            return self.protocols.host.now
        return deadlines_next(&self.protocols.host.deadlines)

    cdef bint has_work(self) noexcept nogil:
        """Whether advance() would find something to do now: connections that may send, packets to the host itself."""
        return self.protocols.tcp.touched != NULL or self.protocols.host.loop.count != 0

    cdef bint has_events(self) noexcept nogil:
        return (self.protocols.tcp.eventful_first != NULL or self.protocols.tcp.eventful_listeners != NULL
                or self.protocols.udp.eventful != NULL or self.leaving)

    cdef int work(self) except -1:
        """A user's call left something to do: have advance() called."""
        if self.on_work is not None and not self.working:
            self.working = True
            self.on_work()
        return 0

    cdef void let_go(self, Ending ending, void *what, void **owner):
        """An endpoint is no more, and was not closed: end what it had.

        The garbage collector may find that in any thread, while the stack runs without the GIL in its own: then it is
        only remembered, until the stack is called with the GIL. No more events are for it: its owner is the stack.
        """
        if self.thread == 0 or self.thread == PyThread_get_thread_ident():
            ending(self.protocols, what)
            return
        owner[0] = <void *>self
        self.left.append((<size_t>ending, <size_t>what))
        self.leaving = True

    cdef void end_left(self):
        """End what other threads have let go of; with the GIL, in the stack's thread."""
        self.leaving = False
        while self.left:
            ending, what = self.left.pop()
            (<Ending><size_t>ending)(self.protocols, <void *><size_t>what)

    def receive(self, name, packets, int64_t now):
        """Packets (bytes, or netos packets, which are given away) from an interface's device, and the time."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef Packet packet
        cdef uint32_t number = self.interface(name).number
        batch.packets = pointers
        for item in packets:
            packet = item if isinstance(item, Packet) else self.cpu.packet(item)
            self.cpu.adopt(packet)
            pointers[0] = packet.give()
            batch.count = 1
            self.receive_batch(number, &batch, now)
        self.poll(now)

    def take(self, name, uint32_t limit=BATCH_MAX):
        """What an interface is to send, as a list of packets."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        batch.packets = pointers
        batch.count = 0
        self.take_batch(self.interface(name).number, min(limit, <uint32_t>BATCH_MAX), &batch)
        return [packet_wrap(self.vcpu, self.cpu, pointers[i]) for i in range(batch.count)]

    def poll(self, int64_t now):
        """Do what is due at this time, and send what can be sent."""
        self.end_left()
        with nogil:
            self.advance(now)

    @property
    def now(self):
        """The time the stack was last told, in nanoseconds."""
        return self.protocols.host.now

    @now.setter
    def now(self, int64_t value):
        self.protocols.host.now = max(value, self.protocols.host.now)

    @property
    def next_timeout(self):
        """When poll() has to be called at the latest, None: not before something happens."""
        cdef int64_t when = self.due()
        return None if when < 0 else when

    # Users

    def events(self):
        """What has happened since the last time, as (endpoint, events): bits of netos.proto.endpoints."""
        cdef Tcb *tcb
        cdef Listener *listener
        cdef UdpPort *port
        found = []
        if self.leaving:
            self.end_left()
            self.work()
        while self.protocols.tcp.eventful_listeners != NULL:
            listener = self.protocols.tcp.eventful_listeners
            self.protocols.tcp.eventful_listeners = listener.next_eventful
            listener.eventful = 0
            if listener.owner != NULL and listener.owner != <void *>self:
                found.append((<object>listener.owner, EVENT_ACCEPTABLE))
        while self.protocols.tcp.eventful_first != NULL:
            tcb = self.protocols.tcp.eventful_first
            self.protocols.tcp.eventful_first = tcb.next_eventful
            tcb.bits &= ~<uint32_t>TCB_EVENTFUL
            if tcb.owner != NULL and tcb.owner != <void *>self:
                found.append((<object>tcb.owner, tcb.events))
                tcb.events = 0
        while self.protocols.udp.eventful != NULL:
            port = self.protocols.udp.eventful
            self.protocols.udp.eventful = port.next_eventful
            port.eventful = 0
            if port.owner != NULL and port.owner != <void *>self:
                found.append((<object>port.owner, EVENT_READABLE))
        return found

    @property
    def counters(self):
        """What was counted so far, by name."""
        found = {name: self.protocols.host.counts[number] for number, name in enumerate(HOST_COUNTERS)}
        found.update({f"tcp_{name}": self.protocols.tcp.counts[number] for number, name in enumerate(TCP_COUNTERS)})
        return found

    @property
    def tcp_count(self):
        """Connections: open, half open, and waiting out their time."""
        return (self.protocols.tcp.blocks.used, self.protocols.tcp.half_opens.used, self.protocols.tcp.time_waits.used)

    @property
    def memory(self):
        """Bytes that TCP has taken, by what for; see tcp_memory()."""
        return tcp_memory(&self.protocols.tcp)

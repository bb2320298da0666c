"""ConnTrack: say of each packet whether its connection is new, established, related or none (nf_conntrack's states)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from elements.firewall.tracking cimport set_flow
from elements.ip.header cimport marked_whole_ip
from netos.element cimport Element, port_push
from netos.kernel.clock cimport NANOSECONDS, clock_peek
from netos.kernel.mailbox cimport Letter, siblings_make
from netos.kernel.timer cimport Timer, timer_schedule, timer_scheduled
from netos.packet cimport (
    ANNO_PAINT, BATCH_MAX, DROP_HALF_OPEN, DROP_TABLE_FULL, Batch, Descriptor, packet_network_length,
)
from netos.proto.flow_table cimport FlowTable
from netos.proto.flow_track cimport (
    READ_NOTHING, READ_QUOTE, Reading, flow_prefetch, flow_prefetch_connection, flow_read, flow_track,
)
from netos.proto.flows cimport (
    FLOW_HALF_OPEN, FLOW_NEW, FLOW_REFUSED, NO_FLOW, WHEEL_SHIFT, Connection, Flows, Tuple, flow_lookup, flow_of,
    flows_expire,
)
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, ip_header_length
from netos.proto.tcp cimport TCP_ACK, TCP_SYN, tcp_flags

from elements.firewall.flow_text import flow_key, flow_line, flow_timeout, timeout_lines, total_lines
from netos.args import Bool, Seconds, Unsigned
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler

cdef enum:
    EXPIRE_IN_PASSING = 32      # connections freed when a packet comes
    EXPIRE_AT_ONCE = 4096       # freed by the timer in one go


cdef void hear_sibling(void *object, Letter *letter) noexcept nogil:
    (<ConnTrack>object).hear_of(letter)


cdef int share_owner(const Share *shares, uint32_t count, uint32_t replicas, const Tuple *key) noexcept nogil:
    """The replica that the port a packet is sent to belongs to; -1: it belongs to none (see nat_arguments.share_of)."""
    cdef uint32_t i
    for i in range(count):
        if key.destination != shares[i].address:
            continue
        if key.protocol == IP_PROTOCOL_ICMP:
            return <int>(((key.destination_port + 1) * replicas - 1) // 65536)
        if key.protocol != IP_PROTOCOL_TCP and key.protocol != IP_PROTOCOL_UDP:
            return -1
        if key.destination_port >= shares[i].first and key.destination_port - shares[i].first < shares[i].count:
            return <int>(((key.destination_port - shares[i].first + 1) * replicas - 1) // shares[i].count)
    return -1


cdef class ConnTrack(Element):
    """Find or make the connection of each IP packet and note its state, for `state` in IPFilter's rules and for NAT.

    At most CAPACITY connections are kept, in memory taken at the start; when there are that many, one that is not yet
    assured gives way, or the packet is dropped as table-full (output 1, if connected). HALF_OPEN (0:
    none) limits TCP handshakes under way likewise; HALF_OPEN_EACH (0: none) those with one destination address, beyond
    which a SYN for it is dropped as half-open. LOOSE takes up TCP connections in the middle. The rest are timeouts
    of the states. A packet makes a connection at once; if the configuration has a ConnTrackConfirm, it is forgotten
    after UNCONFIRMED unless it passes there, and has no replies before.
    Packets need a network header; fragments but the first are invalid. Replicas hand packets to the one that knows
    their connection, where they can tell (`handed_over`): see docs/operate.md.
    Handlers: count, capacity, memory, flows, stats, timeouts (read), kill `PROTOCOL SRC:PORT DST:PORT`, clear,
    timeout `STATE TIME` (write).
    """

    ports = "1/1-2"
    processing = "a/ah"
    live_reconfigure = True
    handlers = ("handed_over",)
    combine = {"flows": "lines", "stats": "table", "kill": "any"}

    def __cinit__(self, *args, **kwargs):
        self.siblings = siblings_make(hear_sibling, <void *>self)
        self.share_texts = {}

    def configure(self, capacity: Unsigned(minimum=1, maximum=1 << 28) = 65536, *, half_open: Unsigned = 0,
                  half_open_each: Unsigned = 0, loose: Bool = False, tcp_syn_sent: Seconds = None,
                  tcp_syn_received: Seconds = None, tcp_established: Seconds = None,
                  tcp_fin_wait: Seconds = None, tcp_close_wait: Seconds = None, tcp_last_ack: Seconds = None,
                  tcp_time_wait: Seconds = None, tcp_close: Seconds = None, udp: Seconds = None,
                  udp_stream: Seconds = None, icmp: Seconds = None, other: Seconds = None, other_stream: Seconds = None,
                  unconfirmed: Seconds = None):
        cdef FlowTable before = self.table
        self.table = FlowTable(capacity)
        if before is not None:
            self.table.flows.confirming = before.flows.confirming
            self.table.move_from(before, self.cpu.now)
        self.table.flows.loose = loose
        self.table.flows.half_open = half_open
        self.table.limit_half_open(half_open_each)
        for state, time in {
                "syn-sent": tcp_syn_sent, "syn-crossed": tcp_syn_sent, "syn-received": tcp_syn_received,
                "established": tcp_established, "fin-wait": tcp_fin_wait, "close-wait": tcp_close_wait,
                "last-ack": tcp_last_ack, "time-wait": tcp_time_wait, "closed": tcp_close, "udp-unreplied": udp,
                "udp-stream": udp_stream, "icmp": icmp, "other-unreplied": other, "other-stream": other_stream,
                "unconfirmed": unconfirmed}.items():
            if time is not None:
                self.table.set_timeout(state, time)

    def initialize(self):
        self.start_timer(&self.timer)
        self.hands_over = self.output_processing[0] == "h"

    def take_state(self, ConnTrack old not None):
        """Take over the connections of the element this one replaces."""
        self.table.move_from(old.table, self.cpu.now)
        self.turn()

    def confirm(self):
        """Let connections be confirmed by somebody: ConnTrackConfirm calls this when it is configured."""
        self.table.flows.confirming = True

    @property
    def flow_table(self):
        """The table, for `netos flows` and `netos reload --kill-states`."""
        return self.table

    @property
    def confirming(self):
        """Whether connections are confirmed by a ConnTrackConfirm."""
        return bool(self.table.flows.confirming)

    @read_handler
    def count(self):
        """Connections there are."""
        self.table.expire(self.cpu.now)
        return self.table.count

    @read_handler("capacity")
    def room(self):
        """Connections there is room for."""
        return self.table.capacity

    @read_handler
    def memory(self):
        """Bytes the table takes, whatever happens."""
        return self.table.memory

    @read_handler("flows")
    def list_flows(self):
        """A line each connection: protocol, state, seconds left, both tuples, packets and bytes, flags."""
        return "".join(map(flow_line, self.table.rows(self.cpu.now)))

    @read_handler
    def stats(self):
        """How many connections are in which state, and what has become of the others."""
        return total_lines(self.table.states, self.table.totals)

    @read_handler
    def timeouts(self):
        """A line each state: its timeout in seconds."""
        return timeout_lines(self.table)

    @write_handler("timeout")
    def set_timeout(self, text):
        """Set the timeout of one state: `established 1h`."""
        self.table.set_timeout(*flow_timeout(text))

    @write_handler
    def kill(self, text):
        """Forget the connection that has this tuple, in either direction."""
        flow_key(text, lambda key: self.table.kill(key, self.cpu.now))

    @write_handler
    def clear(self):
        """Forget all connections."""
        self.table.clear()

    cdef void turn(self) noexcept nogil:
        """See to it that what expires is freed."""
        if self.table.flows.count and not timer_scheduled(&self.timer):
            timer_schedule(&self.timer, clock_peek(&self.vcpu.clock) + NANOSECONDS)

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        if flows_expire(&self.table.flows, now, EXPIRE_AT_ONCE) == EXPIRE_AT_ONCE:
            timer_schedule(timer, now + NANOSECONDS // 1000)
        else:
            self.turn()

    def share_ports(self, name, address, first, last):
        """Replicas have parts of these ports of an address (a number), and of all identifiers: `name` says so."""
        if name not in self.share_texts and len(self.share_texts) == SHARES_MAX:
            raise ArgumentError(f"at most {SHARES_MAX} SourceNats of replicas can share a ConnTrack")
        self.share_texts[name] = address, first, last - first + 1
        self.share_count = 0
        for share in self.share_texts.values():
            self.shares[self.share_count] = Share(share[0], share[1], share[2])
            self.share_count += 1

    cdef void hear_of(self, Letter *letter) noexcept nogil:
        """A replica does not know the connection of a packet."""
        cdef Batch batch
        batch.packets = &letter.packet
        batch.count = 1
        self.track(&batch, <uint32_t>letter.kind)
        if batch.count:
            port_push(&self.outputs[0], &batch)

    cdef bint hand_over(self, Descriptor *packet, const uint8_t *ip, Reading *reading, uint32_t hops,
                        int64_t now) noexcept nogil:
        """Give a packet of no connection here to the replica whose port it is sent to; or, if it cannot begin one, to
        the next, until all have seen it. 0: it stays here."""
        cdef Flows *flows = &self.table.flows
        cdef uint32_t replicas = self.siblings.count
        cdef uint32_t target = (self.siblings.replica + 1) % replicas
        cdef int owner
        cdef Letter letter
        if hops >= replicas - 1 or flow_lookup(flows, &reading.key, reading.hashed, now) != NO_FLOW:
            return 0
        owner = share_owner(self.shares, self.share_count, replicas, &reading.key)
        if owner >= 0:
            target = <uint32_t>owner
            hops = replicas
        elif reading.kind != READ_QUOTE and not (
                reading.key.protocol == IP_PROTOCOL_TCP
                and tcp_flags(ip + ip_header_length(ip)) & (TCP_SYN | TCP_ACK) != TCP_SYN):
            return 0
        if target == self.siblings.replica:
            return 0
        letter = Letter(NULL, packet, hops + 1, 0, 0)
        if not self.siblings.send(target, &letter):
            return 0
        self.handed_over += 1
        return 1

    cdef void process(self, Batch *batch) noexcept nogil:
        self.track(batch, 0)

    cdef void track(self, Batch *batch, uint32_t hops) noexcept nogil:
        """Note the connections of packets that so many replicas have seen before."""
        cdef Reading readings[BATCH_MAX]
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef int state
        cdef uint8_t *ip
        cdef Descriptor *packet
        cdef Connection *connection
        cdef Flows *flows = &self.table.flows
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        if flows.tick != <uint32_t>(now >> WHEEL_SHIFT):
            flows_expire(flows, now, EXPIRE_IN_PASSING)
        for i in range(batch.count):        # three passes, so that what one packet waits for comes for all at once
            ip = marked_whole_ip(batch.packets[i])
            if ip == NULL:
                readings[i].kind = READ_NOTHING
            elif flow_read(flows, ip, packet_network_length(batch.packets[i]), &readings[i]) != READ_NOTHING:
                flow_prefetch(flows, &readings[i])
        for i in range(batch.count):
            if readings[i].kind != READ_NOTHING:
                flow_prefetch_connection(flows, &readings[i])
        for i in range(batch.count):
            packet = batch.packets[i]
            readings[i].reference = 0
            ip = marked_whole_ip(packet)
            if (self.siblings.count > 1 and self.hands_over and readings[i].kind != READ_NOTHING
                    and self.hand_over(packet, ip, &readings[i], hops, now)):
                continue
            state = flow_track(flows, ip, &readings[i], now)
            if state >= FLOW_REFUSED:
                self.reject(packet, DROP_HALF_OPEN if state == FLOW_HALF_OPEN else DROP_TABLE_FULL)
                continue
            if state == FLOW_NEW and readings[i].reference != NO_FLOW:
                connection = flow_of(flows, readings[i].reference)
                if connection.mark == 0:        # where it came in, for rules that ask: see netos reload --kill-states
                    connection.mark = <uint16_t>(packet.annotations[ANNO_PAINT] + 1)
            set_flow(packet, state, readings[i].reference)
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
        self.turn()

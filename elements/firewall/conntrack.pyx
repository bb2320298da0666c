"""ConnTrack: say of each packet whether its connection is new, established, related or none (nf_conntrack's states)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from elements.firewall.tracking cimport set_flow
from elements.ip.header cimport marked_whole_ip
from netos.element cimport Element
from netos.kernel.clock cimport NANOSECONDS, clock_peek
from netos.kernel.timer cimport Timer, timer_schedule, timer_scheduled
from netos.packet cimport (
    ANNO_PAINT, BATCH_MAX, DROP_HALF_OPEN, DROP_TABLE_FULL, Batch, Descriptor, packet_network_length,
)
from netos.proto.flow_table cimport FlowTable
from netos.proto.flow_track cimport (
    READ_NOTHING, Reading, flow_prefetch, flow_prefetch_connection, flow_read, flow_track,
)
from netos.proto.flows cimport (
    FLOW_HALF_OPEN, FLOW_NEW, FLOW_REFUSED, NO_FLOW, WHEEL_SHIFT, Connection, Flows, flow_of, flows_expire,
)

from elements.firewall.flow_text import flow_key, flow_line, flow_timeout, timeout_lines, total_lines
from netos.args import Bool, Seconds, Unsigned
from netos.handlers import read_handler, write_handler

cdef enum:
    EXPIRE_IN_PASSING = 32      # connections freed when a packet comes
    EXPIRE_AT_ONCE = 4096       # freed by the timer in one go


cdef class ConnTrack(Element):
    """Find or make the connection of each IP packet and note its state, for `state` in IPFilter's rules and for NAT.

    At most CAPACITY connections are kept, in memory taken at the start; when there are that many, one that is not yet
    assured gives way, or the packet is dropped as table-full (output 1, if connected). HALF_OPEN (0:
    none) limits TCP handshakes under way likewise; HALF_OPEN_EACH (0: none) those with one destination address, beyond
    which a SYN for it is dropped as half-open. LOOSE takes up TCP connections in the middle. The rest are timeouts
    of the states. A packet makes a connection at once; if the configuration has a ConnTrackConfirm, it is forgotten
    after UNCONFIRMED unless it passes there, and has no replies before.
    Packets need a network header; fragments but the first are invalid.
    Handlers: count, capacity, memory, flows, stats, timeouts (read), kill `PROTOCOL SRC:PORT DST:PORT`, clear,
    timeout `STATE TIME` (write).
    """

    ports = "1/1-2"
    processing = "a/ah"
    live_reconfigure = True
    combine = {"flows": "lines", "stats": "table"}

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

    cdef void process(self, Batch *batch) noexcept nogil:
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

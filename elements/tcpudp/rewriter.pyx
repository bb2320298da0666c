"""Rewriting the addresses and ports of flows and of their replies (Click's IPRewriterBase), on a connection table."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from elements.firewall.tracking cimport DESTINATION_END, SOURCE_END, Tracked, needs_translation, translate
from elements.ip.header cimport marked_whole_ip
from netos.element cimport Element
from netos.kernel.clock cimport NANOSECONDS, clock_peek
from netos.kernel.timer cimport Timer, timer_schedule, timer_scheduled
from netos.packet cimport (
    DROP_FILTERED, DROP_NO_BUFFER, DROP_NO_MAPPING, DROP_NOT_IP, Batch, Descriptor, Frame, packet_network_length,
    packet_set_destination, packet_writable,
)
from netos.proto.flow_table cimport FlowTable
from netos.proto.flow_track cimport READ_PACKET, Reading, flow_read
from netos.proto.flows cimport (
    FLOW_ASSURED, FLOW_FIN_FORWARD, FLOW_FIN_REPLY, FLOW_REPLIED, ICMP_QUERY, NO_FLOW, OTHER_STREAM, OTHER_UNREPLIED,
    TCP_CLOSED, TCP_ESTABLISHED, TCP_SYN_SENT, TCP_TIME_WAIT, UDP_STREAM, UDP_UNREPLIED, Connection, Flows, Tuple,
    flow_confirm, flow_create, flow_direction, flow_enter, flow_hash, flow_lookup, flow_of, flows_expire, tuple_invert,
)
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, ip_header_length, ip_total_length
from netos.proto.tcp cimport TCP_FIN, TCP_RST, TCP_SYN, tcp_flags
from netos.wire cimport htobe32
from netos.staging cimport emit, frame_enter

from elements.firewall.flow_text import ends
from elements.firewall.nat_arguments import share_of
from elements.tcpudp.rewriter_spec import parse_spec
from netos.args.each import read_each
from netos.errors import ArgumentError
from netos.handlers import read_handler

cdef enum:                      # rewriter_spec's kinds and choices
    SPEC_DROP, SPEC_PASS, SPEC_KEEP, SPEC_PATTERN

cdef enum:
    PREFERRED, SEQUENTIAL, RANDOM

cdef enum:
    TRIES = 256
    EXPIRE_AT_ONCE = 4096


cdef class Rewriter(Element):
    """Map flows by the specification of the input where each begins; see IPRewriter."""

    combine = dict.fromkeys(("table", "mappings", "tcp_table", "tcp_mappings", "udp_table", "udp_mappings"), "lines")

    def __dealloc__(self):
        free(self.rules)

    def set_up(self, specs, capacity, dst_anno, reply_anno, timeouts):
        """What configure() of the elements does: `timeouts` is nanoseconds by state."""
        cdef InputRule *rule
        if len(specs) != self.n_inputs:
            raise ArgumentError(f"need {self.n_inputs} arguments, one per input port, not {len(specs)}")
        scope = self.router.scope(self.name)
        parsed = read_each(lambda spec: parse_spec(spec, self.n_outputs, scope), specs)
        self.table = FlowTable(capacity)
        for state, time in timeouts.items():
            self.table.set_timeout(state, time)
        self.sets_destination_annotation = dst_anno
        self.reply_annotation = -1 if reply_anno is None else reply_anno.offset
        free(self.rules)
        self.rule_count = 0
        self.rules = <InputRule *>calloc(len(parsed) + 1, sizeof(InputRule))
        if self.rules == NULL:
            raise MemoryError(f"netos: no memory for {self.name}")
        for spec in parsed:
            rule = &self.rules[self.rule_count]
            pattern = spec.pattern
            rule.kind, rule.forward, rule.reply, rule.choice = spec.kind, spec.forward, spec.reply, pattern.choice
            rule.sets_source, rule.sets_ports = pattern.source is not None, pattern.ports is not None
            source, ports = self.own_part(pattern.source, pattern.ports)
            rule.source, rule.source_last = source or (0, 0)
            rule.first_port, rule.last_port = ports or (0, 0)
            rule.sets_destination = pattern.destination is not None
            rule.destination = pattern.destination or 0
            rule.sets_destination_port = pattern.destination_port is not None
            rule.destination_port = pattern.destination_port or 0
            self.rule_count += 1

    def own_part(self, source, ports):
        """The addresses and ports that this replica chooses from: its part of the ports, or else of the addresses."""
        if ports is not None and ports[0] < ports[1]:
            return source, share_of(*ports, self.cpu)
        if source is not None and source[0] < source[1]:
            return share_of(*source, self.cpu), ports
        return source, ports

    def initialize(self):
        self.start_timer(&self.timer)

    def take_state(self, Rewriter old not None):
        """Take over the mappings of the element this one replaces, if it has as many inputs."""
        if old.n_inputs == self.n_inputs and old.n_outputs == self.n_outputs:
            self.table.move_from(old.table, self.cpu.now)

    @property
    def flow_table(self):
        """The table, for `netos flows`."""
        return self.table

    def agrees(self, port, key, after):
        """Whether flows that begin at an input may still be mapped so: both tuples as FlowTable has them."""
        cdef InputRule *rule
        if not 0 <= port < self.rule_count or self.rules[port].kind == SPEC_DROP:
            return False
        rule = &self.rules[port]
        if rule.kind != SPEC_PATTERN:
            return key == after
        _, source, source_port, destination, destination_port = after
        if key[0] == IP_PROTOCOL_ICMP:
            destination_port = key[4]
        return ((rule.source <= source <= rule.source_last if rule.sets_source else source == key[1])
                and (rule.first_port <= source_port <= rule.last_port if rule.sets_ports else source_port == key[2])
                and destination == (rule.destination if rule.sets_destination else key[3])
                and destination_port == (rule.destination_port if rule.sets_destination_port else key[4]))

    def rows(self, protocol=None):
        """A line each mapping: what its packets are, what they become, input, seconds left."""
        found = []
        for row in self.table.rows(self.cpu.now):
            if protocol is None or row["original"][0] == protocol:
                number, source, source_port, destination, destination_port = row["reply"]
                becomes = (number, destination, destination_port, source, source_port)
                found.append(f"({ends(row['original'])}) => ({ends(becomes)}) i{row['mark']} "
                             f"exp{-(-row['expires'] // 1_000_000_000)}\n")
        return "".join(found)

    @read_handler("table")
    def list_all(self):
        """A line each flow: what its packets are, what they become, input, seconds left."""
        return self.rows()

    @read_handler
    def mappings(self):
        """The same."""
        return self.rows()

    @read_handler
    def count(self):
        """Flows that are mapped."""
        return self.table.count

    # The data path

    cdef bint takes(self, const Tuple *key) noexcept nogil:
        """Whether this element maps such flows."""
        return 0

    cdef bint read(self, Descriptor *packet, const uint8_t *ip, Reading *reading) noexcept nogil:
        """Read the flow of a packet; 0 if it is none that this element maps."""
        return (flow_read(&self.table.flows, ip, packet_network_length(packet), reading) == READ_PACKET
                and self.takes(&reading.key))

    cdef int find(self, Reading *reading, int64_t now) noexcept nogil:
        """Look the flow up: 0 if it is not known."""
        reading.reference = flow_lookup(&self.table.flows, &reading.key, reading.hashed, now)
        return reading.reference != NO_FLOW

    cdef bint candidate(self, InputRule *rule, Tuple *wanted, uint32_t attempt) noexcept nogil:
        """What the pattern makes of a tuple at the n-th attempt to find one that is free; 0: there are no more."""
        cdef uint32_t ports = rule.last_port - rule.first_port + 1
        cdef uint32_t addresses = rule.source_last - rule.source + 1
        cdef uint32_t start = 0
        if rule.sets_destination:
            wanted.destination = rule.destination
        if rule.sets_destination_port:
            wanted.destination_port = rule.destination_port
        if rule.choice == SEQUENTIAL:
            start = rule.following
        elif rule.sets_ports or addresses > 1:
            start = <uint32_t>(flow_hash(&self.table.flows, wanted) >> 16)
        if rule.sets_ports:
            if rule.sets_source:
                wanted.source = rule.source + (start + attempt) // ports % addresses if addresses > 1 else rule.source
            if not (attempt == 0 and rule.choice == PREFERRED
                    and rule.first_port <= wanted.source_port <= rule.last_port):
                wanted.source_port = <uint16_t>(rule.first_port + (start + attempt) % ports)
            if wanted.protocol == IP_PROTOCOL_ICMP:
                wanted.destination_port = wanted.source_port
            return attempt < min(<uint64_t>ports * addresses + 1, <uint64_t>TRIES)
        if rule.sets_source:
            wanted.source = rule.source + (start + attempt) % addresses
            return attempt < min(addresses, <uint32_t>TRIES)
        return attempt == 0

    cdef bint make(self, InputRule *rule, int port, Reading *reading, int64_t now) noexcept nogil:
        """Make a mapping for a new flow; 0 if there can be none."""
        cdef Flows *flows = &self.table.flows
        cdef Tuple wanted, reply
        cdef uint32_t attempt = 0
        cdef uint8_t state = OTHER_UNREPLIED
        if reading.key.protocol == IP_PROTOCOL_TCP:
            state = TCP_SYN_SENT
        elif reading.key.protocol == IP_PROTOCOL_UDP:
            state = UDP_UNREPLIED
        elif reading.key.protocol == IP_PROTOCOL_ICMP:
            state = ICMP_QUERY
        while True:
            wanted = reading.key
            if rule.kind == SPEC_PATTERN and not self.candidate(rule, &wanted, attempt):
                return 0
            tuple_invert(&wanted, &reply)
            if flow_lookup(flows, &reply, flow_hash(flows, &reply), now) == NO_FLOW:
                break
            if rule.kind != SPEC_PATTERN:
                return 0
            attempt += 1
        rule.following += attempt + 1
        reading.reference = flow_create(flows, &reading.key, &reply, reading.hashed, state, now)
        if reading.reference == NO_FLOW:
            return 0
        flow_of(flows, reading.reference).mark = <uint16_t>port
        flow_confirm(flows, flow_of(flows, reading.reference), now)
        if not timer_scheduled(&self.timer):
            timer_schedule(&self.timer, now + NANOSECONDS)
        return 1

    cdef void follow(self, const uint8_t *ip, Connection *connection, int direction, int64_t now) noexcept nogil:
        """Let the mapping live as long as its flow says."""
        cdef uint8_t state = connection.state
        cdef uint8_t flags
        if connection.tuples[0].protocol == IP_PROTOCOL_TCP:
            flags = tcp_flags(ip + ip_header_length(ip))
            if flags & TCP_RST:
                state = TCP_CLOSED
            elif flags & TCP_SYN and direction == 0 and state >= TCP_TIME_WAIT:
                state = TCP_SYN_SENT
                connection.flags = connection.flags & ~(FLOW_FIN_FORWARD | FLOW_FIN_REPLY)
            elif flags & TCP_FIN:
                connection.flags |= FLOW_FIN_REPLY if direction else FLOW_FIN_FORWARD
                if connection.flags & FLOW_FIN_FORWARD and connection.flags & FLOW_FIN_REPLY:
                    state = TCP_TIME_WAIT
            elif direction and state == TCP_SYN_SENT:
                state = TCP_ESTABLISHED
        elif direction and state == UDP_UNREPLIED:
            state = UDP_STREAM
        elif direction and state == OTHER_UNREPLIED:
            state = OTHER_STREAM
        if direction:
            connection.flags |= FLOW_REPLIED
        elif connection.flags & FLOW_REPLIED:
            connection.flags |= FLOW_ASSURED
        connection.packets[direction] += 1
        connection.bytes[direction] += ip_total_length(ip)
        flow_enter(&self.table.flows, connection, state, now)

    cdef int rewrite(self, int port, Descriptor *packet, int64_t now) noexcept nogil:
        """Rewrite a packet; the output it goes to, or -DROP_…"""
        cdef uint8_t *ip = marked_whole_ip(packet)
        cdef InputRule *rule = &self.rules[port]
        cdef Reading reading
        cdef Tracked tracked
        cdef int direction, output
        if ip == NULL:
            return -DROP_NOT_IP
        if not self.read(packet, ip, &reading):
            return rule.forward if rule.kind == SPEC_PASS else -DROP_NO_MAPPING
        if not self.find(&reading, now):
            if rule.kind == SPEC_PASS:
                return rule.forward
            if rule.kind == SPEC_DROP:
                return -DROP_FILTERED
            if not self.make(rule, port, &reading, now):
                return -DROP_NO_MAPPING
        direction = flow_direction(reading.reference)
        tracked.connection = flow_of(&self.table.flows, reading.reference)
        if tracked.connection.mark >= self.rule_count:
            return -DROP_NO_MAPPING
        rule = &self.rules[tracked.connection.mark]
        output = rule.reply if direction else rule.forward
        self.follow(ip, tracked.connection, direction, now)
        tracked.direction, tracked.kind, tracked.now = direction, READ_PACKET, reading.key
        tuple_invert(&tracked.connection.tuples[1 - direction], &tracked.wanted)
        if needs_translation(&tracked, SOURCE_END | DESTINATION_END):
            if not packet_writable(self.vcpu, packet):
                return -DROP_NO_BUFFER
            translate(packet, marked_whole_ip(packet), &tracked, SOURCE_END | DESTINATION_END)
        if self.sets_destination_annotation and tracked.now.destination:
            packet_set_destination(packet, htobe32(tracked.now.destination))
        if self.reply_annotation >= 0:
            packet.annotations[self.reply_annotation] = <uint8_t>direction
        return output

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef Frame *frame = frame_enter(self.vcpu)
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        for i in range(batch.count):
            frame.output[i] = self.rewrite(port, batch.packets[i], now)
        emit(self, frame, batch)

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        if flows_expire(&self.table.flows, now, EXPIRE_AT_ONCE) == EXPIRE_AT_ONCE:
            timer_schedule(timer, now + NANOSECONDS // 1000)
        elif self.table.flows.count:
            timer_schedule(timer, now + NANOSECONDS)

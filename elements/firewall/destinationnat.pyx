"""DestinationNat: send connections for one address and port to another (port forwarding; RFC 3022)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from elements.firewall.tracking cimport DESTINATION_END, Tracked
from elements.firewall.translation cimport Translator
from netos.proto.flows cimport Flows, Tuple, flow_map
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP

from elements.firewall.nat_arguments import Redirection
from netos.args import ElementName, Repeated


cdef struct Rule:
    uint32_t address
    uint32_t target
    uint16_t first              # ports
    uint16_t last
    uint16_t target_port        # of the first one
    uint8_t protocol            # 0: all
    uint8_t whole               # the ports do not matter


cdef class DestinationNat(Translator):
    """Where packets arrive, before they are routed: send new connections where the first FORWARD that fits says.

    FORWARD, as often as needed: `PROTOCOL ADDRESS[:PORT[-PORT]] ADDRESS[:PORT]`, protocol tcp, udp, icmp or any; a
    range of ports goes to as many, from PORT on. What comes back to connections that a SourceNat mapped gets its own
    destination again: the destination annotation, too, is then that.
    Handlers: count, mappings, exhausted (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    phase = 110                 # after ConnTrack

    cdef Rule *rules
    cdef uint32_t rule_count

    def __dealloc__(self):
        free(self.rules)

    def configure(self, tracker: ElementName("ConnTrack"), *, forward: Repeated(Redirection) = ()):
        self.tracker = tracker
        self.ends = DESTINATION_END
        free(self.rules)
        self.rule_count = 0
        self.rules = <Rule *>calloc(len(forward) + 1, sizeof(Rule))
        if self.rules == NULL:
            raise MemoryError("netos: no memory for the rules of a DestinationNat")
        for protocol, address, first, last, target, target_port in forward:
            self.rules[self.rule_count] = Rule(int(address), int(target), first, last, target_port, protocol,
                                               first == 0)
            self.rule_count += 1

    def redirect(self, key):
        """What a new connection with a tuple (as FlowTable has them) is redirected to: a tuple, perhaps the same."""
        cdef Tuple wanted
        cdef Rule *rule
        wanted.protocol, wanted.source, wanted.source_port, wanted.destination, wanted.destination_port = key
        rule = self.rule_for(&wanted)
        if rule == NULL:
            return key
        return (*key[:3], rule.target, redirected_port(rule, &wanted))

    cdef Rule *rule_for(self, const Tuple *key) noexcept nogil:
        """The first rule that fits; NULL."""
        cdef Rule *rule
        cdef uint32_t i
        for i in range(self.rule_count):
            rule = &self.rules[i]
            if (key.destination == rule.address and (rule.protocol == 0 or rule.protocol == key.protocol)
                    and (rule.whole or rule.first <= key.destination_port <= rule.last)):
                return rule
        return NULL

    cdef bint begin(self, Flows *flows, Tracked *tracked, int64_t now) noexcept nogil:
        cdef const Tuple *key = &tracked.now
        cdef Tuple reply = tracked.connection.tuples[1]
        cdef Rule *rule
        if reply.source != key.destination:
            return 1
        rule = self.rule_for(key)
        if rule == NULL:
            return 1
        reply.source, reply.source_port = rule.target, redirected_port(rule, key)
        if not flow_map(flows, tracked.connection, &reply, now):
            return 0
        self.mappings += 1
        return 1


cdef uint16_t redirected_port(const Rule *rule, const Tuple *key) noexcept nogil:
    """The port that a connection's destination port becomes."""
    if rule.target_port == 0 or key.protocol == IP_PROTOCOL_ICMP:
        return key.destination_port
    return rule.target_port + (0 if rule.whole else key.destination_port - rule.first)

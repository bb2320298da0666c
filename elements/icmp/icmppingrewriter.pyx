"""ICMPPingRewriter: rewrite pings, and their answers back (Click's ICMPPingRewriter)."""

from libc.stdint cimport int64_t

from elements.tcpudp.rewriter cimport InputRule, Rewriter
from netos.proto.flow_track cimport Reading
from netos.proto.flows cimport Tuple
from netos.proto.icmp cimport ICMP_ECHO, ICMP_ECHO_REPLY
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP

from netos.args import Alias, Annotation, Bool, Deprecated, Remaining, Seconds, Unsigned
from netos.args.units import SECOND


cdef class ICMPPingRewriter(Rewriter):
    """As IPRewriter, for ICMP echo requests and replies: SPORT of a pattern is the identifier. Other packets, and
    replies to nothing that is mapped, are passed where the input says `pass`, else dropped.

    Handlers: table, mappings, count (read).
    """

    ports = "1-/1-"
    processing = "h/h"

    def configure(self, *spec: Remaining, timeout: Seconds = 300 * SECOND,
                  guarantee: Seconds = None, reap_interval: Seconds = None,
                  reap_time: Deprecated(Seconds, "use REAP_INTERVAL") = None,
                  capacity: Alias(Unsigned(minimum=1, maximum=1 << 28), "MAPPING_CAPACITY") = 65536,
                  dst_anno: Bool = True, reply_anno: Annotation(1) = None):
        self.set_up(spec, capacity, dst_anno, reply_anno, {
            "icmp": timeout, "unconfirmed": timeout})

    cdef bint takes(self, const Tuple *key) noexcept nogil:
        return key.protocol == IP_PROTOCOL_ICMP and (key.kind == ICMP_ECHO or key.kind == ICMP_ECHO_REPLY)

    cdef bint make(self, InputRule *rule, int port, Reading *reading, int64_t now) noexcept nogil:
        return reading.key.kind == ICMP_ECHO and Rewriter.make(self, rule, port, reading, now)

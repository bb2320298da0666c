"""UDPRewriter: rewrite UDP flows, and their replies back (Click's UDPRewriter)."""

from elements.tcpudp.rewriter cimport Rewriter
from netos.proto.flows cimport Tuple
from netos.proto.ipv4 cimport IP_PROTOCOL_UDP

from netos.args import Alias, Annotation, Bool, Deprecated, Remaining, Seconds, Unsigned
from netos.args.units import SECOND


cdef class UDPRewriter(Rewriter):
    """As IPRewriter, for UDP alone; other packets are passed where the input says `pass`, else dropped.

    Handlers: table, mappings, count (read).
    """

    ports = "1-/1-"
    processing = "h/h"

    def configure(self, *spec: Remaining, timeout: Alias(Seconds, "UDP_TIMEOUT") = 300 * SECOND,
                  streaming_timeout: Alias(Seconds, "UDP_STREAMING_TIMEOUT") = None, udp_guarantee: Seconds = None,
                  guarantee: Seconds = None, reap_interval: Seconds = None,
                  reap_time: Deprecated(Seconds, "use REAP_INTERVAL") = None,
                  capacity: Alias(Unsigned(minimum=1, maximum=1 << 28), "MAPPING_CAPACITY") = 65536,
                  dst_anno: Bool = True, reply_anno: Annotation(1) = None):
        self.set_up(spec, capacity, dst_anno, reply_anno, {
            "udp-unreplied": timeout, "unconfirmed": timeout,
            "udp-stream": timeout if streaming_timeout is None else streaming_timeout})

    cdef bint takes(self, const Tuple *key) noexcept nogil:
        return key.protocol == IP_PROTOCOL_UDP

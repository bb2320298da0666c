"""TCPRewriter: rewrite TCP flows, and their replies back (Click's TCPRewriter)."""

from elements.tcpudp.rewriter cimport Rewriter
from netos.proto.flows cimport Tuple
from netos.proto.ipv4 cimport IP_PROTOCOL_TCP

from netos.args import Alias, Annotation, Bool, Deprecated, Remaining, Seconds, Unsigned
from netos.args.units import SECOND


cdef class TCPRewriter(Rewriter):
    """As IPRewriter, for TCP alone; other packets are passed where the input says `pass`, else dropped.

    Handlers: table, mappings, count (read).
    """

    ports = "1-/1-"
    processing = "h/h"

    def configure(self, *spec: Remaining, tcp_timeout: Alias(Seconds, "TIMEOUT") = 86400 * SECOND,
                  tcp_done_timeout: Seconds = 240 * SECOND, tcp_nodata_timeout: Seconds = 300 * SECOND,
                  tcp_guarantee: Seconds = None,
                  guarantee: Seconds = None, reap_interval: Seconds = None,
                  reap_time: Deprecated(Seconds, "use REAP_INTERVAL") = None,
                  capacity: Alias(Unsigned(minimum=1, maximum=1 << 28), "MAPPING_CAPACITY") = 65536,
                  dst_anno: Bool = True, reply_anno: Annotation(1) = None):
        self.set_up(spec, capacity, dst_anno, reply_anno, {
            "syn-sent": tcp_nodata_timeout, "established": tcp_timeout, "time-wait": tcp_done_timeout,
            "closed": tcp_done_timeout, "unconfirmed": tcp_nodata_timeout})

    cdef bint takes(self, const Tuple *key) noexcept nogil:
        return key.protocol == IP_PROTOCOL_TCP

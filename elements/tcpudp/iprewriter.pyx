"""IPRewriter: rewrite TCP and UDP flows, and their replies back (Click's IPRewriter)."""

from elements.tcpudp.rewriter cimport Rewriter
from netos.proto.flows cimport Tuple
from netos.proto.ipv4 cimport IP_PROTOCOL_TCP, IP_PROTOCOL_UDP

from netos.args import Alias, Annotation, Bool, Deprecated, Remaining, Seconds, Unsigned
from netos.args.units import SECOND
from netos.handlers import read_handler


cdef class IPRewriter(Rewriter):
    """Map TCP and UDP flows, one table for all inputs.

    INPUTSPEC, one an input, says what happens to a flow that begins there: `drop`; `pass OUT`, unchanged and unmapped;
    `keep F R`, mapped to itself; `pattern SADDR SPORT DADDR DPORT F R`, where `-` leaves a field as it is, SADDR may be
    a range or prefix, SPORT a range L-H (the packet's own port if that is free, else some other; `L-H#` in sequence,
    `L-H?` at random); or `NAME F R` with the name of a pattern (IPRewriterPatterns). Packets of the flow go to output F
    rewritten, replies, on whatever input they come, to output R.
    At most CAPACITY flows are mapped; one without reply gives way when there are that many, or the packet is dropped as
    no-mapping. TCP_TIMEOUT (24 h), TCP_DONE_TIMEOUT (4 min), TCP_NODATA_TIMEOUT (5 min), UDP_TIMEOUT (5 min) and
    UDP_STREAMING_TIMEOUT end mappings; GUARANTEE and REAP_INTERVAL are accepted and not needed. DST_ANNO (true) sets
    the destination annotation; REPLY_ANNO names a byte that becomes 1 for replies, else 0.
    Handlers: table, mappings, tcp_table, udp_table, tcp_mappings, udp_mappings, count (read).
    """

    ports = "1-/1-"
    processing = "h/h"

    def configure(self, *spec: Remaining, tcp_timeout: Alias(Seconds, "TIMEOUT") = 86400 * SECOND,
                  tcp_done_timeout: Seconds = 240 * SECOND, tcp_nodata_timeout: Seconds = 300 * SECOND,
                  udp_timeout: Seconds = 300 * SECOND,
                  udp_streaming_timeout: Alias(Seconds, "STREAMING_TIMEOUT") = None, guarantee: Seconds = None,
                  tcp_guarantee: Seconds = None, udp_guarantee: Seconds = None, reap_interval: Seconds = None,
                  reap_time: Deprecated(Seconds, "use REAP_INTERVAL") = None,
                  capacity: Alias(Unsigned(minimum=1, maximum=1 << 28), "MAPPING_CAPACITY") = 65536,
                  dst_anno: Bool = True, reply_anno: Annotation(1) = None):
        self.set_up(spec, capacity, dst_anno, reply_anno, {
            "syn-sent": tcp_nodata_timeout, "established": tcp_timeout, "time-wait": tcp_done_timeout,
            "closed": tcp_done_timeout, "udp-unreplied": udp_timeout,
            "udp-stream": udp_timeout if udp_streaming_timeout is None else udp_streaming_timeout,
            "unconfirmed": max(tcp_nodata_timeout, udp_timeout)})

    @read_handler("tcp_table")
    def list_tcp(self):
        """The TCP flows."""
        return self.rows(IP_PROTOCOL_TCP)

    @read_handler("tcp_mappings")
    def list_tcp_mappings(self):
        """The TCP flows."""
        return self.rows(IP_PROTOCOL_TCP)

    @read_handler("udp_table")
    def list_udp(self):
        """The UDP flows."""
        return self.rows(IP_PROTOCOL_UDP)

    @read_handler("udp_mappings")
    def list_udp_mappings(self):
        """The UDP flows."""
        return self.rows(IP_PROTOCOL_UDP)

    cdef bint takes(self, const Tuple *key) noexcept nogil:
        return key.protocol == IP_PROTOCOL_TCP or key.protocol == IP_PROTOCOL_UDP

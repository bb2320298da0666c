"""The size of segments on a path: what routers say, what vanishes without a word, and that paths get better again.

Where routers are silent, segments that are too large are lost for ever (a black hole, RFC 2923 section 2.1): full ones
that time out twice are sent smaller, in the sizes of RFC 8899 section 5.1.2. Ten minutes later (RFC 1191 section 6.3)
the link's own size is tried again.
"""

from libc.stdint cimport int64_t, uint32_t

from netos.proto.host cimport Path, host_is_own
from netos.proto.inet cimport address_number
from netos.proto.tcp_block cimport COUNT_BLACK_HOLES, Tcb
from netos.proto.tcp_establish cimport tcb_set_mss

cdef enum:
    HEADERS = 40                # IPv4 and TCP without options
    MTU_BASE = 1200             # gets through nearly everywhere
    MTU_LEAST = 552             # segments of 512 bytes: routers are not believed less either (RFC 5927 section 7.2)
    TIMEOUTS = 2                # that make a size doubtful
    GIVEN_UP = 6                # by now it was not the size: all of them time out

cdef int64_t PATH_LIFE = <int64_t>600 * 1000000000


cdef void path_follow(Tcb *tcb, const Path *path) noexcept nogil:
    """Segments that fit what is known of the path now: smaller, or larger again."""
    cdef uint32_t mtu = path.mtu
    if tcb.path_mtu:
        if tcb.tcp.host.now - tcb.path_mtu_at >= PATH_LIFE:
            tcb.path_mtu = 0
        else:
            mtu = min(mtu, tcb.path_mtu)
    if mtu < tcb.mss + HEADERS or mtu > tcb.mss + HEADERS and tcb.mss < tcb.peer_mss:
        tcb_set_mss(tcb, mtu)
        tcb.cwnd = max(tcb.cwnd, tcb.mss)


cdef void path_doubt(Tcb *tcb, bint full) noexcept nogil:
    """A timeout, of a full segment or of a smaller one: after some in a row, perhaps segments are too large."""
    cdef uint32_t smaller = MTU_BASE if tcb.timeouts == TIMEOUTS else MTU_LEAST
    if tcb.timeouts == TIMEOUTS:
        tcb.path_mtu_before = tcb.path_mtu
    if tcb.timeouts == GIVEN_UP:
        tcb.path_mtu = tcb.path_mtu_before
    elif (full and tcb.timeouts % TIMEOUTS == 0 and tcb.timeouts < GIVEN_UP and smaller < tcb.mss + HEADERS
            and not host_is_own(tcb.tcp.host, address_number(&tcb.connection.remote))):
        tcb.tcp.counts[COUNT_BLACK_HOLES] += 1
        tcb.path_mtu = smaller
        tcb.path_mtu_at = tcb.tcp.host.now
        tcb_set_mss(tcb, smaller)

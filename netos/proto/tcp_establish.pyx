"""What both ends agreed on in their SYNs, and how a connection begins with it (RFC 9293 section 3.7.1, RFC 7323)."""

from libc.stdint cimport uint8_t, uint32_t

from netos.proto.host cimport Path, host_find_path
from netos.proto.tcp cimport TCP_ACK, TCP_CWR, TCP_DEFAULT_MSS, TCP_ECE
from netos.proto.tcp_block cimport (
    TCB_ECN, TCB_KEEPALIVE, TCB_SACK, TCB_TIMESTAMPS, TCB_WINDOW_SCALING, TIMER_KEEPALIVE, TIMER_RETRANSMIT, Connection,
    Tcb, Tcp,
)
from netos.proto.tcp_congestion cimport congestion_find
from netos.proto.tcp_emit cimport set_timer
from netos.proto.tcp_segment cimport Segment

cdef enum:
    HEADERS = 40                # IPv4 and TCP without options (RFC 6691)
    MSS_LEAST = 88              # below, headers would be most of what is sent
    MTU_DEFAULT = 1500


cdef uint32_t own_mss(Tcp *tcp, const Connection *connection) noexcept nogil:
    """What to tell the peer: the link's MTU without headers (RFC 6691), whatever the way out takes (RFC 1191 3.1)."""
    cdef Path path
    cdef uint32_t mtu = MTU_DEFAULT
    if host_find_path(tcp.host, &connection.remote, &path):
        mtu = path.interface.mtu if path.interface != NULL else path.mtu
    return max(min(mtu, <uint32_t>65535) - HEADERS, <uint32_t>MSS_LEAST)


cdef uint8_t own_scale(uint32_t receive_limit) noexcept nogil:
    """The least scale that can tell all of the receive buffer."""
    cdef uint8_t scale = 0
    while scale < 14 and <uint32_t>65535 << scale < receive_limit:
        scale += 1
    return scale


cdef void offer_read(const Tcp *tcp, Offer *offer, const Segment *segment) noexcept nogil:
    """What a SYN offers, of what this host takes."""
    offer.irs = segment.sequence
    offer.mss = segment.mss if segment.mss else TCP_DEFAULT_MSS
    offer.window_scale = -1 if tcp.refused & TCB_WINDOW_SCALING else segment.window_scale
    offer.sack = segment.sack_permitted and not tcp.refused & TCB_SACK
    offer.timestamps = segment.timestamps and not tcp.refused & TCB_TIMESTAMPS
    offer.ts_value = segment.ts_value
    # An ECN-setup SYN has both flags, an ECN-setup SYN,ACK only ECE (RFC 3168 section 6.1.1).
    offer.ecn = (segment.flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE if segment.flags & TCP_ACK else TCP_ECE | TCP_CWR)


cdef void tcb_set_mss(Tcb *tcb, uint32_t path_mtu) noexcept nogil:
    """Segments that fit the path and the peer."""
    tcb.mss = max(min(tcb.peer_mss, max(path_mtu, <uint32_t>HEADERS + MSS_LEAST) - HEADERS), <uint32_t>MSS_LEAST)


cdef void tcb_agree(Tcb *tcb, const Offer *offer) noexcept nogil:
    """Take over what the peer offered; we offer everything ourselves."""
    cdef Path path
    cdef bint known = host_find_path(tcb.tcp.host, &tcb.connection.remote, &path)
    tcb.irs = offer.irs
    tcb.rcv_nxt = offer.irs + 1
    tcb.last_ack = tcb.rcv_nxt
    tcb.peer_mss = offer.mss
    tcb_set_mss(tcb, path.mtu if known else <uint32_t>MTU_DEFAULT)
    tcb.bits &= ~<uint32_t>(TCB_WINDOW_SCALING | TCB_SACK | TCB_TIMESTAMPS)
    if offer.window_scale >= 0:
        tcb.bits |= TCB_WINDOW_SCALING
        tcb.snd_scale = <uint8_t>offer.window_scale
        tcb.rcv_scale = own_scale(tcb.receive_limit)
    else:
        tcb.snd_scale = tcb.rcv_scale = 0
    if offer.sack:
        tcb.bits |= TCB_SACK
    if offer.timestamps:
        tcb.bits |= TCB_TIMESTAMPS
        tcb.ts_recent = offer.ts_value
        tcb.ts_recent_at = tcb.tcp.host.now
    if offer.ecn:
        tcb.bits |= TCB_ECN


cdef void tcb_established(Tcb *tcb) noexcept nogil:
    """Our SYN is acknowledged: begin to send."""
    tcb.snd_una = tcb.iss + 1
    tcb.snd_nxt = tcb.snd_max = tcb.snd_una
    tcb.recover = tcb.iss
    tcb.rto = max(tcb.rto, tcb.tcp.rto_minimum) if tcb.backoff == 0 else 3000000000     # RFC 6298 section 5.7
    tcb.congestion = congestion_find("newreno")
    tcb.congestion.start(tcb)
    if tcb.backoff > 1:
        tcb.cwnd = tcb.mss      # the SYN was lost (RFC 5681 section 3.1)
    tcb.backoff = tcb.timeouts = 0
    tcb.deadline[TIMER_RETRANSMIT] = 0
    tcb.progress_at = tcb.tcp.host.now
    if tcb.bits & TCB_KEEPALIVE:
        set_timer(tcb, TIMER_KEEPALIVE, tcb.tcp.host.now + tcb.keepalive_idle)

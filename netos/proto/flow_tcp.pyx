"""What a connection tracker between two TCP ends can know of them: states in the manner of nf_conntrack, and windows.

A segment is valid if it lies in the window of van Rooij's "Real Stateful TCP Packet Filtering in IP Filter" (2000): its
data between what was sent a window ago and what the receiver has room for, its acknowledgment neither of what was never
sent nor too old. A RST ends the connection only where it sits exactly at what its sender has to send next (RFC 5961
section 3); elsewhere in the window it passes, and its receiver decides.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from netos.proto.flows cimport (
    FLOW_ASSURED, FLOW_FIN_FORWARD, FLOW_FIN_REPLY, FLOW_FREE, FLOW_LOOSE, FLOW_REPLIED, TCP_CLOSE_WAIT, TCP_CLOSED,
    TCP_ESTABLISHED, TCP_FIN_WAIT, TCP_LAST_ACK, TCP_SYN_CROSSED, TCP_SYN_RECEIVED, TCP_SYN_SENT, TCP_TIME_WAIT,
    Connection, Flows, Window, flow_enter,
)
from netos.proto.tcp cimport (
    TCP_ACK, TCP_AT_OPTIONS, TCP_FIN, TCP_OPTION_END, TCP_OPTION_NO_OPERATION, TCP_OPTION_WINDOW_SCALE, TCP_RST,
    TCP_SYN, sequence_before, sequence_before_or_at, tcp_acknowledgment, tcp_flags, tcp_header_length, tcp_sequence,
    tcp_window,
)

cdef enum:
    STALE_ACKNOWLEDGMENT = 66000    # bytes an acknowledgment may be behind, or the largest window if that is more
    SCALE_MAXIMUM = 14              # RFC 7323 section 2.3
    UNKNOWN_SCALE = 14

cdef enum:                      # kinds of segment
    SYN, SYN_ACK, FIN, ACK, KINDS

cdef enum:                      # moves that are no states
    KEEP = 100                  # pass it and change nothing, the windows least of all
    BAD = 101
    AGAIN = 102

# NEXT[direction][kind][state], states from TCP_SYN_SENT on:
# sent crossed received established fin-wait close-wait last-ack time-wait closed
cdef uint8_t[2][KINDS][9] NEXT = [
    [[TCP_SYN_SENT, TCP_SYN_CROSSED, KEEP, KEEP, KEEP, KEEP, KEEP, AGAIN, AGAIN],
     [BAD, TCP_SYN_RECEIVED, TCP_SYN_RECEIVED, KEEP, KEEP, KEEP, KEEP, KEEP, BAD],
     [BAD, BAD, TCP_FIN_WAIT, TCP_FIN_WAIT, TCP_FIN_WAIT, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT, BAD],
     [BAD, BAD, TCP_ESTABLISHED, TCP_ESTABLISHED, TCP_FIN_WAIT, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT, KEEP]],
    [[TCP_SYN_CROSSED, TCP_SYN_CROSSED, KEEP, KEEP, KEEP, KEEP, KEEP, BAD, BAD],
     [TCP_SYN_RECEIVED, TCP_SYN_RECEIVED, TCP_SYN_RECEIVED, KEEP, KEEP, KEEP, KEEP, KEEP, BAD],
     [BAD, BAD, TCP_FIN_WAIT, TCP_FIN_WAIT, TCP_FIN_WAIT, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT, BAD],
     [KEEP, KEEP, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT, KEEP]],
]


cdef int segment_kind(uint8_t flags) noexcept nogil:
    """KINDS for flags that make no sense together, or too little."""
    if flags & TCP_SYN:
        if flags & (TCP_FIN | TCP_RST):
            return KINDS
        return SYN_ACK if flags & TCP_ACK else SYN
    if flags & TCP_FIN:
        return FIN if flags & TCP_ACK else KINDS
    return ACK if flags & TCP_ACK else KINDS


cdef uint8_t tcp_first_state(const Flows *flows, const uint8_t *tcp) noexcept nogil:
    """The state of a connection that begins with this segment; FLOW_FREE if none may."""
    cdef int kind = segment_kind(tcp_flags(tcp))
    if tcp_flags(tcp) & TCP_RST:
        return FLOW_FREE
    if kind == SYN:
        return TCP_SYN_SENT
    return TCP_ESTABLISHED if kind == ACK and flows.loose else FLOW_FREE


cdef uint32_t segment_end(const uint8_t *tcp, uint32_t length) noexcept nogil:
    """The sequence number after the segment, of `length` bytes with its header."""
    cdef uint8_t flags = tcp_flags(tcp)
    return (tcp_sequence(tcp) + length - tcp_header_length(tcp)
            + <uint32_t>((flags & TCP_SYN) != 0) + <uint32_t>((flags & TCP_FIN) != 0))


cdef uint8_t offered_scale(const uint8_t *tcp) noexcept nogil:
    """The window scale option of a SYN whose header is there; 255 if it has none."""
    cdef uint32_t at = TCP_AT_OPTIONS
    cdef uint32_t end = tcp_header_length(tcp)
    while at < end and tcp[at] != TCP_OPTION_END:
        if tcp[at] == TCP_OPTION_NO_OPERATION:
            at += 1
            continue
        if at + 2 > end or tcp[at + 1] < 2:
            break
        if tcp[at] == TCP_OPTION_WINDOW_SCALE and tcp[at + 1] == 3 and at + 3 <= end:
            return min(tcp[at + 2], <uint8_t>SCALE_MAXIMUM)
        at += tcp[at + 1]
    return 255


cdef void window_begin(Window *window, const uint8_t *tcp, uint32_t length) noexcept nogil:
    """What an end's SYN says of it."""
    window.end = window.limit = segment_end(tcp, length)
    window.largest = max(<uint32_t>tcp_window(tcp), 1)
    window.scale = offered_scale(tcp)
    window.seen = 1


cdef void tcp_begin(Connection *connection, const uint8_t *tcp, uint32_t length) noexcept nogil:
    """Take in the first segment: a SYN; or anything, if connections may be picked up in the middle."""
    cdef Window *sender = &connection.windows[0]
    cdef Window *receiver = &connection.windows[1]
    if tcp_flags(tcp) & TCP_SYN:
        window_begin(sender, tcp, length)
        return
    connection.flags |= FLOW_LOOSE
    sender.scale = receiver.scale = UNKNOWN_SCALE
    sender.end = segment_end(tcp, length)
    sender.largest = max(<uint32_t>tcp_window(tcp) << UNKNOWN_SCALE, 1)
    sender.limit = sender.end + (65535 << UNKNOWN_SCALE)
    receiver.end = tcp_acknowledgment(tcp)
    receiver.limit = receiver.end + sender.largest
    receiver.largest = 65535 << UNKNOWN_SCALE
    sender.seen = receiver.seen = 1


cdef bint in_window(Connection *connection, int direction, const uint8_t *tcp, uint32_t length) noexcept nogil:
    """Whether the segment lies in its window; if so, the windows move on."""
    cdef Window *sender = &connection.windows[direction]
    cdef Window *receiver = &connection.windows[1 - direction]
    cdef uint8_t flags = tcp_flags(tcp)
    cdef uint32_t sequence = tcp_sequence(tcp)
    cdef uint32_t end = segment_end(tcp, length)
    cdef uint32_t window = tcp_window(tcp)
    cdef uint32_t acknowledgment
    if not sender.seen:
        if not flags & TCP_SYN:
            return (flags & (TCP_RST | TCP_ACK)) == TCP_RST | TCP_ACK and tcp_acknowledgment(tcp) == receiver.end
        window_begin(sender, tcp, length)
        if sender.scale == 255 or receiver.scale == 255:
            sender.scale = receiver.scale = 0       # both ends must want it (RFC 7323 section 2.2)
    acknowledgment = tcp_acknowledgment(tcp) if flags & TCP_ACK else receiver.end
    if (not sequence_before_or_at(sequence, sender.limit)
            or sequence_before(end, sender.end - receiver.largest)
            or not sequence_before_or_at(acknowledgment, receiver.end)
            or sequence_before(acknowledgment,
                               receiver.end - max(<uint32_t>STALE_ACKNOWLEDGMENT, sender.largest))):
        return 0
    if flags & TCP_RST:
        return 1
    if not flags & TCP_SYN:
        window <<= sender.scale if sender.scale <= SCALE_MAXIMUM else 0
    if sequence_before(sender.limit, end):      # an older part of the receiver's window was larger than we know
        receiver.largest += end - sender.limit
    if sequence_before(sender.end, end):
        sender.end = end
    sender.largest = max(sender.largest, window)
    if sequence_before_or_at(receiver.limit, acknowledgment + window):
        receiver.limit = acknowledgment + window + (window == 0)
    return 1


cdef int reset(Flows *flows, Connection *connection, int direction, const uint8_t *tcp, uint32_t length,
               int64_t now) noexcept nogil:
    """A RST: it closes where it is exact, passes where its receiver may think so too, and is invalid elsewhere."""
    cdef Window *sender = &connection.windows[direction]
    if not in_window(connection, direction, tcp, length):
        flows.outside += 1
        return SEGMENT_INVALID
    if not sender.seen or tcp_sequence(tcp) == sender.end or connection.state == TCP_SYN_SENT:
        flow_enter(flows, connection, TCP_CLOSED, now)
    return SEGMENT_VALID


cdef int tcp_follow(Flows *flows, Connection *connection, int direction, const uint8_t *tcp, uint32_t length,
                    int64_t now) noexcept nogil:
    """Take in a segment (of `length` bytes with its header) of a connection that is there."""
    cdef uint8_t flags = tcp_flags(tcp)
    cdef uint8_t before = connection.state
    cdef uint8_t after
    cdef int kind
    if flags & TCP_RST:
        return reset(flows, connection, direction, tcp, length, now) if not flags & (TCP_SYN | TCP_FIN) else \
            SEGMENT_INVALID
    kind = segment_kind(flags)
    after = NEXT[direction][kind][before - TCP_SYN_SENT] if kind < KINDS else BAD
    if after == BAD:
        return SEGMENT_INVALID
    if after == AGAIN:
        return SEGMENT_AGAIN
    if after == KEEP:
        return SEGMENT_VALID
    if kind == SYN and direction == 0:
        window_begin(&connection.windows[0], tcp, length)   # sent again, perhaps with another number
    elif not in_window(connection, direction, tcp, length):
        flows.outside += 1
        return SEGMENT_INVALID
    if kind == FIN:
        connection.flags |= FLOW_FIN_REPLY if direction else FLOW_FIN_FORWARD
        if connection.flags & FLOW_FIN_FORWARD and connection.flags & FLOW_FIN_REPLY and after != TCP_TIME_WAIT:
            after = TCP_LAST_ACK
    elif kind == ACK and tcp_acknowledgment(tcp) == connection.windows[1 - direction].end:
        if after == TCP_LAST_ACK:
            after = TCP_TIME_WAIT
        elif after == TCP_FIN_WAIT and connection.flags & (FLOW_FIN_FORWARD if direction else FLOW_FIN_REPLY):
            after = TCP_CLOSE_WAIT
    if after == TCP_ESTABLISHED and (before == TCP_SYN_RECEIVED or connection.flags & FLOW_REPLIED):
        connection.flags |= FLOW_ASSURED
    flow_enter(flows, connection, after, now)
    return SEGMENT_VALID

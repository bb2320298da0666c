"""A TCP segment taken apart: header and options (RFC 9293 section 3.1, RFC 7323, RFC 2018)."""

from libc.stdint cimport int8_t, uint8_t, uint16_t, uint32_t

from netos.proto.ranges cimport Range
from netos.proto.tcp cimport (
    TCP_AT_OPTIONS, TCP_FIN, TCP_HEADER_LENGTH, TCP_OPTION_END, TCP_OPTION_MSS, TCP_OPTION_NO_OPERATION,
    TCP_OPTION_SACK, TCP_OPTION_SACK_PERMITTED, TCP_OPTION_TIMESTAMPS, TCP_OPTION_WINDOW_SCALE, TCP_SYN,
    tcp_acknowledgment, tcp_flags, tcp_header_length, tcp_sequence, tcp_urgent, tcp_window,
)
from netos.wire cimport load_be16, load_be32


cdef struct Segment:
    const uint8_t *payload
    uint32_t length             # bytes of payload
    uint32_t sequence
    uint32_t acknowledgment
    uint32_t ts_value
    uint32_t ts_echo
    uint16_t source_port
    uint16_t destination_port
    uint16_t window             # as it lies in the header
    uint16_t urgent
    uint16_t mss                # 0: no option
    uint16_t count              # segments on the wire that this was made of
    uint8_t flags
    int8_t window_scale         # -1: no option
    bint sack_permitted
    bint timestamps
    bint congested              # CE in the IP header (RFC 3168)
    uint8_t sack_count
    Range sacks[4]


cdef inline uint32_t segment_span(const Segment *segment) noexcept nogil:
    """SEG.LEN: the sequence numbers it takes, SYN and FIN counted."""
    return segment.length + ((segment.flags & TCP_SYN) != 0) + (segment.flags & TCP_FIN)


cdef inline void segment_options(Segment *segment, const uint8_t *option, uint32_t length) noexcept nogil:
    """Read the options up to the first that cannot be (MUST-7); a known kind of the wrong length is passed over."""
    cdef uint32_t size, i
    cdef uint8_t kind
    while length:
        kind = option[0]
        if kind == TCP_OPTION_END:
            return
        if kind == TCP_OPTION_NO_OPERATION:
            option += 1
            length -= 1
            continue
        if length < 2:
            return
        size = option[1]
        if size < 2 or size > length:
            return
        if kind == TCP_OPTION_MSS and size == 4:
            segment.mss = load_be16(option + 2)
        elif kind == TCP_OPTION_WINDOW_SCALE and size == 3:
            segment.window_scale = <int8_t>min(<int>option[2], 14)      # RFC 7323 section 2.3
        elif kind == TCP_OPTION_SACK_PERMITTED and size == 2:
            segment.sack_permitted = 1
        elif kind == TCP_OPTION_TIMESTAMPS and size == 10:
            segment.timestamps = 1
            segment.ts_value = load_be32(option + 2)
            segment.ts_echo = load_be32(option + 6)
        elif kind == TCP_OPTION_SACK and size >= 10 and (size - 2) & 7 == 0 and size <= 34:
            segment.sack_count = <uint8_t>((size - 2) >> 3)
            for i in range(segment.sack_count):
                segment.sacks[i].first = load_be32(option + 2 + 8 * i)
                segment.sacks[i].end = load_be32(option + 6 + 8 * i)
        option += size
        length -= size


cdef inline bint segment_parse(Segment *segment, const uint8_t *data, uint32_t length) noexcept nogil:
    """Take a segment apart; 0 when its header does not fit its length. The checksum is another matter."""
    cdef uint32_t header
    if length < TCP_HEADER_LENGTH:
        return 0
    header = tcp_header_length(data)
    if header < TCP_HEADER_LENGTH or header > length:
        return 0
    segment.payload = data + header
    segment.length = length - header
    segment.source_port = load_be16(data)
    segment.destination_port = load_be16(data + 2)
    segment.sequence = tcp_sequence(data)
    segment.acknowledgment = tcp_acknowledgment(data)
    segment.flags = tcp_flags(data)
    segment.window = tcp_window(data)
    segment.urgent = tcp_urgent(data)
    segment.mss = 0
    segment.count = 1
    segment.window_scale = -1
    segment.sack_permitted = segment.timestamps = segment.congested = 0
    segment.sack_count = 0
    segment_options(segment, data + TCP_AT_OPTIONS, header - TCP_HEADER_LENGTH)
    return 1

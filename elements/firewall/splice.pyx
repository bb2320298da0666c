"""Splicing: the client numbers the server's bytes from a cookie on, the server from its own initial number (RFC 9293).

Sequence numbers, acknowledgments, SACK blocks (RFC 2018), timestamps (RFC 7323) and windows are translated in place,
and the checksum is mended; a partial checksum stays one.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from elements.firewall.syn_cookie cimport NO_SCALE
from netos.checksum cimport checksum_update32
from netos.offload cimport checksum_adjust16, checksum_adjust32
from netos.packet cimport Descriptor
from netos.proto.icmp cimport ICMP_AT_CHECKSUM
from netos.proto.tcp cimport (
    TCP_ACK, TCP_AT_ACKNOWLEDGMENT, TCP_AT_CHECKSUM, TCP_AT_OPTIONS, TCP_AT_SEQUENCE, TCP_AT_WINDOW, TCP_OPTION_END,
    TCP_OPTION_NO_OPERATION, TCP_OPTION_SACK, TCP_OPTION_TIMESTAMPS, TCP_SYN, tcp_flags, tcp_header_length, tcp_window,
)
from netos.wire cimport load_be16, load_be32, store_be16, store_be32

cdef enum:
    STAMP_VALUE = 2             # offsets in the timestamps option
    STAMP_ECHO = 6


cdef void add32(Descriptor *packet, uint8_t *tcp, uint32_t at, uint32_t change) noexcept nogil:
    """Add to the number at any offset of the header, which need not be even, and mend the checksum."""
    cdef uint32_t old = load_be32(tcp + at)
    cdef uint16_t words[3]
    cdef uint32_t i
    if change == 0:
        return
    if at & 1 == 0:
        store_be32(tcp + at, old + change)
        checksum_adjust32(packet, tcp + TCP_AT_CHECKSUM, old, old + change, 0)
        return
    for i in range(3):
        words[i] = load_be16(tcp + at - 1 + 2 * i)
    store_be32(tcp + at, old + change)
    for i in range(3):
        checksum_adjust16(packet, tcp + TCP_AT_CHECKSUM, words[i], load_be16(tcp + at - 1 + 2 * i), 0)


cdef void set_window(Descriptor *packet, uint8_t *tcp, uint32_t window) noexcept nogil:
    cdef uint16_t old = tcp_window(tcp)
    if window > 65535:
        window = 65535
    if window != old:
        store_be16(tcp + TCP_AT_WINDOW, window)
        checksum_adjust16(packet, tcp + TCP_AT_CHECKSUM, old, <uint16_t>window, 0)


cdef void add_options(Descriptor *packet, uint8_t *tcp, uint32_t length, uint8_t kind, uint32_t first, uint32_t last,
                      uint32_t change) noexcept nogil:
    """Add to the numbers in an option, at every fourth byte from `first` on, up to `last` or the option's end."""
    cdef uint32_t at = TCP_AT_OPTIONS
    cdef uint32_t end = min(tcp_header_length(tcp), length)
    cdef uint32_t inside
    if change == 0:
        return
    while at < end and tcp[at] != TCP_OPTION_END:
        if tcp[at] == TCP_OPTION_NO_OPERATION:
            at += 1
            continue
        if at + 2 > end or tcp[at + 1] < 2 or at + tcp[at + 1] > end:
            break
        if tcp[at] == kind:
            inside = first
            while inside <= last and inside + 4 <= tcp[at + 1]:
                add32(packet, tcp, at + inside, change)
                inside += 4
        at += tcp[at + 1]


cdef uint32_t window_back(const Splice *splice, uint32_t window) noexcept nogil:
    """A window of the server, in bytes, as the client scales it; never none where there is some."""
    if splice.client_scale == NO_SCALE or window == 0:
        return window
    return max(window >> splice.announced_scale, <uint32_t>1)


cdef void splice_forward(const Splice *splice, Descriptor *packet, uint8_t *tcp, uint32_t length) noexcept nogil:
    """Translate a segment of the client, of which `length` bytes are there, for the server."""
    if tcp_flags(tcp) & TCP_ACK:
        add32(packet, tcp, TCP_AT_ACKNOWLEDGMENT, -splice.delta)
        add_options(packet, tcp, length, TCP_OPTION_SACK, 2, 60, -splice.delta)
    if splice.stamps and tcp_flags(tcp) & TCP_ACK:
        add_options(packet, tcp, length, TCP_OPTION_TIMESTAMPS, STAMP_ECHO, STAMP_ECHO, -splice.stamp_delta)
    if splice.client_scale != NO_SCALE and splice.server_scale == NO_SCALE and not tcp_flags(tcp) & TCP_SYN:
        set_window(packet, tcp, <uint32_t>tcp_window(tcp) << splice.client_scale)


cdef void splice_back(const Splice *splice, Descriptor *packet, uint8_t *tcp, uint32_t length) noexcept nogil:
    """Translate a segment of the server for the client."""
    add32(packet, tcp, TCP_AT_SEQUENCE, splice.delta)
    if splice.stamps:
        add_options(packet, tcp, length, TCP_OPTION_TIMESTAMPS, STAMP_VALUE, STAMP_VALUE, splice.stamp_delta)
    if splice.client_scale != NO_SCALE and splice.server_scale != splice.announced_scale:
        set_window(packet, tcp, window_back(splice, <uint32_t>tcp_window(tcp) << (
            0 if splice.server_scale == NO_SCALE else splice.server_scale)))


cdef void splice_quote(const Splice *splice, uint8_t *icmp, uint8_t *quoted_tcp) noexcept nogil:
    """Translate the sequence number in what an ICMP error quotes of the server's segment, for the server."""
    cdef uint32_t old = load_be32(quoted_tcp + TCP_AT_SEQUENCE)
    store_be32(quoted_tcp + TCP_AT_SEQUENCE, old - splice.delta)
    store_be16(icmp + ICMP_AT_CHECKSUM, checksum_update32(load_be16(icmp + ICMP_AT_CHECKSUM), old, old - splice.delta))

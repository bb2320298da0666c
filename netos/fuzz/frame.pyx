"""Frames: where their headers lie, checksums put right after a mutation, and what is wrong with one that was sent.

The rules for what a host sends are RFC 894, RFC 826, RFC 791, RFC 792, RFC 768, RFC 9293 and RFC 1122's section 3.2.1.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from netos.checksum cimport (
    checksum_data, checksum_finish, checksum_fold, checksum_nonzero, checksum_partial, checksum_pseudo_ip,
)
from netos.wire cimport load_be16, load_be32, store_be16

from netos.addresses import EtherAddress, ipv4_number

cdef enum:
    ICMP = 1
    TCP = 6
    UDP = 17


cdef void parts_find(Parts *parts, const uint8_t *frame, uint32_t length) noexcept nogil:
    """Where the headers of an untagged or tagged Ethernet frame lie."""
    cdef uint32_t at = ETHER, header, total
    parts.ip = parts.transport = parts.protocol = 0
    parts.fragment = 0
    parts.end = length
    if length >= 18 and load_be16(frame + 12) == 0x8100:
        at = 18
    if length < at + 20 or load_be16(frame + at - 2) != 0x0800 or frame[at] >> 4 != 4:
        return
    parts.ip = at
    parts.protocol = frame[at + 9]
    header = (frame[at] & 15) * 4
    total = load_be16(frame + at + 2)
    parts.fragment = load_be16(frame + at + 6) & 0x3FFF != 0
    if header < 20 or at + header > length:
        return
    if header <= total <= length - at:
        parts.end = at + total
    if not load_be16(frame + at + 6) & 0x1FFF:
        parts.transport = at + header


cdef void mend(uint8_t *frame, uint32_t length, bint lengths) noexcept nogil:
    """Make the checksums right, and first the IP and UDP lengths if asked to, so that a mutation gets past them."""
    cdef Parts parts
    cdef uint8_t *ip
    cdef uint8_t *at
    cdef uint32_t size, header
    parts_find(&parts, frame, length)
    if parts.ip == 0:
        return
    ip = frame + parts.ip
    header = max((ip[0] & 15) * 4, 20)
    if lengths:
        store_be16(ip + 2, min(length - parts.ip, 65535))
        parts.end = length
    if parts.ip + header <= length:
        store_be16(ip + 10, 0)
        store_be16(ip + 10, checksum_data(ip, header))
    if parts.transport == 0 or parts.fragment:
        return
    at = frame + parts.transport
    size = parts.end - parts.transport
    if parts.protocol == TCP and size >= 20:
        store_be16(at + 16, 0)
        store_be16(at + 16, checksum_finish(checksum_partial(at, size, checksum_pseudo_ip(ip, size))))
    elif parts.protocol == ICMP and size >= 4:
        store_be16(at + 2, 0)
        store_be16(at + 2, checksum_data(at, size))
    elif parts.protocol == UDP and size >= 8:
        if lengths:
            store_be16(at + 4, size)
        if load_be16(at + 4) >= 8:
            size = min(size, load_be16(at + 4))
        store_be16(at + 6, 0)
        store_be16(at + 6, checksum_nonzero(checksum_finish(checksum_partial(at, size, checksum_pseudo_ip(ip, size)))))


cdef bint same_ether(const uint8_t *one, const uint8_t *other) noexcept nogil:
    return load_be32(one) == load_be32(other) and load_be16(one + 4) == load_be16(other + 4)


cdef const char *arp_wrong(const uint8_t *arp, uint32_t length, const Station *station) noexcept nogil:
    if length < 28:
        return b"an ARP packet shorter than 28 bytes was sent"
    if load_be32(arp) != 0x00010800 or arp[4] != 6 or arp[5] != 4:
        return b"an ARP packet of other than Ethernet and IPv4 was sent"
    if load_be16(arp + 6) not in (1, 2):
        return b"an ARP packet was sent that neither asks nor answers"
    if not same_ether(arp + 8, station.ether):
        return b"an ARP packet was sent with a foreign Ethernet address as its sender"
    if load_be32(arp + 14) not in (0, station.address):
        return b"an ARP packet was sent with a foreign IP address as its sender"
    return NULL


cdef const char *tcp_wrong(const uint8_t *tcp, uint32_t size) noexcept nogil:
    """What is wrong with the header and options of a TCP segment."""
    cdef uint32_t header, at = 20
    if size < 20:
        return b"a TCP segment shorter than its header was sent"
    header = (tcp[12] >> 4) * 4
    if header < 20 or header > size:
        return b"a TCP segment with a wrong header length was sent"
    if (load_be16(tcp) == 0 or load_be16(tcp + 2) == 0) and not tcp[13] & 4:       # whoever sends so gets a RST
        return b"a TCP segment with port 0 was sent"
    if tcp[13] & 2 and tcp[13] & 5:
        return b"a TCP segment with SYN and FIN or RST was sent"
    while at < header and tcp[at] != 0:
        if tcp[at] == 1:
            at += 1
        elif at + 1 >= header or tcp[at + 1] < 2 or at + tcp[at + 1] > header:
            return b"a TCP segment with a broken option was sent"
        else:
            at += tcp[at + 1]
    return NULL


cdef const char *header_wrong(const uint8_t *frame, uint32_t length) noexcept nogil:
    """What is wrong with the IP header of a frame that somebody made or changed; NULL: nothing."""
    cdef const uint8_t *ip = frame + ETHER
    cdef uint32_t header, total
    if length < ETHER + 20:
        return b"an IP packet shorter than its header was sent"
    header = (ip[0] & 15) * 4
    total = load_be16(ip + 2)
    if ip[0] >> 4 != 4 or header < 20 or total < header or ETHER + total > length:
        return b"an IP packet with a wrong version or length was sent"
    if checksum_data(ip, header):
        return b"an IP packet with a wrong header checksum was sent"
    return NULL


cdef const char *frame_wrong(const uint8_t *frame, uint32_t length, const Station *station, bint partial,
                             uint32_t segment) noexcept nogil:
    """What is wrong with a frame that a host sent; NULL: nothing.

    `partial`: the transport checksum covers the pseudo header only; `segment`: the bytes of data in each segment that
    it is to be cut into before it is sent, 0: it is sent as it is.
    """
    cdef const uint8_t *ip = frame + ETHER
    cdef const uint8_t *at
    cdef const char *wrong
    cdef uint32_t header, total, size, kind
    if length < ETHER:
        return b"a frame shorter than an Ethernet header was sent"
    if not same_ether(frame + 6, station.ether):
        return b"a frame was sent with a foreign Ethernet address as its source"
    kind = load_be16(frame + 12)
    if kind == 0x0806:
        return arp_wrong(ip, length - ETHER, station)
    if kind != 0x0800:
        return b"a frame that is neither IP nor ARP was sent"
    wrong = header_wrong(frame, length)
    if wrong != NULL:
        return wrong
    header, total = (ip[0] & 15) * 4, load_be16(ip + 2)
    if ETHER + total != length:
        return b"a frame longer than its IP packet was sent"
    if total > station.mtu and not segment:
        return b"a packet larger than the link takes was sent"
    if load_be32(ip + 12) not in (0, station.address):
        return b"a packet was sent with a foreign source address"
    if ip[8] == 0:
        return b"a packet with a time to live of zero was sent"
    if load_be16(ip + 6) & 0x3FFF:
        return NULL
    at = ip + header
    size = total - header
    if ip[9] == ICMP:
        if size < 8 or checksum_data(at, size):
            return b"an ICMP message with a wrong checksum was sent"
        return NULL
    if ip[9] == UDP:
        if size < 8 or load_be16(at + 4) != size:
            return b"a UDP datagram with a wrong length was sent"
        if load_be16(at + 6) == 0:
            return b"a UDP datagram without a checksum was sent"
        if checksum_finish(checksum_partial(at, size, checksum_pseudo_ip(ip, size))):
            return b"a UDP datagram with a wrong checksum was sent"
        return NULL
    if ip[9] != TCP:
        return b"a packet of a protocol that the host does not have was sent"
    wrong = tcp_wrong(at, size)
    if wrong != NULL:
        return wrong
    if segment and header + (at[12] >> 4) * 4 + segment > station.mtu:
        return b"a packet was sent that is to be cut into segments larger than the link takes"
    if partial:
        if load_be16(at + 16) != checksum_fold(checksum_pseudo_ip(ip, size)):
            return b"a TCP segment with a wrong partial checksum was sent"
    elif checksum_finish(checksum_partial(at, size, checksum_pseudo_ip(ip, size))):
        return b"a TCP segment with a wrong checksum was sent"
    return NULL


def mended(bytes frame not None, bint lengths=False):
    """The frame with right checksums, and right lengths if asked to."""
    made = bytearray(frame)
    cdef uint8_t[::1] view = made
    if len(made):
        mend(&view[0], <uint32_t>len(made), lengths)
    return bytes(made)


def wrong(bytes frame not None, *, ether, address, uint32_t mtu=1500, uint32_t segment=0):
    """What is wrong with a frame that the host with these addresses has sent; None: nothing."""
    cdef Station station
    cdef bytes packed = bytes(EtherAddress(ether))
    cdef const char *found
    memcpy(station.ether, <const char *>packed, 6)
    station.address, station.mtu = ipv4_number(str(address)), mtu
    found = frame_wrong(<const uint8_t *><const char *>frame, <uint32_t>len(frame), &station, 0, segment)
    return None if found == NULL else (<bytes>found).decode()

"""IPv4 as it leaves: headers, fragments, the way to the next hop (RFC 791, RFC 1122 section 3.2)."""

from libc.errno cimport EMSGSIZE, ENETUNREACH, ENOBUFS
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from netos.checksum cimport checksum_ip
from netos.packet cimport HEADROOM, VIRTIO_NEEDS_CHECKSUM, Descriptor, packet_consume, packet_create, packet_set_network
from netos.proto.host cimport (
    IP_FRAGMENTED, IP_NO_BUFFER, IP_NO_ROUTE, IP_SENT, IP_TOO_BIG, LOOP_FULL, SEGMENT_MTU_LEAST, Host, Path, host_drop,
    host_find_path, packets_put,
)
from netos.proto.inet cimport Address, address_number
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_TOS, IP_DONT_FRAGMENT, IP_HEADER_LENGTH, IP_MAXIMUM_LENGTH, IP_MORE_FRAGMENTS,
    ip_is_multicast, ip_write,
)
from netos.proto.neighbours cimport neighbour_send
from netos.proto.siphash cimport siphash_words
from netos.wire cimport store_be16


cdef int refuse(Host *host, Descriptor *packet, int count, int error) noexcept nogil:
    host_drop(host, packet, count)
    return -error


cdef void put_header(Host *host, Descriptor *packet, uint32_t source, uint32_t destination, uint8_t protocol,
                     uint8_t tos, uint16_t identification, uint16_t fragment) noexcept nogil:
    """Put an IP header in front; every packet of the host's own has the headroom."""
    packet.data -= IP_HEADER_LENGTH
    packet.length += IP_HEADER_LENGTH
    packet.header_length += IP_HEADER_LENGTH
    ip_write(packet.data, packet.length, protocol, source, destination,
             1 if ip_is_multicast(destination) else host.ttl, identification, fragment)     # RFC 1112 section 6.1
    packet.data[IP_AT_TOS] = tos
    store_be16(packet.data + IP_AT_CHECKSUM, checksum_ip(packet.data, IP_HEADER_LENGTH))
    packet_set_network(packet, packet.data, IP_HEADER_LENGTH)


cdef uint16_t next_identification(Host *host, const Address *destination) noexcept nogil:
    """Of a datagram that may be cut: unique among many to a destination, elsewhere for each (RFC 7739 section 5).

    What must not be cut has none (RFC 6864 section 4.1): others could count our packets by it, and scan with our help.
    """
    host.identification += 1
    return <uint16_t>(host.identification + siphash_words(host.secret, destination.words, 2))


cdef int ip_send(Host *host, Descriptor *packet, const Address *source, const Address *destination, uint8_t protocol,
                 uint8_t tos, bint dont_fragment) noexcept nogil:
    """Send a packet that begins with its transport header and has HEADROOM before it; 0 or -errno. It is given away."""
    cdef Path path
    cdef uint32_t from_address = address_number(source), to = address_number(destination)
    cdef uint16_t identification
    if not host_find_path(host, destination, &path):
        return refuse(host, packet, IP_NO_ROUTE, ENETUNREACH)
    if packet.length + IP_HEADER_LENGTH > IP_MAXIMUM_LENGTH:
        return refuse(host, packet, IP_TOO_BIG, EMSGSIZE)
    if path.mtu < SEGMENT_MTU_LEAST:
        dont_fragment = 0                   # every link carries 68 bytes (RFC 791), the least that TCP sends is more
    identification = 0 if dont_fragment else next_identification(host, destination)
    if packet.length + IP_HEADER_LENGTH > path.mtu and not packet.gso_type:
        if dont_fragment:
            return refuse(host, packet, IP_TOO_BIG, EMSGSIZE)
        return send_fragments(host, packet, &path, from_address, to, protocol, tos, identification)
    put_header(host, packet, from_address, to, protocol, tos, identification,
               IP_DONT_FRAGMENT if dont_fragment else 0)
    return give(host, packet, &path)


cdef int give(Host *host, Descriptor *packet, const Path *path) noexcept nogil:
    host.counts[IP_SENT] += 1
    if path.interface == NULL:
        if not packets_put(host.loop, packet):
            return refuse(host, packet, LOOP_FULL, ENOBUFS)
        return 0
    neighbour_send(host, path.interface, &path.hop, packet)
    return 0


cdef int send_fragments(Host *host, Descriptor *packet, const Path *path, uint32_t source, uint32_t destination,
                        uint8_t protocol, uint8_t tos, uint16_t identification) noexcept nogil:
    """Cut a datagram to the path's size (RFC 791 section 3.2)."""
    cdef uint32_t piece = (path.mtu - IP_HEADER_LENGTH) & ~<uint32_t>7, at = 0, length
    cdef Descriptor *fragment
    if path.mtu < IP_HEADER_LENGTH + 8 or packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
        return refuse(host, packet, IP_TOO_BIG, EMSGSIZE)
    host.counts[IP_FRAGMENTED] += 1
    while at < packet.length:
        length = min(piece, packet.length - at)
        fragment = packet_create(host.vcpu, HEADROOM, length)
        if fragment == NULL:
            return refuse(host, packet, IP_NO_BUFFER, ENOBUFS)
        memcpy(fragment.data, packet.data + at, length)
        put_header(host, fragment, source, destination, protocol, tos, identification,
                   <uint16_t>(at >> 3 | (IP_MORE_FRAGMENTS if at + length < packet.length else 0)))
        give(host, fragment, path)
        at += length
    packet_consume(host.vcpu, packet)
    return 0

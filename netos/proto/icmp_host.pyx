"""ICMP of a host: echo replies, and errors about packets that cannot be delivered (RFC 792, RFC 1122 section 3.2.2)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.checksum cimport checksum_data
from netos.packet cimport (
    HEADROOM, TO_HOST, Descriptor, packet_create, packet_network, packet_transport, packet_transport_length,
)
from netos.proto.host cimport (
    ICMP_ECHOES, ICMP_ERRORS_LIMITED, ICMP_ERRORS_SENT, IP_NO_BUFFER, Host, host_is_broadcast, host_is_own,
)
from netos.proto.icmp cimport (
    ICMP_AT_CHECKSUM, ICMP_AT_CODE, ICMP_AT_IDENTIFIER, ICMP_AT_TYPE, ICMP_ECHO_REPLY, ICMP_HEADER_LENGTH,
    icmp_is_error,
)
from netos.proto.inet cimport Address, address_ipv4
from netos.proto.ip_output cimport ip_send
from netos.proto.ipv4 cimport (
    IP_PROTOCOL_ICMP, ip_destination, ip_is_first_fragment, ip_is_loopback, ip_is_multicast, ip_source, ip_total_length,
)
from netos.proto.siphash cimport siphash_words
from netos.wire cimport store_be16, store_be32

cdef enum:
    QUOTED_MAX = 576 - 28       # an error is at most 576 bytes (RFC 1812 section 4.3.2.3)

cdef int64_t ERROR_COST = 10000000      # nanoseconds of credit, on the average: a hundred errors a second
cdef int64_t ERROR_CREDIT = 50 * ERROR_COST


cdef bint may_complain(Host *host) noexcept nogil:
    """A token bucket for errors (RFC 1812 section 4.3.2.8).

    Each costs a half more or less, by chance: who gets some of them cannot tell how many others got (CVE-2020-25705).
    """
    cdef uint64_t[2] drawn = [host.counts[ICMP_ERRORS_SENT], ICMP_ERRORS_SENT]      # not what ports are drawn from
    cdef uint64_t cost = ERROR_COST // 2 + siphash_words(host.secret, drawn, 2) % <uint64_t>ERROR_COST
    host.icmp_tokens = min(host.icmp_tokens + (host.now - host.icmp_filled_at), ERROR_CREDIT)
    host.icmp_filled_at = host.now
    if host.icmp_tokens < cost:
        host.counts[ICMP_ERRORS_LIMITED] += 1
        return 0
    host.icmp_tokens -= cost
    return 1


cdef void icmp_error(Host *host, Descriptor *about, uint8_t icmp_type, uint8_t code, uint32_t rest) noexcept nogil:
    """Tell the sender of a packet, which stays the caller's, that it could not be delivered; unless nobody may be told.

    No error goes out about an ICMP error, a broadcast or multicast, a fragment that is not the first, or to a source
    that is no single host (RFC 1122 section 3.2.2). `rest` is the second word of the message.
    """
    cdef const uint8_t *ip = packet_network(about)
    cdef uint32_t source = ip_source(ip), destination = ip_destination(ip), quoted
    cdef Address local, remote
    cdef Descriptor *packet
    if (about.packet_type != TO_HOST or host_is_broadcast(host, destination) or ip_is_multicast(destination)
            or not ip_is_first_fragment(ip) or source == 0 or ip_is_multicast(source) or source >> 28 == 15
            or host_is_broadcast(host, source) or ip_is_loopback(source) and not ip_is_loopback(destination)):
        return
    if ip[9] == IP_PROTOCOL_ICMP and (packet_transport_length(about) < 1 or icmp_is_error(packet_transport(about)[0])):
        return
    if not may_complain(host):
        return
    quoted = min(ip_total_length(ip), <uint32_t>QUOTED_MAX)
    packet = packet_create(host.vcpu, HEADROOM, ICMP_HEADER_LENGTH + quoted)
    if packet == NULL:
        host.counts[IP_NO_BUFFER] += 1
        return
    packet.data[ICMP_AT_TYPE] = icmp_type
    packet.data[ICMP_AT_CODE] = code
    store_be16(packet.data + ICMP_AT_CHECKSUM, 0)
    store_be32(packet.data + ICMP_AT_IDENTIFIER, rest)
    memcpy(packet.data + ICMP_HEADER_LENGTH, ip, quoted)
    store_be16(packet.data + ICMP_AT_CHECKSUM, checksum_data(packet.data, packet.length))
    host.counts[ICMP_ERRORS_SENT] += 1
    local = address_ipv4(destination)
    remote = address_ipv4(source)
    ip_send(host, packet, &local, &remote, IP_PROTOCOL_ICMP, 0xC0, 0)


cdef void icmp_echo(Host *host, Descriptor *packet) noexcept nogil:
    """Answer an echo request, which stays the caller's, with all of its data (RFC 1122 section 3.2.2.6)."""
    cdef const uint8_t *ip = packet_network(packet)
    cdef uint32_t length = packet_transport_length(packet)
    cdef Address local = address_ipv4(ip_destination(ip)), remote = address_ipv4(ip_source(ip))
    cdef Descriptor *reply
    if packet.packet_type != TO_HOST or not host_is_own(host, ip_destination(ip)) or ip_source(ip) == 0:
        return                  # RFC 1122 section 3.2.2.6 allows silence to broadcasts
    reply = packet_create(host.vcpu, HEADROOM, length)
    if reply == NULL:
        host.counts[IP_NO_BUFFER] += 1
        return
    memcpy(reply.data, packet_transport(packet), length)
    reply.data[ICMP_AT_TYPE] = ICMP_ECHO_REPLY
    store_be16(reply.data + ICMP_AT_CHECKSUM, 0)
    store_be16(reply.data + ICMP_AT_CHECKSUM, checksum_data(reply.data, length))
    host.counts[ICMP_ECHOES] += 1
    ip_send(host, reply, &local, &remote, IP_PROTOCOL_ICMP, ip[1], 0)

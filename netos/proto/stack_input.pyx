"""Packets as they come to a host: Ethernet, IPv4, and on to ARP, ICMP, UDP and TCP (RFC 1122 section 3.2)."""

from libc.errno cimport ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from netos.checksum cimport checksum_data, checksum_finish, checksum_ip, checksum_partial, checksum_pseudo_ip
from netos.packet cimport (
    DROP_BAD_CHECKSUM, DROP_BAD_HEADER_LENGTH, DROP_BAD_SOURCE, DROP_BROADCAST, DROP_NONE, GSO_NONE, TO_BROADCAST,
    TO_HOST, TO_MULTICAST, TO_OTHER_HOST, VIRTIO_DATA_VALID, VIRTIO_NEEDS_CHECKSUM, Descriptor, packet_consume,
    packet_network, packet_set_network, packet_strip, packet_transport, packet_transport_length, packet_trim,
)
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH, ETHERTYPE_ARP, ETHERTYPE_IP, ether_equal, ether_type
from netos.proto.host cimport (
    ICMP_BAD, ICMP_RECEIVED, IP_BAD_CHECKSUM, IP_BAD_HEADER, IP_BAD_OPTION, IP_BAD_SOURCE, IP_DELIVERED, IP_NOT_OURS,
    IP_RECEIVED, IP_UNKNOWN_PROTOCOL, NOT_IP, UDP_NO_PORT, Host, Interface, host_discard, host_drop, host_is_broadcast,
    host_is_own, host_learn_mtu, host_reason, packets_take,
)
from netos.proto.icmp cimport (
    ICMP_AT_MTU, ICMP_ECHO, ICMP_HEADER_LENGTH, ICMP_PARAMETER_PROBLEM, ICMP_TIME_EXCEEDED, ICMP_UNREACHABLE,
    ICMP_UNREACHABLE_FRAGMENTATION_NEEDED, ICMP_UNREACHABLE_NET, ICMP_UNREACHABLE_PORT, ICMP_UNREACHABLE_PROTOCOL,
)
from netos.proto.icmp_host cimport icmp_echo, icmp_error
from netos.proto.inet cimport Address, address_ipv4
from netos.proto.ip_reassembly cimport reassemble
from netos.proto.ipv4 cimport (
    IP_AT_OPTIONS, IP_AT_PROTOCOL, IP_AT_TOS, IP_ECN_CE, IP_ECN_MASK, IP_HEADER_LENGTH, IP_OPTION_END,
    IP_OPTION_LOOSE_SOURCE_ROUTE, IP_OPTION_NO_OPERATION, IP_OPTION_STRICT_SOURCE_ROUTE, IP_PROTOCOL_ICMP,
    IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, ip_destination, ip_header_length, ip_is_fragment, ip_is_loopback, ip_is_multicast,
    ip_is_reserved, ip_source, ip_total_length, ip_version,
)
from netos.proto.neighbours cimport arp_input
from netos.proto.tcp_block cimport COUNT_BAD_CHECKSUM, COUNT_IN_ERRORS
from netos.proto.tcp_input cimport tcp_error, tcp_flush, tcp_input
from netos.proto.tcp_segment cimport Segment, segment_parse
from netos.proto.udp_ports cimport udp_error, udp_input
from netos.wire cimport load_be16

cdef enum:
    ROUNDS = 64                 # of packets to itself that one turn looks at
    MTU_LEAST = 68
    MTU_LEARNED_LEAST = 552     # below, an ICMP message is taken for an attack (RFC 5927 section 7.2)


cdef void ethernet_input(Protocols *protocols, Interface *interface, Descriptor *packet) noexcept nogil:
    """A frame from an interface's device; it is given away."""
    cdef Host *host = &protocols.host
    cdef const uint8_t *frame = packet.data
    cdef uint16_t kind
    if packet.length < ETHER_HEADER_LENGTH:
        host_drop(host, packet, NOT_IP)
        return
    if ether_equal(frame, interface.ether):
        packet.packet_type = TO_HOST
    elif frame[0] & 1:
        packet.packet_type = TO_BROADCAST if load_be16(frame) == 0xFFFF else TO_MULTICAST
    else:
        host_drop(host, packet, IP_NOT_OURS)
        return
    kind = ether_type(frame)
    packet_strip(packet, ETHER_HEADER_LENGTH)
    if kind == ETHERTYPE_IP:
        ip_input(protocols, packet, 0)
    elif kind == ETHERTYPE_ARP:
        arp_input(host, interface, packet)
    else:
        host_drop(host, packet, NOT_IP)


cdef int header_fault(Protocols *protocols, Descriptor *packet, bint local) noexcept nogil:
    """What is wrong with the IP header or its addresses, as a counter (RFC 1122 section 3.2.1); -1: nothing."""
    cdef Host *host = &protocols.host
    cdef const uint8_t *ip = packet.data
    cdef uint32_t header, total, source, destination
    if packet.length < IP_HEADER_LENGTH or ip_version(ip) != 4:
        return IP_BAD_HEADER
    header, total = ip_header_length(ip), ip_total_length(ip)
    if header < IP_HEADER_LENGTH or total < header or total > packet.length:
        return IP_BAD_HEADER
    if checksum_ip(ip, header):
        return IP_BAD_CHECKSUM
    if packet.length > total:
        packet_trim(packet, packet.length - total)
    packet_set_network(packet, ip, header)
    source, destination = ip_source(ip), ip_destination(ip)
    if (ip_is_reserved(source) or source and source >> 24 == 0 or ip_is_multicast(source)
            or host_is_broadcast(host, source)
            or not local and (ip_is_loopback(source) or ip_is_loopback(destination) or host_is_own(host, source))):
        return IP_BAD_SOURCE
    if header > IP_HEADER_LENGTH and not options_are_good(ip, header):
        return IP_BAD_OPTION
    if host_is_own(host, destination):
        return -1
    if (host_is_broadcast(host, destination) or ip_is_multicast(destination)) and packet.packet_type != TO_OTHER_HOST:
        if packet.packet_type == TO_HOST:
            packet.packet_type = TO_BROADCAST
        return -1
    return IP_NOT_OURS


cdef bint options_are_good(const uint8_t *ip, uint32_t header) noexcept nogil:
    """Options are passed over; source routes are not taken (RFC 6274 section 3.13), nor what runs past the header."""
    cdef uint32_t at = IP_AT_OPTIONS
    while at < header and ip[at] != IP_OPTION_END:
        if ip[at] == IP_OPTION_NO_OPERATION:
            at += 1
            continue
        if ip[at] == IP_OPTION_LOOSE_SOURCE_ROUTE or ip[at] == IP_OPTION_STRICT_SOURCE_ROUTE:
            return 0
        if at + 1 >= header or ip[at + 1] < 2 or at + ip[at + 1] > header:
            return 0
        at += ip[at + 1]
    return 1


cdef void ip_input(Protocols *protocols, Descriptor *packet, bint local) noexcept nogil:
    """A packet that begins with its IP header, from this host itself if `local`; it is given away."""
    cdef Host *host = &protocols.host
    cdef Descriptor *whole
    cdef int fault, reason
    host.counts[IP_RECEIVED] += 1
    fault = header_fault(protocols, packet, local)
    if fault >= 0:
        host_drop(host, packet, fault)
        return
    if ip_is_fragment(packet.data):
        whole = reassemble(&protocols.reassembly, packet)
        if whole == NULL:
            return
        packet = whole
    reason = deliver(protocols, packet)
    if reason:
        host_discard(host, packet, reason)
    else:
        packet_consume(host.vcpu, packet)


cdef int deliver(Protocols *protocols, Descriptor *packet) noexcept nogil:
    """To the protocol that it is for; the packet stays the caller's. 0, or the reason why it is not wanted."""
    cdef Host *host = &protocols.host
    cdef uint8_t protocol = packet_network(packet)[IP_AT_PROTOCOL]
    cdef int fault = -1
    host.counts[IP_DELIVERED] += 1
    if protocol == IP_PROTOCOL_TCP:
        return tcp_packet(protocols, packet)
    if protocol == IP_PROTOCOL_UDP:
        fault = udp_input(&protocols.udp, packet)
        if fault == UDP_NO_PORT:
            icmp_error(host, packet, ICMP_UNREACHABLE, ICMP_UNREACHABLE_PORT, 0)
    elif protocol == IP_PROTOCOL_ICMP:
        fault = icmp_input(protocols, packet)
    else:
        fault = IP_UNKNOWN_PROTOCOL
        host.counts[IP_UNKNOWN_PROTOCOL] += 1
        icmp_error(host, packet, ICMP_UNREACHABLE, ICMP_UNREACHABLE_PROTOCOL, 0)
    return host_reason(fault) if fault >= 0 else DROP_NONE


cdef int tcp_packet(Protocols *protocols, Descriptor *packet) noexcept nogil:
    cdef const uint8_t *ip = packet_network(packet)
    cdef uint32_t length = packet_transport_length(packet)
    cdef Segment segment
    cdef Address local, remote
    if packet.packet_type != TO_HOST or ip_source(ip) == 0:
        return DROP_BROADCAST if packet.packet_type != TO_HOST else DROP_BAD_SOURCE     # RFC 9293, MUST-57
    if (not packet.virtio_flags & (VIRTIO_NEEDS_CHECKSUM | VIRTIO_DATA_VALID)
            and checksum_finish(checksum_partial(packet_transport(packet), length, checksum_pseudo_ip(ip, length)))):
        protocols.tcp.counts[COUNT_BAD_CHECKSUM] += 1
        return DROP_BAD_CHECKSUM
    if not segment_parse(&segment, packet_transport(packet), length):
        protocols.tcp.counts[COUNT_IN_ERRORS] += 1
        return DROP_BAD_HEADER_LENGTH
    if packet.gso_type != GSO_NONE and packet.gso_size:
        segment.count = <uint16_t>min((segment.length + packet.gso_size - 1) // packet.gso_size, <uint32_t>0xFFFF)
    segment.congested = ip[IP_AT_TOS] & IP_ECN_MASK == IP_ECN_CE
    local, remote = address_ipv4(ip_destination(ip)), address_ipv4(ip_source(ip))
    tcp_input(&protocols.tcp, &local, &remote, &segment)
    return DROP_NONE


cdef int icmp_input(Protocols *protocols, Descriptor *packet) noexcept nogil:
    """An ICMP message; -1, or the counter of what is wrong with it."""
    cdef Host *host = &protocols.host
    cdef const uint8_t *icmp = packet_transport(packet)
    cdef uint32_t length = packet_transport_length(packet)
    host.counts[ICMP_RECEIVED] += 1
    if length < ICMP_HEADER_LENGTH or (not packet.virtio_flags & VIRTIO_DATA_VALID and checksum_data(icmp, length)):
        host.counts[ICMP_BAD] += 1
        return ICMP_BAD
    if icmp[0] == ICMP_ECHO:
        icmp_echo(host, packet)
    elif icmp[0] in (ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED, ICMP_PARAMETER_PROBLEM):
        error_input(protocols, icmp, length)
    return -1


cdef int32_t error_number(uint8_t kind, uint8_t code) noexcept nogil:
    """What an ICMP error is called for a user (RFC 1122 section 3.2.2.1)."""
    if kind != ICMP_UNREACHABLE:
        return EHOSTUNREACH
    if code == ICMP_UNREACHABLE_PORT or code == ICMP_UNREACHABLE_PROTOCOL:
        return ECONNREFUSED
    if code == ICMP_UNREACHABLE_FRAGMENTATION_NEEDED:
        return EMSGSIZE
    return ENETUNREACH if code == ICMP_UNREACHABLE_NET else EHOSTUNREACH


cdef void error_input(Protocols *protocols, const uint8_t *icmp, uint32_t length) noexcept nogil:
    """An error about a packet of ours, of which it quotes the header and eight bytes at least."""
    cdef Host *host = &protocols.host
    cdef const uint8_t *ip = icmp + ICMP_HEADER_LENGTH
    cdef uint32_t header, mtu = 0
    cdef Address local, remote
    cdef bint too_big = icmp[0] == ICMP_UNREACHABLE and icmp[1] == ICMP_UNREACHABLE_FRAGMENTATION_NEEDED
    if length < ICMP_HEADER_LENGTH + IP_HEADER_LENGTH or ip_version(ip) != 4:
        host.counts[ICMP_BAD] += 1
        return
    header = ip_header_length(ip)
    if header < IP_HEADER_LENGTH or length < ICMP_HEADER_LENGTH + header + 8 or not host_is_own(host, ip_source(ip)):
        host.counts[ICMP_BAD] += 1
        return
    local, remote = address_ipv4(ip_source(ip)), address_ipv4(ip_destination(ip))
    if too_big:
        mtu = max(load_be16(icmp + ICMP_AT_MTU), <uint32_t>MTU_LEAST)
    if ip[IP_AT_PROTOCOL] == IP_PROTOCOL_TCP:
        tcp_error(&protocols.tcp, &local, &remote, ip + header, error_number(icmp[0], icmp[1]), mtu)
    elif ip[IP_AT_PROTOCOL] == IP_PROTOCOL_UDP:
        if (udp_error(&protocols.udp, &local, &remote, ip + header, error_number(icmp[0], icmp[1]))
                and too_big and mtu < ip_total_length(ip)):
            host_learn_mtu(host, &remote, max(mtu, <uint32_t>MTU_LEARNED_LEAST))


cdef void settle(Protocols *protocols) noexcept nogil:
    """Send what is due, and hand over what the host sends to itself, until nothing is left or it was enough."""
    cdef Descriptor *packet
    cdef int rounds = 0
    tcp_flush(&protocols.tcp)
    while protocols.host.loop.count and rounds < ROUNDS:
        for _ in range(protocols.host.loop.count):
            packet = packets_take(protocols.host.loop)
            packet.packet_type = TO_HOST
            ip_input(protocols, packet, 1)
        tcp_flush(&protocols.tcp)
        rounds += 1

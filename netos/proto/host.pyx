"""A host: its interfaces, addresses and paths (RFC 1122 section 3.3), the memory of what else it keeps."""

import os

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from netos.packet cimport (
    DROP_BAD_ARP, DROP_BAD_CHECKSUM, DROP_BAD_FRAGMENT, DROP_BAD_LENGTH, DROP_BAD_OPTION, DROP_BAD_PACKET,
    DROP_BAD_SOURCE, DROP_NO_BUFFER, DROP_NO_MATCH, DROP_NO_NEIGHBOUR, DROP_NO_ROUTE, DROP_NOT_IP, DROP_OTHER_HOST,
    DROP_QUEUE_FULL, DROP_TABLE_FULL, DROP_TOO_BIG, Descriptor, Vcpu, packet_release,
)
from netos.proto.deadlines cimport deadlines_free
from netos.proto.inet cimport Address, address_equal, address_ipv4, address_is_ipv4, address_number
from netos.proto.ipv4 cimport IP_DEFAULT_TTL, ip_is_broadcast, ip_is_loopback, ip_is_multicast, ip_prefix_mask
from netos.proto.routes cimport hop_gateway, hop_port
from netos.proto.siphash cimport siphash_words

cdef enum:
    LOOPBACK_MTU = 65535

cdef int64_t PATH_LIFE = <int64_t>600 * 1000000000      # RFC 1191 section 6.3

COUNTERS = (
    "ip_received", "ip_delivered", "ip_bad_header", "ip_bad_checksum", "ip_not_ours", "ip_bad_source", "ip_bad_option",
    "ip_unknown_protocol", "ip_fragments", "ip_reassembled", "ip_reassembly_fails", "ip_sent", "ip_no_route",
    "ip_no_buffer", "ip_outbox_full", "ip_fragmented", "ip_too_big", "ip_no_neighbour", "arp_received", "arp_bad",
    "arp_requests_sent", "arp_replies_sent", "arp_conflicts", "arp_table_full", "icmp_received", "icmp_bad",
    "icmp_echoes", "icmp_errors_sent", "icmp_errors_limited", "udp_received", "udp_bad", "udp_no_port",
    "udp_queue_full", "udp_sent", "not_ip", "loop_full",
)


cdef int reasons[HOST_COUNTS]   # under which a packet is dropped that makes this count
for _counter in range(HOST_COUNTS):
    reasons[_counter] = DROP_BAD_PACKET
reasons[IP_BAD_HEADER] = DROP_BAD_LENGTH
reasons[IP_BAD_CHECKSUM] = DROP_BAD_CHECKSUM
reasons[IP_NOT_OURS] = DROP_OTHER_HOST
reasons[IP_BAD_SOURCE] = DROP_BAD_SOURCE
reasons[IP_BAD_OPTION] = DROP_BAD_OPTION
reasons[IP_UNKNOWN_PROTOCOL] = reasons[UDP_NO_PORT] = DROP_NO_MATCH
reasons[IP_REASSEMBLY_FAILS] = DROP_BAD_FRAGMENT
reasons[IP_NO_ROUTE] = DROP_NO_ROUTE
reasons[IP_NO_BUFFER] = DROP_NO_BUFFER
reasons[IP_OUTBOX_FULL] = reasons[LOOP_FULL] = reasons[UDP_QUEUE_FULL] = DROP_QUEUE_FULL
reasons[IP_TOO_BIG] = DROP_TOO_BIG
reasons[IP_NO_NEIGHBOUR] = DROP_NO_NEIGHBOUR
reasons[ARP_BAD] = reasons[ARP_CONFLICTS] = DROP_BAD_ARP
reasons[ARP_TABLE_FULL] = DROP_TABLE_FULL
reasons[NOT_IP] = DROP_NOT_IP


cdef int host_reason(int counter) noexcept nogil:
    """The drop reason of a packet that made this count."""
    return reasons[counter]


cdef void host_drop(Host *host, Descriptor *packet, int counter) noexcept nogil:
    """End a packet that is not wanted, counted here as `counter`, and as dropped by whoever runs the host."""
    host.counts[counter] += 1
    host_discard(host, packet, reasons[counter])


cdef void host_discard(Host *host, Descriptor *packet, int reason) noexcept nogil:
    """End a packet that is not wanted and has been counted here."""
    if host.drop != NULL:
        host.drop(host.drop_object, packet, reason)
        return
    host.vcpu.dropped += 1
    packet_release(host.vcpu, packet)


cdef bint packets_put(Packets *packets, Descriptor *packet) noexcept nogil:
    """Append; 0 when the ring is full, and the packet stays the caller's."""
    if packets.count == OUTBOX:
        return 0
    packets.items[(packets.first + packets.count) & (OUTBOX - 1)] = packet
    packets.count += 1
    return 1


cdef Descriptor *packets_take(Packets *packets) noexcept nogil:
    """The oldest, or NULL."""
    cdef Descriptor *packet
    if packets.count == 0:
        return NULL
    packet = packets.items[packets.first]
    packets.first = (packets.first + 1) & (OUTBOX - 1)
    packets.count -= 1
    return packet


cdef int host_init(Host *host, Vcpu *vcpu) except -1:
    """An empty host whose packets come from `vcpu`'s pools."""
    cdef uint32_t i
    random = os.urandom(20)
    memset(host, 0, sizeof(Host))
    memcpy(host.secret, <const uint8_t *>random, 16)
    memcpy(&host.identification, <const uint8_t *>random + 16, 4)
    host.vcpu = vcpu
    host.ttl = IP_DEFAULT_TTL
    host.loop = <Packets *>calloc(1, sizeof(Packets))
    host.neighbour_slab = <Neighbour *>calloc(NEIGHBOURS_MAX, sizeof(Neighbour))
    if host.loop == NULL or host.neighbour_slab == NULL:
        raise MemoryError("no memory for a host")
    for i in range(INTERFACES_MAX):
        host.interfaces[i].number = <uint16_t>i
    return 0


cdef void release_all(Host *host, Packets *packets) noexcept nogil:
    cdef Descriptor *packet
    if packets == NULL:
        return
    while packets.count:
        packet = packets_take(packets)
        host.vcpu.dropped += 1
        packet_release(host.vcpu, packet)


cdef void host_free(Host *host) noexcept nogil:
    """Give back memory and packets."""
    cdef uint32_t i
    release_all(host, host.loop)
    for i in range(host.interface_count):
        release_all(host, host.interfaces[i].outbox)
        free(host.interfaces[i].outbox)
    free(host.loop)
    free(host.neighbour_slab)
    deadlines_free(&host.deadlines)
    host.loop = NULL
    host.neighbour_slab = NULL
    host.interface_count = 0


# Whose is an address?

cdef Interface *host_interface_of(Host *host, uint32_t address) noexcept nogil:
    """The interface that has an IPv4 address, or NULL."""
    cdef uint32_t i, k
    for i in range(host.interface_count):
        for k in range(host.interfaces[i].address_count):
            if address_number(&host.interfaces[i].addresses[k].address) == address:
                return &host.interfaces[i]
    return NULL


cdef bint host_is_own(Host *host, uint32_t address) noexcept nogil:
    """Any address of an interface (the weak host model of RFC 1122 section 3.3.4.2), and all of 127/8."""
    return ip_is_loopback(address) or host_interface_of(host, address) != NULL


cdef bint host_is_neighbour(Host *host, const Interface *interface, uint32_t address) noexcept nogil:
    """Whether another host's address is reached on this link without a router, if it is there."""
    cdef int32_t hop
    cdef uint32_t k, mask
    if host_is_own(host, address) or host_is_broadcast(host, address):
        return 0
    for k in range(interface.address_count):
        mask = ip_prefix_mask(interface.addresses[k].prefix_length)
        if (address_number(&interface.addresses[k].address) ^ address) & mask == 0:
            return 1
    hop = host.find_route(host.routes_object, address)
    return (hop >= 0 and hop_gateway(host.routes, hop) == 0
            and <uint32_t>hop_port(host.routes, hop) == interface.number)


cdef bint host_is_broadcast(Host *host, uint32_t address) noexcept nogil:
    """The limited broadcast, or that of a subnet of ours."""
    cdef uint32_t i, k, mask
    cdef Interface *interface
    if ip_is_broadcast(address):
        return 1
    for i in range(host.interface_count):
        interface = &host.interfaces[i]
        for k in range(interface.address_count):
            mask = ip_prefix_mask(interface.addresses[k].prefix_length)
            if (interface.addresses[k].prefix_length < 31
                    and address == (address_number(&interface.addresses[k].address) | ~mask)):
                return 1
    return 0


cdef void choose_source(Interface *interface, uint32_t hop, Address *source) noexcept nogil:
    """The interface's address in the subnet of the next hop, else its first; 0.0.0.0 when it has none."""
    cdef uint32_t k, mask
    source[0] = address_ipv4(0)
    for k in range(interface.address_count):
        mask = ip_prefix_mask(interface.addresses[k].prefix_length)
        if k == 0 or (address_number(&interface.addresses[k].address) ^ hop) & mask == 0:
            source[0] = interface.addresses[k].address
            if (address_number(&interface.addresses[k].address) ^ hop) & mask == 0:
                return


cdef bint host_find_path(Host *host, const Address *destination, Path *path) noexcept nogil:
    """How to reach an address; 0 when there is no way."""
    cdef uint32_t address = address_number(destination), gateway, i
    cdef int32_t hop
    cdef PathMtu *entry
    cdef bint group = ip_is_broadcast(address) or ip_is_multicast(address)
    if not address_is_ipv4(destination):
        return 0
    if host_is_own(host, address):
        path.source = path.hop = destination[0]
        path.interface = NULL
        path.mtu = LOOPBACK_MTU
        path.offload = 1
        path.room = OUTBOX - host.loop.count
        return 1
    hop = host.find_route(host.routes_object, address)
    if hop >= 0:
        path.interface = &host.interfaces[hop_port(host.routes, hop)]
        gateway = hop_gateway(host.routes, hop)
    elif group:
        path.interface = NULL
        for i in range(host.interface_count):
            if host.interfaces[i].up:
                path.interface = &host.interfaces[i]
                break
        if path.interface == NULL:
            return 0
        gateway = 0
    else:
        return 0
    path.hop = address_ipv4(gateway) if gateway and not group else destination[0]    # a router is not all hosts
    choose_source(path.interface, gateway if gateway else address, &path.source)
    path.mtu = path.interface.mtu
    path.room = OUTBOX - path.interface.outbox.count
    entry = path_entry(host, destination)
    if path_holds(host, entry, destination):
        path.mtu = min(path.mtu, entry.mtu)
    path.offload = path.interface.offload and path.mtu >= SEGMENT_MTU_LEAST
    return path.interface.up


cdef PathMtu *path_entry(Host *host, const Address *destination) noexcept nogil:
    return &host.paths[<uint32_t>siphash_words(host.secret, destination.words, 2) & (PATHS - 1)]


cdef bint path_holds(const Host *host, const PathMtu *entry, const Address *destination) noexcept nogil:
    return (entry.mtu and address_equal(&entry.destination, destination)
            and host.now - entry.learned_at < PATH_LIFE)


cdef void host_learn_mtu(Host *host, const Address *destination, uint32_t mtu) noexcept nogil:
    """Remember what a router said, for ten minutes; a path that is known gets no larger by it (RFC 1191 section 3)."""
    cdef PathMtu *entry = path_entry(host, destination)
    if path_holds(host, entry, destination):
        mtu = min(mtu, entry.mtu)
    entry.destination = destination[0]
    entry.mtu = mtu
    entry.learned_at = host.now


cdef void interface_put(Host *host, Interface *interface, Descriptor *packet) noexcept nogil:
    """Hand a frame to the interface's device; the packet is given away."""
    if not packets_put(interface.outbox, packet):
        host_drop(host, packet, IP_OUTBOX_FULL)
    elif interface.outbox.count == 1 and interface.ready != NULL:
        interface.ready(interface.object)

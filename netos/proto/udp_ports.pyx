"""UDP of a host: ports, their queues, sending (RFC 768, RFC 1122 section 4.1)."""

from libc.errno cimport EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EINVAL, EMSGSIZE, ENETUNREACH, ENOBUFS
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from netos.checksum cimport checksum_finish, checksum_nonzero, checksum_partial, checksum_pseudo, checksum_pseudo_ip
from netos.packet cimport (
    HEADROOM, VIRTIO_DATA_VALID, VIRTIO_NEEDS_CHECKSUM, Descriptor, packet_create, packet_network, packet_transport,
    packet_transport_length,
)
from netos.proto.host cimport (
    IP_NO_BUFFER, UDP_BAD, UDP_NO_PORT, UDP_QUEUE_FULL, UDP_RECEIVED, UDP_SENT, Path, host_find_path, host_is_broadcast,
    host_is_own,
)
from netos.proto.inet cimport Address, address_equal, address_ipv4, address_is_any, address_number
from netos.proto.ip_output cimport ip_send
from netos.proto.ipv4 cimport IP_PROTOCOL_UDP, ip_destination, ip_is_loopback, ip_is_multicast, ip_source
from netos.proto.ring cimport ring_copy_in, ring_copy_out, ring_free, ring_room, ring_skip
from netos.proto.siphash cimport siphash_words
from netos.proto.udp cimport (
    UDP_AT_CHECKSUM, UDP_HEADER_LENGTH, udp_checksum, udp_destination, udp_length, udp_source, udp_write,
)
from netos.wire cimport load_be16, store_be16

cdef enum:
    FIRST_EPHEMERAL = 32768
    LAST_EPHEMERAL = 60999
    QUEUE_LIMIT = 1 << 18
    DATAGRAM_MAX = 65507


cdef UdpPort **bucket_of(Udp *udp, uint16_t port) noexcept nogil:
    return &udp.ports[port & 255]


cdef bint is_taken(Udp *udp, const Address *local, uint16_t port, bint shared) noexcept nogil:
    cdef UdpPort *other = bucket_of(udp, port)[0]
    while other != NULL:
        if other.port == port and not (shared and other.shared) and (
                address_equal(&other.local, local) or address_is_any(&other.local) or address_is_any(local)):
            return 1
        other = other.next
    return 0


cdef UdpPort *udp_open(Udp *udp, const Address *local, uint16_t port, bint shared, int32_t *error) noexcept nogil:
    """Open a port, 0: a free one, somewhere (RFC 6056); NULL and an errno when it is taken."""
    cdef UdpPort *opened
    cdef uint32_t span = LAST_EPHEMERAL - FIRST_EPHEMERAL + 1, i, start
    cdef uint64_t word = udp.chosen
    if port == 0:
        start = <uint32_t>siphash_words(udp.host.secret, &word, 1)
        for i in range(span):
            port = <uint16_t>(FIRST_EPHEMERAL + (start + i) % span)
            if not is_taken(udp, local, port, 0):
                break
        udp.chosen += 1
    error[0] = EADDRINUSE
    if is_taken(udp, local, port, shared):
        return NULL
    error[0] = ENOBUFS
    opened = <UdpPort *>calloc(1, sizeof(UdpPort))
    if opened == NULL:
        return NULL
    opened.local = local[0]
    opened.port = port
    opened.shared = shared
    opened.queue_limit = QUEUE_LIMIT
    opened.next = bucket_of(udp, port)[0]
    bucket_of(udp, port)[0] = opened
    udp.count += 1
    error[0] = 0
    return opened


cdef void udp_close(Udp *udp, UdpPort *port) noexcept nogil:
    """Close a port; what waits in it is gone."""
    cdef UdpPort **at = bucket_of(udp, port.port)
    while at[0] != port:
        at = &at[0].next
    at[0] = port.next
    if port.eventful:
        at = &udp.eventful
        while at[0] != port:
            at = &at[0].next_eventful
        at[0] = port.next_eventful
    ring_free(&port.queue)
    free(port)
    udp.count -= 1


cdef uint32_t fit(const UdpPort *port, const Address *local, const Address *remote,
                  uint16_t remote_port) noexcept nogil:
    """How well a port fits a datagram, 0: not at all."""
    cdef uint32_t found = 1
    if not address_is_any(&port.local):
        if not address_equal(&port.local, local):
            return 0
        found += 1
    if port.remote_port:
        if port.remote_port != remote_port or not address_equal(&port.remote, remote):
            return 0
        found += 2
    return found


cdef UdpPort *find(Udp *udp, const Address *local, uint16_t number, const Address *remote,
                   uint16_t remote_port) noexcept nogil:
    cdef UdpPort *port = bucket_of(udp, number)[0]
    cdef UdpPort *best = NULL
    cdef uint32_t best_fit = 0, now
    while port != NULL:
        if port.port == number:
            now = fit(port, local, remote, remote_port)
            if now > best_fit:
                best, best_fit = port, now
        port = port.next
    return best


cdef int enqueue(Udp *udp, UdpPort *port, const Datagram *header, const uint8_t *data) noexcept nogil:
    """Copy a datagram into the port's queue, if there is room, and tell the user; -1, or what was counted instead."""
    cdef uint32_t size = <uint32_t>sizeof(Datagram) + header.length
    if port.queue.used + size > port.queue_limit or not ring_room(&port.queue, port.queue.used + size, port.queue.used):
        udp.host.counts[UDP_QUEUE_FULL] += 1
        return UDP_QUEUE_FULL
    ring_copy_in(&port.queue, port.queue.used, <const uint8_t *>header, sizeof(Datagram))
    ring_copy_in(&port.queue, port.queue.used + <uint32_t>sizeof(Datagram), data, header.length)
    port.queue.used += size
    port.waiting += 1
    if not port.eventful:
        port.eventful = 1
        port.next_eventful = udp.eventful
        udp.eventful = port
    return -1


cdef int udp_input(Udp *udp, Descriptor *packet) noexcept nogil:
    """A datagram for the host, which stays the caller's; -1, or the counter of why nobody gets it."""
    cdef const uint8_t *header = packet_transport(packet)
    cdef const uint8_t *ip = packet_network(packet)
    cdef uint32_t length = packet_transport_length(packet)
    cdef Datagram datagram
    cdef UdpPort *port
    cdef bint several, wanted = 0
    udp.host.counts[UDP_RECEIVED] += 1
    if length < UDP_HEADER_LENGTH or udp_length(header) < UDP_HEADER_LENGTH or udp_length(header) > length:
        udp.host.counts[UDP_BAD] += 1
        return UDP_BAD
    length = udp_length(header)
    if (udp_checksum(header) and not packet.virtio_flags & (VIRTIO_NEEDS_CHECKSUM | VIRTIO_DATA_VALID)
            and checksum_finish(checksum_partial(header, length, checksum_pseudo_ip(ip, length)))):
        udp.host.counts[UDP_BAD] += 1
        return UDP_BAD
    datagram.source, datagram.destination = address_ipv4(ip_source(ip)), address_ipv4(ip_destination(ip))
    datagram.source_port, datagram.length = udp_source(header), <uint16_t>(length - UDP_HEADER_LENGTH)
    datagram.error = 0
    several = host_is_broadcast(udp.host, ip_destination(ip)) or ip_is_multicast(ip_destination(ip))
    if not several:
        port = find(udp, &datagram.destination, udp_destination(header), &datagram.source, datagram.source_port)
        if port != NULL:
            return enqueue(udp, port, &datagram, header + UDP_HEADER_LENGTH)
    else:
        port = bucket_of(udp, udp_destination(header))[0]
        while port != NULL:                     # every port that fits gets a broadcast
            if port.port == udp_destination(header) and fit(port, &datagram.destination, &datagram.source,
                                                            datagram.source_port):
                enqueue(udp, port, &datagram, header + UDP_HEADER_LENGTH)
                wanted = 1
            port = port.next
        if wanted:
            return -1
    udp.host.counts[UDP_NO_PORT] += 1
    return UDP_NO_PORT


cdef bint udp_error(Udp *udp, const Address *local, const Address *remote, const uint8_t *quoted,
                    int32_t error) noexcept nogil:
    """An ICMP error about a datagram of ours: told to a connected port (RFC 1122 section 4.1.3.3).

    0: no port is open that could have sent it, the error is a forgery or late.
    """
    cdef UdpPort *port = find(udp, local, load_be16(quoted), remote, load_be16(quoted + 2))
    cdef Datagram told
    if port == NULL:
        return 0
    if not port.remote_port or error == 0:
        return 1
    told.source, told.destination, told.source_port = remote[0], local[0], load_be16(quoted + 2)
    told.length = 0
    told.error = error
    enqueue(udp, port, &told, NULL)
    return 1


cdef bint has_address(Udp *udp, const UdpPort *port) noexcept nogil:
    """Whether the host still has the port's address: answers to what is sent from another would go elsewhere."""
    cdef uint32_t address = address_number(&port.local)
    return address == 0 or ip_is_multicast(address) or host_is_own(udp.host, address)


cdef int32_t udp_connect(Udp *udp, UdpPort *port, const Address *remote, uint16_t remote_port) noexcept nogil:
    """Exchange datagrams with one endpoint only; 0 or -errno, and nothing has changed.

    A port of all addresses is one of the path's source from now on, also when the path changes, as on Linux.
    """
    cdef Path path
    if not host_find_path(udp.host, remote, &path):
        return -ENETUNREACH
    if ip_is_loopback(address_number(&port.local)) and path.interface != NULL:
        return -EINVAL                          # RFC 1122 section 3.2.1.3, as in udp_send()
    if host_is_broadcast(udp.host, address_number(remote)) and not port.broadcast:
        return -EACCES
    if not has_address(udp, port):
        return -EADDRNOTAVAIL
    if address_is_any(&port.local):
        port.local = path.source
    port.remote, port.remote_port = remote[0], remote_port
    return 0


cdef int32_t udp_send(Udp *udp, UdpPort *port, const Address *source, const Address *destination,
                      uint16_t destination_port, const uint8_t *data, uint32_t length) noexcept nogil:
    """Send a datagram; 0 or -errno. A source of zero: the port's address, if it is a single one, else the path's."""
    cdef Descriptor *packet
    cdef Path path
    cdef Address local = source[0]
    if length > DATAGRAM_MAX:
        return -EMSGSIZE
    if destination_port == 0:
        return -EADDRNOTAVAIL
    if not host_find_path(udp.host, destination, &path):
        return -ENETUNREACH
    if host_is_broadcast(udp.host, address_number(destination)) and not port.broadcast:
        return -EACCES
    if address_is_any(&local):
        local = port.local
        if address_is_any(&local) or ip_is_multicast(address_number(&local)):
            local = path.source
        elif not has_address(udp, port):
            return -EADDRNOTAVAIL
    if ip_is_loopback(address_number(&local)) and path.interface != NULL:
        return -EINVAL                          # RFC 1122 section 3.2.1.3: such addresses do not leave the host
    if path.room < 1 + length // max(path.mtu, 68):
        return -EAGAIN
    packet = packet_create(udp.host.vcpu, HEADROOM, UDP_HEADER_LENGTH + length)
    if packet == NULL:
        udp.host.counts[IP_NO_BUFFER] += 1
        return -ENOBUFS
    udp_write(packet.data, port.port, destination_port, UDP_HEADER_LENGTH + length)
    if length:                                  # else `data` may be NULL
        memcpy(packet.data + UDP_HEADER_LENGTH, data, length)
    store_be16(packet.data + UDP_AT_CHECKSUM, checksum_nonzero(checksum_finish(checksum_partial(
        packet.data, packet.length, checksum_pseudo(address_number(&local), address_number(destination),
                                                    IP_PROTOCOL_UDP, packet.length)))))
    udp.host.counts[UDP_SENT] += 1
    return ip_send(udp.host, packet, &local, destination, IP_PROTOCOL_UDP, 0, 0)


cdef bint udp_take(UdpPort *port, Datagram *header) noexcept nogil:
    """The header of the next datagram; its bytes are then the first of the queue. 0 when none waits."""
    if port.waiting == 0:
        return 0
    ring_copy_out(&port.queue, 0, <uint8_t *>header, sizeof(Datagram))
    ring_skip(&port.queue, sizeof(Datagram))
    port.waiting -= 1
    return 1

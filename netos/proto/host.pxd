"""A host: its interfaces, routes and neighbours, and the way out for every protocol; see host.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from netos.packet cimport Descriptor, Vcpu
from netos.proto.deadlines cimport Deadline, Deadlines
from netos.proto.inet cimport Address
from netos.proto.routes cimport RouteTableData


cdef enum:
    INTERFACES_MAX = 16
    INTERFACE_ADDRESSES = 8
    OUTBOX = 1024               # packets an interface may hold before its device takes them; a power of two
    NEIGHBOUR_QUEUE = 3         # packets that wait for one neighbour's address
    NEIGHBOURS_MAX = 1024
    PATHS = 64                  # remembered path MTUs
    SEGMENT_MTU_LEAST = 128     # through less, TCP's segments go in fragments

cdef enum:                      # what is counted; names in host.pyx
    IP_RECEIVED, IP_DELIVERED, IP_BAD_HEADER, IP_BAD_CHECKSUM, IP_NOT_OURS, IP_BAD_SOURCE, IP_BAD_OPTION
    IP_UNKNOWN_PROTOCOL, IP_FRAGMENTS, IP_REASSEMBLED, IP_REASSEMBLY_FAILS, IP_SENT, IP_NO_ROUTE, IP_NO_BUFFER
    IP_OUTBOX_FULL, IP_FRAGMENTED, IP_TOO_BIG, IP_NO_NEIGHBOUR, ARP_RECEIVED, ARP_BAD, ARP_REQUESTS_SENT
    ARP_REPLIES_SENT, ARP_CONFLICTS, ARP_TABLE_FULL, ICMP_RECEIVED, ICMP_BAD, ICMP_ECHOES, ICMP_ERRORS_SENT
    ICMP_ERRORS_LIMITED, UDP_RECEIVED, UDP_BAD, UDP_NO_PORT, UDP_QUEUE_FULL, UDP_SENT, NOT_IP, LOOP_FULL
    HOST_COUNTS


cdef struct Packets:            # a ring of packets
    Descriptor *items[OUTBOX]
    uint32_t first
    uint32_t count


cdef struct InterfaceAddress:
    Address address
    uint32_t prefix_length      # of IPv4: 0 to 32
    int64_t defended_at
    int64_t announce_at         # for the second time; 0: it has been


cdef struct Interface:
    Host *host
    uint8_t ether[6]
    uint16_t number
    bint framed                 # packets have Ethernet headers
    bint offload
    bint up
    uint32_t mtu
    uint32_t address_count
    InterfaceAddress addresses[INTERFACE_ADDRESSES]
    Packets *outbox
    Deadline announcing         # at the earliest announce_at of its addresses
    void (*ready)(void *object) noexcept nogil      # called when the outbox was empty and is no more
    void *object


cdef enum:
    NEIGHBOUR_FREE
    NEIGHBOUR_INCOMPLETE        # asked, no answer yet
    NEIGHBOUR_REACHABLE
    NEIGHBOUR_PROBING           # was reachable, asked whether it still is
    NEIGHBOUR_FAILED


cdef struct Neighbour:
    Address address
    uint8_t ether[6]
    uint8_t state
    uint8_t tries
    uint8_t waiting_count
    uint16_t interface
    bint used                   # we have sent to it; else it has only asked us
    bint wanted                 # its address is to be ours, if nobody has it
    Descriptor *waiting[NEIGHBOUR_QUEUE]
    int64_t confirmed_at
    int64_t used_at
    Host *host
    Deadline timer
    Neighbour *next


cdef struct PathMtu:
    Address destination
    uint32_t mtu
    int64_t learned_at


cdef struct Path:               # how an address is reached
    Address source              # which of the host's own addresses to send from
    Address hop                 # the neighbour to give packets to
    Interface *interface        # NULL: the host itself
    uint32_t mtu                # bytes of IP packet that get through, as far as is known
    bint offload                # the link takes segmentation packets and partial checksums
    uint32_t room               # packets that the link can take now


cdef struct Host:
    Vcpu *vcpu
    int64_t now                 # nanoseconds; set at every entry into the stack
    uint64_t secret[2]
    Deadlines deadlines
    RouteTableData *routes
    int32_t (*find_route)(void *routes, uint32_t destination) noexcept nogil
    void *routes_object
    Interface interfaces[INTERFACES_MAX]
    uint32_t interface_count
    Packets *loop               # packets to the host itself
    Neighbour *neighbours[256]  # by a keyed hash
    Neighbour *neighbour_slab
    uint32_t neighbours_used
    PathMtu paths[PATHS]
    uint64_t icmp_tokens        # nanoseconds of credit for errors
    int64_t icmp_filled_at
    uint32_t identification
    uint8_t ttl
    uint64_t counts[HOST_COUNTS]
    # Ends a packet that is not wanted, and counts it under a drop reason; NULL: only the virtual CPU counts it
    void (*drop)(void *object, Descriptor *packet, int reason) noexcept nogil
    void *drop_object
    # A packet of ours that no neighbour takes, with its IP header in front: tell the user; it stays the caller's
    void (*unreachable)(Host *host, Descriptor *packet) noexcept nogil


cdef bint packets_put(Packets *packets, Descriptor *packet) noexcept nogil
cdef Descriptor *packets_take(Packets *packets) noexcept nogil
cdef int host_init(Host *host, Vcpu *vcpu) except -1
cdef void host_free(Host *host) noexcept nogil
cdef void choose_source(Interface *interface, uint32_t hop, Address *source) noexcept nogil
cdef bint host_find_path(Host *host, const Address *destination, Path *path) noexcept nogil
cdef bint host_is_own(Host *host, uint32_t address) noexcept nogil
cdef bint host_is_neighbour(Host *host, const Interface *interface, uint32_t address) noexcept nogil
cdef bint host_is_broadcast(Host *host, uint32_t address) noexcept nogil
cdef Interface *host_interface_of(Host *host, uint32_t address) noexcept nogil
cdef void host_learn_mtu(Host *host, const Address *destination, uint32_t mtu) noexcept nogil
cdef int host_reason(int counter) noexcept nogil
cdef void host_discard(Host *host, Descriptor *packet, int reason) noexcept nogil
cdef void host_drop(Host *host, Descriptor *packet, int counter) noexcept nogil
cdef void interface_put(Host *host, Interface *interface, Descriptor *packet) noexcept nogil

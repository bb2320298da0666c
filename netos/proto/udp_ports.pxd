"""UDP of a host; see udp_ports.pyx."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from netos.packet cimport Descriptor
from netos.proto.host cimport Host
from netos.proto.inet cimport Address
from netos.proto.ring cimport Ring


cdef struct Datagram:           # how a datagram lies in a port's ring, before its bytes
    Address source
    Address destination
    uint16_t source_port
    uint16_t length
    int32_t error               # an errno instead of data: what ICMP told of a connected port


cdef struct UdpPort:
    Address local               # any: all addresses of the host
    Address remote              # any: not connected
    uint16_t port
    uint16_t remote_port
    Ring queue
    uint32_t queue_limit        # bytes
    uint32_t waiting            # datagrams
    bint shared                 # SO_REUSEADDR: others may have the port, too
    bint broadcast              # may send to broadcasts
    bint eventful
    void *owner
    UdpPort *next
    UdpPort *next_eventful


cdef struct Udp:
    Host *host
    UdpPort *ports[256]
    UdpPort *eventful
    uint32_t count
    uint32_t chosen             # free ports so far: the next one is a keyed hash of this


cdef UdpPort *udp_open(Udp *udp, const Address *local, uint16_t port, bint shared, int32_t *error) noexcept nogil
cdef void udp_close(Udp *udp, UdpPort *port) noexcept nogil
cdef int udp_input(Udp *udp, Descriptor *packet) noexcept nogil
cdef bint udp_error(Udp *udp, const Address *local, const Address *remote, const uint8_t *quoted,
                    int32_t error) noexcept nogil
cdef int32_t udp_send(Udp *udp, UdpPort *port, const Address *source, const Address *destination,
                      uint16_t destination_port, const uint8_t *data, uint32_t length) noexcept nogil
cdef int32_t udp_connect(Udp *udp, UdpPort *port, const Address *remote, uint16_t remote_port) noexcept nogil
cdef bint udp_take(UdpPort *port, Datagram *header) noexcept nogil

"""Two TCP connections made one: what is added to the server's numbers so that the client knows them; see splice.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from netos.packet cimport ANNOTATIONS, Descriptor


cdef struct Splice:
    uint32_t client_sequence    # of the client's SYN
    uint32_t cookie             # of the SYN-ACK it got
    uint32_t server_sequence    # of the server's SYN-ACK
    uint32_t stamp              # our timestamp in the SYN-ACK
    uint32_t client_stamp       # the client's last timestamp when the server answered
    uint32_t delta              # the client's view of the server's sequence numbers less the server's
    uint32_t stamp_delta        # and of its timestamps
    uint32_t tries              # SYNs sent to the server
    uint8_t client_scale        # NO_SCALE: the client has not offered any
    uint8_t server_scale        # NO_SCALE: the server has not
    uint8_t announced_scale     # what we offered for the server
    uint8_t stamps              # both ends use timestamps
    uint8_t client_stamps       # the client does
    uint8_t sack
    uint8_t open                # the server has answered
    uint8_t annotations[ANNOTATIONS]    # of the client's packets
    uint32_t window             # the client's, unscaled
    uint32_t mss


cdef void splice_forward(const Splice *splice, Descriptor *packet, uint8_t *tcp, uint32_t length) noexcept nogil
cdef void splice_back(const Splice *splice, Descriptor *packet, uint8_t *tcp, uint32_t length) noexcept nogil
cdef void splice_quote(const Splice *splice, uint8_t *icmp, uint8_t *quoted_tcp) noexcept nogil
cdef uint32_t window_back(const Splice *splice, uint32_t window) noexcept nogil

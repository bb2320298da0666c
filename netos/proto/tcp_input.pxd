"""Segments as they come; see tcp_input.pyx."""

from libc.stdint cimport int32_t, uint32_t

from netos.proto.inet cimport Address
from netos.proto.tcp_block cimport Tcp
from netos.proto.tcp_segment cimport Segment


cdef void tcp_input(Tcp *tcp, const Address *local, const Address *remote, const Segment *segment) noexcept nogil
cdef void tcp_error(Tcp *tcp, const Address *local, const Address *remote, const unsigned char *quoted,
                    int32_t error, uint32_t mtu) noexcept nogil
cdef void tcp_flush(Tcp *tcp) noexcept nogil

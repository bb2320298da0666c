"""SYN cookies; see tcp_cookie.pyx."""

from libc.stdint cimport uint32_t

from netos.proto.tcp_block cimport Connection, Tcp
from netos.proto.tcp_establish cimport Offer


cdef uint32_t cookie_make(Tcp *tcp, const Connection *connection, Offer *offer) noexcept nogil
cdef uint32_t cookie_timestamp(Tcp *tcp, const Offer *offer, uint32_t offset) noexcept nogil
cdef bint cookie_read(Tcp *tcp, const Connection *connection, uint32_t cookie, uint32_t irs,
                      Offer *offer) noexcept nogil
cdef bint cookie_may_be(Tcp *tcp, uint32_t cookie) noexcept nogil
cdef void cookie_read_timestamp(uint32_t echo, uint32_t offset, Offer *offer) noexcept nogil

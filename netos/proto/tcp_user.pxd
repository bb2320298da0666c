"""The user's calls; see tcp_user.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from netos.proto.inet cimport Address
from netos.proto.tcp_block cimport Listener, Tcb, Tcp


cdef Tcb *tcp_connect(Tcp *tcp, const Address *local, uint16_t local_port, const Address *remote, uint16_t remote_port,
                      int32_t *error) noexcept nogil
cdef Listener *tcp_listen(Tcp *tcp, const Address *local, uint16_t port, uint32_t backlog,
                          int32_t *error) noexcept nogil
cdef void tcp_listen_no_more(Tcp *tcp, Listener *listener) noexcept nogil
cdef Tcb *tcp_accept(Listener *listener) noexcept nogil
cdef int64_t tcp_write(Tcb *tcb, const uint8_t *data, uint32_t length) noexcept nogil
cdef void tcp_urge(Tcb *tcb) noexcept nogil
cdef uint32_t tcp_unread_urgent(const Tcb *tcb) noexcept nogil
cdef uint32_t tcp_read(Tcb *tcb, uint8_t *into, uint32_t length) noexcept nogil
cdef int64_t tcp_move(Tcb *source, Tcb *sink) noexcept nogil
cdef int32_t tcp_shutdown(Tcb *tcb) noexcept nogil
cdef void tcp_close(Tcb *tcb) noexcept nogil
cdef void tcp_abort(Tcb *tcb) noexcept nogil
cdef void tcp_kill(Tcb *tcb, int32_t error) noexcept nogil
cdef void tcp_disown(Tcb *tcb) noexcept nogil

"""All connections of a host, found by their endpoints; see tcp_table.pyx."""

from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t

from netos.proto.host cimport Host
from netos.proto.inet cimport Address
from netos.proto.tcp_block cimport Connection, Listener, Tcb, Tcp


cdef dict tcp_memory(const Tcp *tcp)
cdef int tcp_init(Tcp *tcp, Host *host, uint32_t connections) except -1
cdef void tcp_free(Tcp *tcp) noexcept nogil
cdef uint64_t tuple_hash(const Tcp *tcp, const Address *local, uint16_t local_port, const Address *remote,
                         uint16_t remote_port, uint64_t salt) noexcept nogil
cdef Connection *tcp_find(Tcp *tcp, const Address *local, uint16_t local_port, const Address *remote,
                          uint16_t remote_port) noexcept nogil
cdef void tcp_insert(Tcp *tcp, Connection *connection) noexcept nogil
cdef void tcp_remove(Tcp *tcp, Connection *connection) noexcept nogil
cdef Listener *tcp_find_listener(Tcp *tcp, const Address *local, uint16_t port) noexcept nogil
cdef uint32_t initial_sequence(const Tcp *tcp, const Connection *connection) noexcept nogil
cdef uint32_t timestamp_offset(const Tcp *tcp, const Connection *connection) noexcept nogil
cdef int32_t choose_port(Tcp *tcp, const Address *local, const Address *remote, uint16_t remote_port) noexcept nogil
cdef Tcb *tcb_make(Tcp *tcp) noexcept nogil
cdef void tcb_end(Tcb *tcb, int32_t error) noexcept nogil
cdef void tcb_release(Tcb *tcb) noexcept nogil
cdef void tcp_bury(Tcp *tcp) noexcept nogil

"""FlowTable's C interface, for the elements that own or share one."""

from libc.stdint cimport int64_t

from netos.proto.flows cimport Connection, Flows, Tuple


cdef dict connection_row(const Connection *connection, int64_t now)
cdef tuple tuple_numbers(const Tuple *key)


cdef class FlowTable:
    cdef Flows flows

    cdef Connection *connection(self, key, int64_t now) except? NULL

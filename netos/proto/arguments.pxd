"""What users give and get, as the stack has it; see arguments.pyx."""

from libc.stdint cimport int32_t, int64_t, uint16_t

from netos.proto.inet cimport Address


cdef Address address_of(object text) except *
cdef tuple endpoint_of(const Address *address, uint16_t port)
cdef uint16_t port_of(object number) except *
cdef object os_error(int32_t number)
cdef int64_t nanoseconds_of(double seconds) except -1
cdef int bounded(str what, object least, object value, object most) except -1

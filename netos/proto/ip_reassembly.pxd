"""Datagrams to this host put together from fragments; see ip_reassembly.pyx."""

from netos.packet cimport Descriptor
from netos.proto.deadlines cimport Deadline
from netos.proto.fragments cimport Fragments
from netos.proto.host cimport Host


cdef struct Reassembly:
    Host *host
    Fragments fragments
    Deadline timer


cdef int reassembly_init(Reassembly *reassembly, Host *host) except -1
cdef void reassembly_free(Reassembly *reassembly) noexcept nogil
cdef Descriptor *reassemble(Reassembly *reassembly, Descriptor *packet) noexcept nogil

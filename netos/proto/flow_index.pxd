"""Entering and removing what flow_find finds; see flow_index.pyx."""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t

from netos.proto.flows cimport Flows


cdef size_t index_size(const Flows *flows) noexcept nogil
cdef void index_add(Flows *flows, uint64_t hashed, uint32_t reference) noexcept nogil
cdef void index_remove(Flows *flows, uint64_t hashed, uint32_t reference) noexcept nogil

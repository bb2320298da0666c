"""What must hold of a stack at any time; see stack_oracles.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from netos.fuzz.peer cimport Slot
from netos.proto.stack_input cimport Protocols


cdef bint segment_is_live(Protocols *protocols, const uint8_t *frame, uint32_t length) noexcept nogil
cdef const char *packets_wrong(Protocols *protocols) noexcept nogil
cdef const char *slot_wrong(Protocols *protocols, const Slot *slot) noexcept nogil
cdef const char *connections_wrong(Protocols *protocols) noexcept nogil
cdef const char *connections_left(Protocols *protocols) noexcept nogil

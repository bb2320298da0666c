"""Classic BPF programs (McCanne and Jacobson, The BSD Packet Filter), run on packets; see bpf.pyx."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t


cdef struct BpfInstruction:
    uint16_t code
    uint16_t when_true          # how many instructions a jump skips
    uint16_t when_false
    uint32_t k


cdef class BpfProgram:
    cdef BpfInstruction *instructions
    cdef readonly uint32_t count

    cdef uint32_t run(self, const uint8_t *data, uint32_t length) noexcept nogil

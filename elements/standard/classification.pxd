"""The flat decision program of Classifier, IPClassifier and IPFilter, and the machine that runs it (Click's classification.cc).

A step compares four bytes of packet, masked, with a value, and jumps. Jumps go forward only, so every run ends. A jump
that is not negative is the number of a step; -1 drops the packet; -2 - n sends it to output n.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy


cdef enum Space:
    MAC_SPACE
    NETWORK_SPACE
    TRANSPORT_SPACE
    SPACES


cdef struct Step:
    uint32_t mask       # in the byte order of the packet
    uint32_t value
    int32_t yes
    int32_t no
    int32_t past_end    # where to go when the packet ends before the last byte that the mask looks at
    uint16_t offset     # within its space
    uint8_t space
    uint8_t needed      # bytes from the offset on that must be there, 1 to 4


cdef struct ProgramData:
    const Step *steps
    int32_t entry               # 0, or a leaf if there are no steps
    uint32_t enough[<int>SPACES]    # with as many bytes in each space no step can look past the end


cdef inline int32_t program_run_checked(const ProgramData *program, const uint8_t *const *bases,
                                        const uint32_t *lengths) noexcept nogil:
    """As `program_match`, asking at every step whether the packet is long enough; reads nothing past its end."""
    cdef int32_t at = program.entry
    cdef const Step *step
    cdef uint32_t word, length
    while at >= 0:
        step = &program.steps[at]
        length = lengths[step.space]
        if <uint32_t>step.offset + step.needed > length:
            at = step.past_end
            continue
        word = 0
        if <uint32_t>step.offset + 4 <= length:
            memcpy(&word, bases[step.space] + step.offset, 4)
        else:
            memcpy(&word, bases[step.space] + step.offset, step.needed)
        at = step.yes if (word & step.mask) == step.value else step.no
    return -2 - at


cdef inline int32_t program_match(const ProgramData *program, const uint8_t *mac, uint32_t mac_length,
                                  const uint8_t *network, uint32_t network_length,
                                  const uint8_t *transport, uint32_t transport_length) noexcept nogil:
    """The output for a packet whose headers start at these addresses, or -1 to drop it.

    Each length runs from the header to the end of the packet; a header that is not there has length 0 (and any address).
    """
    cdef const uint8_t *bases[3]
    cdef uint32_t lengths[3]
    cdef int32_t at = program.entry
    cdef const Step *step
    cdef uint32_t word
    bases[<int>MAC_SPACE] = mac
    bases[<int>NETWORK_SPACE] = network
    bases[<int>TRANSPORT_SPACE] = transport
    if (network_length < program.enough[<int>NETWORK_SPACE] or transport_length < program.enough[<int>TRANSPORT_SPACE]
            or mac_length < program.enough[<int>MAC_SPACE]):
        lengths[<int>MAC_SPACE] = mac_length
        lengths[<int>NETWORK_SPACE] = network_length
        lengths[<int>TRANSPORT_SPACE] = transport_length
        return program_run_checked(program, bases, lengths)
    while at >= 0:
        step = &program.steps[at]
        memcpy(&word, bases[step.space] + step.offset, 4)
        at = step.yes if (word & step.mask) == step.value else step.no
    return -2 - at


cdef inline int32_t program_match_data(const ProgramData *program, const uint8_t *data, uint32_t length) noexcept nogil:
    """The output for a packet of which a program without headers (Classifier's) sees the bytes, or -1 to drop it."""
    cdef int32_t at = program.entry
    cdef const Step *step
    cdef uint32_t word
    if length < program.enough[0]:
        return program_run_checked(program, &data, &length)
    while at >= 0:
        step = &program.steps[at]
        memcpy(&word, data + step.offset, 4)
        at = step.yes if (word & step.mask) == step.value else step.no
    return -2 - at


cdef class Program:
    cdef ProgramData data
    cdef Step *steps
    cdef readonly uint32_t count        # steps
    cdef readonly bint headers          # offsets 0, 256 and 512 are where the MAC, network and transport headers start
    cdef readonly uint32_t safe_length

"""The decision programs of Classifier, IPClassifier and IPFilter, and their machine (Click's classification.cc).

A step compares four bytes of packet, masked, with a value, and jumps. Jumps go forward only, so every run ends. A jump
is the number of a step; or -1, which drops the packet, or -2 - n, which sends it to output n. Steps that one after the
other compare the same bytes with many values are run as one look-up in a hash table: jumps to the first of them are the
number of steps plus the number of the table.
"""

from libc.stdint cimport INT32_MIN, int32_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy


cdef enum:
    MAC_SPACE
    NETWORK_SPACE
    TRANSPORT_SPACE
    ANNOTATION_SPACE    # always there
    SPACES


cdef struct Step:
    uint32_t mask       # in the byte order of the packet
    uint32_t value
    int32_t yes
    int32_t no
    int32_t past_end    # where to go when the packet ends before the bytes that are needed
    uint16_t offset     # within its space
    uint8_t space
    uint8_t needed      # bytes from the offset on that must be there, 1 to 4


cdef struct Entry:
    uint32_t value
    int32_t jump        # INT32_MIN in an entry that is not used


cdef struct Table:
    const Step *first   # says which bytes to look up
    const Entry *entries
    uint32_t last       # entry, one less than a power of two
    uint32_t shift      # from a product of 32 bits to the number of an entry
    int32_t otherwise
    int32_t past_end


cdef struct ProgramData:
    const Step *steps
    const Table *tables
    uint32_t count          # steps
    int32_t entry           # the first jump
    uint32_t enough[SPACES]  # with as many bytes in each space no step can look past the end


cdef inline int32_t table_jump(const Table *table, uint32_t word) noexcept nogil:
    """The jump for a masked word."""
    cdef uint32_t at = (word * <uint32_t>2654435769) >> table.shift
    while table.entries[at].jump != INT32_MIN:
        if table.entries[at].value == word:
            return table.entries[at].jump
        at = (at + 1) & table.last
    return table.otherwise


cdef inline int32_t program_run_checked(const ProgramData *program, const uint8_t *const *bases,
                                        const uint32_t *lengths) noexcept nogil:
    """As `program_match`, asking at every step whether the packet is long enough; reads nothing past its end."""
    cdef int32_t at = program.entry
    cdef const Table *table
    cdef const Step *step
    cdef uint32_t word, length
    while at >= 0:
        table = &program.tables[at - program.count] if <uint32_t>at >= program.count else NULL
        step = &program.steps[at] if table == NULL else table.first
        length = lengths[step.space]
        if <uint32_t>step.offset + step.needed > length:
            at = step.past_end if table == NULL else table.past_end
            continue
        word = 0
        if <uint32_t>step.offset + 4 <= length:
            memcpy(&word, bases[step.space] + step.offset, 4)
        else:
            memcpy(&word, bases[step.space] + step.offset, step.needed)
        word &= step.mask
        if table != NULL:
            at = table_jump(table, word)
        else:
            at = step.yes if word == step.value else step.no
    return -2 - at


cdef inline int32_t program_match(const ProgramData *program, const uint8_t *mac, uint32_t mac_length,
                                  const uint8_t *network, uint32_t network_length,
                                  const uint8_t *transport, uint32_t transport_length,
                                  const uint8_t *annotations) noexcept nogil:
    """The output for a packet whose headers start at these addresses, or -1 to drop it.

    Each length runs from the header to the end of the packet; a header that is not there has length 0, any address.
    """
    cdef const uint8_t *bases[SPACES]
    cdef uint32_t lengths[SPACES]
    cdef int32_t at = program.entry
    cdef const Table *table
    cdef const Step *step
    cdef uint32_t word
    bases[<int>MAC_SPACE] = mac
    bases[<int>NETWORK_SPACE] = network
    bases[<int>TRANSPORT_SPACE] = transport
    bases[<int>ANNOTATION_SPACE] = annotations
    if (network_length < program.enough[<int>NETWORK_SPACE] or transport_length < program.enough[<int>TRANSPORT_SPACE]
            or mac_length < program.enough[<int>MAC_SPACE]):
        lengths[<int>MAC_SPACE] = mac_length
        lengths[<int>NETWORK_SPACE] = network_length
        lengths[<int>TRANSPORT_SPACE] = transport_length
        lengths[<int>ANNOTATION_SPACE] = <uint32_t>0xFFFFFFFF
        return program_run_checked(program, bases, lengths)
    while True:
        while <uint32_t>at < program.count:
            step = &program.steps[at]
            memcpy(&word, bases[step.space] + step.offset, 4)
            at = step.yes if (word & step.mask) == step.value else step.no
        if at < 0:
            return -2 - at
        table = &program.tables[at - program.count]
        memcpy(&word, bases[table.first.space] + table.first.offset, 4)
        at = table_jump(table, word & table.first.mask)


cdef inline int32_t program_match_data(const ProgramData *program, const uint8_t *data,
                                       uint32_t length) noexcept nogil:
    """The output for a packet of which a program without headers (Classifier's) sees the bytes, or -1 to drop it."""
    cdef int32_t at = program.entry
    cdef const Table *table
    cdef const Step *step
    cdef uint32_t word
    if length < program.enough[0]:
        return program_run_checked(program, &data, &length)
    while True:
        while <uint32_t>at < program.count:
            step = &program.steps[at]
            memcpy(&word, data + step.offset, 4)
            at = step.yes if (word & step.mask) == step.value else step.no
        if at < 0:
            return -2 - at
        table = &program.tables[at - program.count]
        memcpy(&word, data + table.first.offset, 4)
        at = table_jump(table, word & table.first.mask)


cdef class Program:
    cdef ProgramData data
    cdef Step *steps
    cdef Table *tables
    cdef Entry *entries
    cdef int32_t *heads                 # the step that each table starts at
    cdef readonly uint32_t table_count
    cdef readonly bint headers          # offsets 0, 256, 512, 131072: MAC, network, transport headers, annotations
    cdef readonly uint32_t safe_length

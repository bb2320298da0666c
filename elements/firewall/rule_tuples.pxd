"""Long lists of rules: a hash table for each set of bits that rules ask for; see rule_tuples.pyx."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from elements.standard.classification cimport ANNOTATION_SPACE, MAC_SPACE, NETWORK_SPACE, SPACES, TRANSPORT_SPACE
from netos.packet cimport (
    NO_HEADER, Descriptor, packet_mac, packet_network, packet_network_length, packet_transport, packet_transport_length,
)


cdef enum:
    WORDS_MAX = 8               # words of a packet that one rule may look at

cdef enum:
    NO_RULE = 0xFFFFFFFF


cdef struct Word:
    uint32_t mask               # as in the packet
    uint16_t offset
    uint8_t space
    uint8_t needed              # bytes that must be there


cdef struct Rule:
    uint32_t values[WORDS_MAX]
    uint32_t number             # the first rule that wants these values


cdef struct Slot:
    uint32_t tag
    uint32_t rule               # + 1


cdef struct Shape:              # rules that look at the same bits
    Word words[WORDS_MAX]
    uint32_t count              # of words
    uint32_t first              # the lowest number of its rules
    uint32_t last               # slot, one less than a power of two
    uint32_t rules_count
    Slot *slots
    Rule *rules


cdef struct Spaces:             # where a packet's headers are, and how far it goes from there
    const uint8_t *bases[SPACES]
    uint32_t lengths[SPACES]


cdef inline void spaces_of(Descriptor *packet, Spaces *spaces) noexcept nogil:
    cdef uint8_t *end = packet.data + packet.length
    memset(spaces.lengths, 0, sizeof(spaces.lengths))
    spaces.bases[<int>MAC_SPACE] = packet_mac(packet)
    spaces.bases[<int>NETWORK_SPACE] = packet_network(packet)
    spaces.bases[<int>TRANSPORT_SPACE] = packet_transport(packet)
    spaces.bases[<int>ANNOTATION_SPACE] = packet.annotations
    if packet.mac_header != NO_HEADER and packet_mac(packet) < end:
        spaces.lengths[<int>MAC_SPACE] = <uint32_t>(end - packet_mac(packet))
    if packet.network_header != NO_HEADER and packet_network(packet) < end:
        spaces.lengths[<int>NETWORK_SPACE] = packet_network_length(packet)
    if packet.transport_header != NO_HEADER and packet_transport(packet) < end:
        spaces.lengths[<int>TRANSPORT_SPACE] = packet_transport_length(packet)
    spaces.lengths[<int>ANNOTATION_SPACE] = sizeof(packet.annotations)


cdef inline uint64_t rule_mix(uint64_t hashed, uint32_t word) noexcept nogil:
    hashed = (hashed ^ word) * <uint64_t>0x9E3779B97F4A7C15ULL
    return hashed ^ hashed >> 32


cdef inline uint32_t shape_match(const Shape *shape, const Spaces *spaces) noexcept nogil:
    """The rule of the shape that the packet matches, or NO_RULE."""
    cdef uint32_t values[WORDS_MAX]
    cdef uint64_t hashed = 0
    cdef uint32_t i, word, length, at
    cdef const Word *wanted
    cdef const Rule *rule
    for i in range(shape.count):
        wanted = &shape.words[i]
        length = spaces.lengths[wanted.space]
        if <uint32_t>wanted.offset + 4 <= length:
            memcpy(&word, spaces.bases[wanted.space] + wanted.offset, 4)
        elif <uint32_t>wanted.offset + wanted.needed <= length:
            word = 0
            memcpy(&word, spaces.bases[wanted.space] + wanted.offset, wanted.needed)
        else:
            return NO_RULE
        values[i] = word & wanted.mask
        hashed = rule_mix(hashed, values[i])
    at = <uint32_t>hashed & shape.last
    while shape.slots[at].rule:
        if shape.slots[at].tag == <uint32_t>(hashed >> 32):
            rule = &shape.rules[shape.slots[at].rule - 1]
            for i in range(shape.count):
                if rule.values[i] != values[i]:
                    break
            else:
                return rule.number
        at = (at + 1) & shape.last
    return NO_RULE


cdef class RuleTuples:
    cdef Shape *shapes
    cdef readonly uint32_t count        # of shapes

    cdef inline uint32_t match(self, const Spaces *spaces) noexcept nogil:
        """The first rule that the packet matches, or NO_RULE."""
        cdef uint32_t best = NO_RULE
        cdef uint32_t i, found
        for i in range(self.count):
            if self.shapes[i].first >= best:
                break
            found = shape_match(&self.shapes[i], spaces)
            if found < best:
                best = found
        return best

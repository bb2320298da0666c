"""Tuple space search (Srinivasan, Suri and Varghese, 1999): the cost is that of the kinds of rules, not of the rules.

Rules that look at the same bits of the same words are one *shape*, and one look-up in a hash table. Shapes are asked in
the order of their first rules, until what was found comes before all rules of the rest.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from netos.wire cimport load32, store_be32


cdef uint32_t as_in_packet(uint32_t number) noexcept:
    cdef uint8_t stored[4]
    store_be32(stored, number)
    return load32(stored)


cdef class RuleTuples:
    """Hash tables made of {words: {values: rule number}}; a word is (space, offset, mask), all of a shape in order."""

    def __cinit__(self, shapes):
        cdef Shape *shape
        self.shapes = <Shape *>calloc(len(shapes) + 1, sizeof(Shape))
        if self.shapes == NULL:
            raise MemoryError("netos: no memory for rules")
        for words, rules in sorted(shapes.items(), key=lambda item: min(item[1].values())):
            shape = &self.shapes[self.count]
            self.count += 1
            shape.count = len(words)
            if shape.count > WORDS_MAX:
                raise ValueError(f"a rule looks at {len(words)} words, {WORDS_MAX} are allowed")
            for i, (space, offset, mask) in enumerate(words):
                shape.words[i].space, shape.words[i].offset, shape.words[i].mask = space, offset, as_in_packet(mask)
                shape.words[i].needed = 4 if mask & 0xff else 3 if mask & 0xff00 else 2 if mask & 0xff0000 else 1
            shape_fill(shape, rules)

    def __dealloc__(self):
        cdef uint32_t i
        if self.shapes != NULL:
            for i in range(self.count):
                free(self.shapes[i].slots)
                free(self.shapes[i].rules)
        free(self.shapes)

    def match_headers(self, const uint8_t[::1] packet, network, transport, annotations=bytes(48)):
        """The number of the first rule for a packet with headers at these offsets; None."""
        cdef Spaces spaces
        cdef bytes area = annotations.ljust(48, bytes(1))
        cdef uint32_t length = <uint32_t>packet.shape[0]
        cdef uint32_t space, start, found
        for space, offset in enumerate((None, network, transport)):
            start = length if offset is None else min(offset, length)
            spaces.bases[space] = &packet[0] + start if length else NULL
            spaces.lengths[space] = length - start
        spaces.bases[<int>ANNOTATION_SPACE] = <const uint8_t *>area
        spaces.lengths[<int>ANNOTATION_SPACE] = 48
        found = self.match(&spaces)
        return None if found == <uint32_t>NO_RULE else found


cdef int shape_fill(Shape *shape, dict rules) except -1:
    """Put the rules of a shape into its table."""
    cdef uint64_t hashed
    cdef uint32_t at, value, i
    cdef uint32_t size = 2
    cdef Rule *rule
    while size < 2 * len(rules):
        size *= 2
    shape.last = size - 1
    shape.first = min(rules.values())
    shape.slots = <Slot *>calloc(size, sizeof(Slot))
    shape.rules = <Rule *>calloc(len(rules) + 1, sizeof(Rule))
    if shape.slots == NULL or shape.rules == NULL:
        raise MemoryError("netos: no memory for rules")
    for values, number in rules.items():
        rule = &shape.rules[shape.rules_count]
        shape.rules_count += 1
        rule.number = number
        hashed = 0
        for i in range(shape.count):
            value = as_in_packet(values[i])
            rule.values[i] = value
            hashed = rule_mix(hashed, value)
        at = <uint32_t>hashed & shape.last
        while shape.slots[at].rule:
            at = (at + 1) & shape.last
        shape.slots[at] = Slot(<uint32_t>(hashed >> 32), shape.rules_count)
    return 0

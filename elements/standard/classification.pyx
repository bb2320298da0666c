"""The decision program of Classifier, IPClassifier and IPFilter, for Python (Click's classification.cc)."""

from libc.stdint cimport INT32_MIN, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from netos.wire cimport load32, load_be32, store_be32

DROP = -1


cdef enum:
    SPACE_SIZE = 256
    ANNOTATION_OFFSET = 131072
    ANNOTATION_BYTES = 48
    OFFSET_LIMIT = 65532
    WORTH_A_TABLE = 6
    ENTRIES_A_STEP = 8


def output_jump(output: int | None) -> int:
    """The jump that means "out of port `output`", or "drop" for None."""
    return DROP if output is None else -2 - output


cdef class Program:
    """Decision steps, run by `program_match` or `program_match_data`.

    A step is (offset, mask, value, needed, yes, no, past_end): mask and value are big-endian numbers, `needed` counts
    the bytes that must be there, the rest are jumps to later steps (see classification.pxd). `entry` is the jump taken
    first, which is a leaf if there are no steps.
    """

    def __init__(self, steps, *, entry: int = 0, headers: bool = False) -> None:
        if self.steps != NULL:
            raise RuntimeError("a program cannot be initialised twice")
        if (not steps) != (entry < 0) or entry > 0:
            raise ValueError(f"entry {entry} is not the first of {len(steps)} steps")
        self.headers = headers
        self.data.entry = entry
        self.data.count = len(steps)
        self.steps = <Step *>calloc(len(steps) or 1, sizeof(Step))
        if self.steps == NULL:
            raise MemoryError
        self.data.steps = self.steps
        for number, (offset, mask, value, needed, yes, no, past_end) in enumerate(steps):
            fill_step(self, number, offset, mask, value, needed, yes, no, past_end)
        make_tables(self)

    def __dealloc__(self) -> None:
        free(self.steps)
        free(self.tables)
        free(self.entries)
        free(self.heads)

    def __len__(self) -> int:
        return self.data.count

    def steps_list(self) -> list:
        """The steps, as they were given."""
        cdef uint32_t number
        cdef Step *step
        found = []
        for number in range(self.data.count):
            step = &self.steps[number]
            space = ANNOTATION_OFFSET if step.space == ANNOTATION_SPACE else step.space * SPACE_SIZE
            found.append((step.offset + space, load_be32(<uint8_t *>&step.mask),
                          load_be32(<uint8_t *>&step.value), step.needed, without_table(self, step.yes),
                          without_table(self, step.no), without_table(self, step.past_end)))
        return found

    def outputs(self) -> set:
        """The outputs that some packet might take."""
        jumps = {jump for step in self.steps_list() for jump in step[4:]} | {self.data.entry}
        return {-2 - jump for jump in jumps if jump < DROP}

    def match(self, const uint8_t[::1] packet) -> int | None:
        """The output for a packet, as a program without headers sees it; None if it is dropped."""
        cdef uint32_t length = <uint32_t>packet.shape[0]
        cdef int32_t output = program_match_data(&self.data, &packet[0] if length else NULL, length)
        return None if output < 0 else output

    def match_headers(self, const uint8_t[::1] packet, network: int | None, transport: int | None,
                      mac: int | None = None, annotations: bytes = bytes(48)) -> int | None:
        """The output for a packet with headers at these offsets (None: no such header); None if it is dropped."""
        cdef const uint8_t *bases[3]
        cdef uint32_t lengths[3]
        cdef bytes area = annotations.ljust(ANNOTATION_BYTES, bytes(1))
        cdef uint32_t length = <uint32_t>packet.shape[0]
        cdef uint32_t space, start
        for space, offset in enumerate((mac, network, transport)):
            start = length if offset is None else min(offset, length)
            bases[space] = &packet[0] + start if length else NULL
            lengths[space] = length - start
        cdef int32_t output = program_match(&self.data, bases[0], lengths[0], bases[1], lengths[1],
                                            bases[2], lengths[2], <const uint8_t *>area)
        return None if output < 0 else output

    def text(self) -> str:
        """The program as Click's `program` handler prints it."""
        lines = [f"{number:2d} {offset:3d}/{value:08x}%{mask:08x}  yes->{jump_text(yes)}  no->{jump_text(no)}\n"
                 for number, (offset, mask, value, _, yes, no, _) in enumerate(self.steps_list())]
        if not lines:
            lines = [f"all->{jump_text(self.data.entry)}\n"]
        return "".join([*lines, f"safe length {self.safe_length}\n", "alignment offset 0\n"])


def jump_text(jump: int) -> str:
    return f"step {jump}" if jump >= 0 else "[X]" if jump == DROP else f"[{-2 - jump}]"


cdef uint32_t mask_bytes(uint32_t mask) noexcept:
    """How many bytes of a word a mask, as a big-endian number, looks at, counted from the first; 5 if at none."""
    return 4 if mask & 0xff else 3 if mask & 0xff00 else 2 if mask & 0xff0000 else 1 if mask else 5


cdef uint32_t as_in_packet(uint32_t number) noexcept:
    cdef uint8_t stored[4]
    store_be32(stored, number)
    return load32(stored)


cdef int fill_step(Program program, uint32_t number, uint32_t offset, uint32_t mask, uint32_t value,
                   uint32_t needed, int32_t yes, int32_t no, int32_t past_end) except -1:
    """Check a step and store it; every jump must go forward, or a packet could go round for ever."""
    cdef Step *step = &program.steps[number]
    cdef uint32_t space = 0
    cdef uint32_t inside = offset
    if program.headers and offset >= ANNOTATION_OFFSET:
        space, inside = ANNOTATION_SPACE, offset - ANNOTATION_OFFSET
        if inside + 4 > ANNOTATION_BYTES:
            raise ValueError(f"step {number} looks beyond the annotations")
    elif program.headers:
        space = min(offset // SPACE_SIZE, <uint32_t>TRANSPORT_SPACE)
        inside = offset - space * SPACE_SIZE
    for jump in (yes, no, past_end):
        if 0 <= jump <= <int64_t>number or jump >= <int64_t>program.data.count or jump == INT32_MIN:
            raise ValueError(f"step {number} jumps to {jump}, which is not a later step")
    if inside > OFFSET_LIMIT or not mask_bytes(mask) <= needed <= 4 or value & ~mask:
        raise ValueError(f"step {number}: {offset}/{value:08x}%{mask:08x} makes no sense")
    step.mask, step.value = as_in_packet(mask), as_in_packet(value)
    step.yes, step.no, step.past_end = yes, no, past_end
    step.offset, step.space, step.needed = <uint16_t>inside, <uint8_t>space, <uint8_t>needed
    program.data.enough[space] = max(program.data.enough[space], inside + 4)
    if space != ANNOTATION_SPACE:
        program.safe_length = max(program.safe_length, offset + step.needed)
    return 0


cdef bint same_bytes(const Step *step, const Step *other) noexcept:
    return (step.offset == other.offset and step.mask == other.mask and step.space == other.space
            and step.needed == other.needed)


cdef int32_t without_table(Program program, int32_t jump) noexcept:
    """A jump as it was before tables were made."""
    return program.heads[jump - program.data.count] if jump >= <int32_t>program.data.count else jump


cdef list table_heads(Program program):
    """The steps to make tables for, each with the length of its chain.

    They are those that something else than the step before in the chain jumps to. Chains that share an end have their
    own tables; a limit on all entries keeps the sum from growing with the square of the steps.
    """
    cdef uint32_t number
    cdef Step *step
    chain = [1] * program.data.count
    entered = {program.data.entry}
    for number in reversed(range(program.data.count)):
        step = &program.steps[number]
        jumps = {step.yes, step.no, step.past_end}
        if step.no >= 0 and same_bytes(step, &program.steps[step.no]):
            chain[number] += chain[step.no]
            jumps = {step.yes, step.past_end} - {step.no}
        entered |= jumps
    heads, room = [], ENTRIES_A_STEP * program.data.count
    for head in sorted(entered):
        if head >= 0 and WORTH_A_TABLE <= chain[head] <= room:
            heads.append((head, chain[head]))
            room -= chain[head]
    return heads


cdef int make_tables(Program program) except -1:
    """Put chains of comparisons into tables, and let what jumps to a chain jump to its table."""
    cdef uint32_t number, size
    cdef Entry *entries
    cdef Table *table
    cdef Step *step
    heads = table_heads(program)
    sizes = [1 << (2 * length - 1).bit_length() for _, length in heads]
    program.tables = <Table *>calloc(len(heads) or 1, sizeof(Table))
    program.heads = <int32_t *>calloc(len(heads) or 1, sizeof(int32_t))
    program.entries = <Entry *>calloc(sum(sizes) or 1, sizeof(Entry))
    if program.tables == NULL or program.heads == NULL or program.entries == NULL:
        raise MemoryError
    program.data.tables = program.tables
    program.table_count = len(heads)
    redirected = {head: program.data.count + number for number, (head, _) in enumerate(heads)}
    entries = program.entries
    for number in range(program.table_count):
        size = sizes[number]
        table = &program.tables[number]
        program.heads[number] = heads[number][0]
        step = &program.steps[program.heads[number]]
        table.first, table.entries = step, entries
        table.last, table.shift = size - 1, 33 - sizes[number].bit_length()
        fill_table(program, table, entries, step, redirected)
        entries += size
    for number in range(program.data.count):
        step = &program.steps[number]
        step.yes = redirected.get(step.yes, step.yes)
        step.no = redirected.get(step.no, step.no)
        step.past_end = redirected.get(step.past_end, step.past_end)
    program.data.entry = redirected.get(program.data.entry, program.data.entry)
    return 0


cdef int fill_table(Program program, Table *table, Entry *entries, const Step *step, dict redirected) except -1:
    """Store the jumps of a chain; of two steps for the same value only the first is ever reached."""
    cdef uint32_t at
    for at in range(table.last + 1):
        entries[at].jump = INT32_MIN
    table.past_end = redirected.get(step.past_end, step.past_end)
    while True:
        at = (step.value * <uint32_t>2654435769) >> table.shift
        while entries[at].jump != INT32_MIN and entries[at].value != step.value:
            at = (at + 1) & table.last
        if entries[at].jump == INT32_MIN:
            entries[at].value, entries[at].jump = step.value, redirected.get(step.yes, step.yes)
        if step.no < 0 or not same_bytes(step, &program.steps[step.no]):
            break
        step = &program.steps[step.no]
    table.otherwise = redirected.get(step.no, step.no)
    return 0

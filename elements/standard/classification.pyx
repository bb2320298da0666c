"""The flat decision program of Classifier, IPClassifier and IPFilter, for Python (Click's classification.cc)."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from netos.wire cimport load32, load_be32, store_be32

DROP = -1


cdef enum:
    SPACE_SIZE = 256
    OFFSET_LIMIT = 65532


def output_jump(output: int | None) -> int:
    """The jump that means "out of port `output`", or "drop" for None."""
    return DROP if output is None else -2 - output


cdef uint32_t mask_bytes(uint32_t mask) noexcept:
    """How many bytes of a word a mask, as a big-endian number, looks at, counted from the first; 5 if at none."""
    return 4 if mask & 0xff else 3 if mask & 0xff00 else 2 if mask & 0xff0000 else 1 if mask else 5


cdef uint32_t as_in_packet(uint32_t number) noexcept:
    cdef uint8_t stored[4]
    store_be32(stored, number)
    return load32(stored)


cdef class Program:
    """Decision steps, run by `program_match` or `program_match_data`.

    A step is (offset, mask, value, needed, yes, no, past_end): mask and value are big-endian numbers, `needed` counts
    the bytes that must be there, the rest are jumps to later steps (see classification.pxd). `entry` is the jump taken first, which is a leaf if there are no steps.
    """

    def __init__(self, steps, *, entry: int = 0, headers: bool = False) -> None:
        if self.steps != NULL:
            raise RuntimeError("a program cannot be initialised twice")
        if (not steps) != (entry < 0) or entry > 0:
            raise ValueError(f"entry {entry} is not the first of {len(steps)} steps")
        self.headers = headers
        self.data.entry = entry
        self.steps = <Step *>calloc(len(steps) or 1, sizeof(Step))
        if self.steps == NULL:
            raise MemoryError
        self.data.steps = self.steps
        self.count = len(steps)
        for number, (offset, mask, value, needed, yes, no, past_end) in enumerate(steps):
            fill_step(self, number, offset, mask, value, needed, yes, no, past_end)

    def __dealloc__(self) -> None:
        free(self.steps)

    def __len__(self) -> int:
        return self.count

    def steps_list(self) -> list:
        """The steps, as they were given."""
        cdef uint32_t number
        cdef Step *step
        found = []
        for number in range(self.count):
            step = &self.steps[number]
            found.append((step.offset + step.space * SPACE_SIZE, load_be32(<uint8_t *>&step.mask),
                          load_be32(<uint8_t *>&step.value), step.needed, step.yes, step.no, step.past_end))
        return found

    def outputs(self) -> set:
        """The outputs that some packet might take."""
        cdef uint32_t number
        found = {self.data.entry}
        for number in range(self.count):
            found |= {self.steps[number].yes, self.steps[number].no, self.steps[number].past_end}
        return {-2 - jump for jump in found if jump < DROP}

    def match(self, const uint8_t[::1] packet) -> int | None:
        """The output for a packet, as a program without headers sees it; None if it is dropped."""
        cdef uint32_t length = <uint32_t>packet.shape[0]
        cdef int32_t output = program_match_data(&self.data, &packet[0] if length else NULL, length)
        return None if output < 0 else output

    def match_headers(self, const uint8_t[::1] packet, network: int | None, transport: int | None,
                      mac: int | None = None) -> int | None:
        """The output for a packet with headers at these offsets (None: no such header); None if it is dropped."""
        cdef const uint8_t *bases[3]
        cdef uint32_t lengths[3]
        cdef uint32_t length = <uint32_t>packet.shape[0]
        cdef uint32_t space, start
        for space, offset in enumerate((mac, network, transport)):
            start = length if offset is None else min(offset, length)
            bases[space] = &packet[0] + start if length else NULL
            lengths[space] = length - start
        cdef int32_t output = program_match(&self.data, bases[0], lengths[0], bases[1], lengths[1], bases[2], lengths[2])
        return None if output < 0 else output

    def text(self) -> str:
        """The program as Click's `program` handler prints it."""
        lines = [f"{number:2d} {offset:3d}/{value:08x}%{mask:08x}  yes->{jump_text(yes)}  no->{jump_text(no)}\n"
                 for number, (offset, mask, value, _, yes, no, _) in enumerate(self.steps_list())]
        if not lines:
            lines = [f"all->{jump_text(self.data.entry)}\n"]
        return "".join([*lines, f"safe length {self.safe_length}\n", "alignment offset 0\n"])


cdef int fill_step(Program program, uint32_t number, uint32_t offset, uint32_t mask, uint32_t value,
                   uint32_t needed, int32_t yes, int32_t no, int32_t past_end) except -1:
    """Check a step and store it; every jump must go forward, or a packet could go round for ever."""
    cdef Step *step = &program.steps[number]
    cdef uint32_t space = min(offset // SPACE_SIZE, <uint32_t>TRANSPORT_SPACE) if program.headers else 0
    cdef uint32_t inside = offset - space * SPACE_SIZE
    for jump in (yes, no, past_end):
        if 0 <= jump <= <int64_t>number or jump >= <int64_t>program.count:
            raise ValueError(f"step {number} jumps to {jump}, which is not a later step")
    if inside > OFFSET_LIMIT or not mask_bytes(mask) <= needed <= 4 or value & ~mask:
        raise ValueError(f"step {number}: {offset}/{value:08x}%{mask:08x} makes no sense")
    step.mask, step.value = as_in_packet(mask), as_in_packet(value)
    step.yes, step.no, step.past_end = yes, no, past_end
    step.offset, step.space, step.needed = <uint16_t>inside, <uint8_t>space, <uint8_t>needed
    program.data.enough[space] = max(program.data.enough[space], inside + 4)
    program.safe_length = max(program.safe_length, offset + step.needed)
    return 0


def jump_text(jump: int) -> str:
    return f"step {jump}" if jump >= 0 else "[X]" if jump == DROP else f"[{-2 - jump}]"

"""Patches of a port: something that sees every batch that crosses it, put in and taken out as the graph runs.

A port belongs to the end that drives it: an output that pushes, or an input that pulls. Patches of one port are
stacked; each leads to the one below it. They come and go from Python, that is at a batch boundary.
"""

cimport cython
from libc.stdint cimport uint32_t, uint64_t

from netos.element cimport Element, Port
from netos.packet cimport Batch

from netos.errors import NetosError


cdef void patch_push(void *object, int port, Batch *batch) noexcept nogil:
    (<PortPatch>object).push(batch)


cdef void patch_pull(void *object, int port, uint32_t limit, Batch *into) noexcept nogil:
    (<PortPatch>object).pull(limit, into)


@cython.no_gc_clear
cdef class PortPatch:
    """The base of patches: passes everything on."""

    def insert(self, Element element not None, str side, int number):
        """Stand between a port and what it leads to; `side` is "input" (a pull input) or "output" (a push output)."""
        cdef bint output = side == "output"
        processing = element.output_processing if output else element.input_processing
        if self.port != NULL:
            raise NetosError("a patch is at one port at a time: remove it first")
        if not element.router.initialized:
            raise NetosError("ports are patched once the router is initialised")
        if not 0 <= number < len(processing) or processing[number] != ("h" if output else "l"):
            raise NetosError(f"{element.name} does not drive its {side} {number}: patch the port at the other end")
        self.element, self.place = element, (side, number)
        self.port = &element.outputs[number] if output else &element.inputs[number]
        self.below = self.port[0]
        self.port.push, self.port.pull, self.port.object = patch_push, patch_pull, <void *>self
        patches_at(element, self.place).append(self)

    def remove(self):
        """Leave the port as if this had never been there. Harmless when it is not."""
        cdef PortPatch above
        if self.port == NULL:
            return
        patches = patches_at(self.element, self.place)
        number = patches.index(self)
        patches.pop(number)
        if number < len(patches):
            above = patches[number]
            above.below = self.below
        else:
            self.port.push, self.port.pull = self.below.push, self.below.pull
            self.port.object, self.port.port = self.below.object, self.below.port
        self.port = NULL
        self.retire()

    def retire(self):
        """Stay in memory as long as the batch that crosses right now, if one does, may come back here."""
        element = <object>self.element
        retired = getattr(element, "retired_patches", None)
        if retired is None or self.element.vcpu.nesting == 0:
            retired = element.retired_patches = []
        retired.append(self)

    cdef void look(self, Batch *batch, uint32_t first) noexcept nogil:
        pass

    cdef void push(self, Batch *batch) noexcept nogil:
        self.look(batch, 0)
        self.push_below(batch)

    cdef void pull(self, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t before = into.count
        self.pull_below(limit, into)
        self.look(into, before)

    cdef void push_below(self, Batch *batch) noexcept nogil:
        self.below.push(self.below.object, self.below.port, batch)

    cdef void pull_below(self, uint32_t limit, Batch *into) noexcept nogil:
        self.below.pull(self.below.object, self.below.port, limit, into)


cdef list patches_at(object element, tuple place):
    """The patches of one port, the lowest first."""
    patches = getattr(element, "port_patches", None)
    if patches is None:
        patches = element.port_patches = {}
    return patches.setdefault(place, [])


cdef class ByteCounter(PortPatch):
    """Counts the bytes that cross, in the port's `bytes`."""

    cdef void push(self, Batch *batch) noexcept nogil:
        self.port.bytes += length_of(batch, 0)
        self.push_below(batch)

    cdef void pull(self, uint32_t limit, Batch *into) noexcept nogil:
        cdef Port *port = self.port
        cdef uint32_t before = into.count
        self.pull_below(limit, into)
        port.bytes += length_of(into, before)


cdef uint64_t length_of(Batch *batch, uint32_t first) noexcept nogil:
    cdef uint32_t i
    cdef uint64_t total = 0
    for i in range(first, batch.count):
        total += batch.packets[i].length
    return total


def driven_ports(Element element not None):
    """The ports that an element drives, as (side, number): its push outputs and pull inputs."""
    return [*(("output", number) for number, letter in enumerate(element.output_processing) if letter == "h"),
            *(("input", number) for number, letter in enumerate(element.input_processing) if letter == "l")]


def port_bytes(Element element not None, str side, int number):
    """Bytes that have crossed a port while a ByteCounter was there; None when there has never been one."""
    processing = element.output_processing if side == "output" else element.input_processing
    if not 0 <= number < len(processing) or (side, number) not in getattr(element, "port_patches", ()):
        return None
    return element.outputs[number].bytes if side == "output" else element.inputs[number].bytes

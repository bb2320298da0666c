"""Print: show packets on standard error (Click's Print)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, llabs, realloc
from libc.string cimport memcpy
from posix.unistd cimport write

from netos.element cimport Element
from netos.kernel.clock cimport NANOSECONDS
from netos.packet cimport ANNOTATIONS, Batch, Descriptor, packet_headroom, packet_tailroom

from netos.args import Bool, Deprecated, Integer, Text, Word
from netos.errors import ArgumentError
from netos.handlers import write_handler

cdef enum:
    STANDARD_ERROR = 2
    BESIDES = 256           # bytes of a line besides label, contents and annotations
    NOTHING = 0
    HEX = 1
    ASCII = 2

CONTENTS = {"NONE": NOTHING, "FALSE": NOTHING, "HEX": HEX, "TRUE": HEX, "ASCII": ASCII}
cdef const char *DIGITS = "0123456789abcdef"


cdef inline char *put_hex(char *at, const uint8_t *data, uint32_t length, uint32_t group) noexcept nogil:
    """Two digits a byte, a space after every `group` bytes but the last ones."""
    cdef uint32_t i
    for i in range(length):
        if i and i % group == 0:
            at[0] = c" "
            at += 1
        at[0] = DIGITS[data[i] >> 4]
        at[1] = DIGITS[data[i] & 15]
        at += 2
    return at


cdef inline char *put_text(char *at, const uint8_t *data, uint32_t length) noexcept nogil:
    """A character a byte, a dot for what cannot be shown, a space after every eight."""
    cdef uint32_t i
    for i in range(length):
        if i and i % 8 == 0:
            at[0] = c" "
            at += 1
        at[0] = <char>data[i] if 32 <= data[i] < 127 else c"."
        at += 1
    return at


cdef class Print(Element):
    """Pass packets, and show them as `LABEL: length | contents`, at most MAXLENGTH bytes of each (negative: all).

    CONTENTS is HEX, ASCII or NONE. Before the length, TIMESTAMP shows the timestamp, HEADROOM the room before and
    behind the data, CPU the virtual CPU; PRINTANNO shows the annotations before the contents.
    Handlers: active (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    handlers = ("active",)
    observes = True

    cdef readonly bint active
    cdef bytes label
    cdef const char *label_at
    cdef uint32_t label_length
    cdef int maximum
    cdef int contents
    cdef bint with_timestamp, with_annotations, with_room, with_cpu
    cdef char *line
    cdef size_t capacity

    def configure(self, label: Text = "", maxlength: Integer = 24, *, contents: Word = "HEX",
                  length: Deprecated(Integer, "use MAXLENGTH") = None,
                  nbytes: Deprecated(Integer, "use MAXLENGTH") = None, timestamp: Bool = False,
                  printanno: Bool = False, active: Bool = True, headroom: Bool = False, cpu: Bool = False):
        for older in (length, nbytes):
            maxlength = maxlength if older is None else older
        if contents.upper() not in CONTENTS:
            raise ArgumentError(f"bad contents value '{contents}'; should be 'NONE', 'HEX', or 'ASCII'", "CONTENTS")
        self.label = f"{label}: ".encode("latin-1") if label else b""
        self.label_at, self.label_length = self.label, <uint32_t>len(self.label)
        self.maximum, self.contents, self.active = maxlength, CONTENTS[contents.upper()], active
        self.with_timestamp, self.with_annotations, self.with_room = timestamp, printanno, headroom
        self.with_cpu = cpu

    def __dealloc__(self):
        free(self.line)

    @write_handler("active")
    def set_active(self, active: Bool):
        """Show packets, or only pass them on."""
        self.active = active

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        if self.active:
            for i in range(batch.count):
                self.show(batch.packets[i])

    cdef bint room(self, size_t wanted) noexcept nogil:
        cdef void *larger
        if wanted > self.capacity:
            larger = realloc(self.line, wanted)
            if larger == NULL:
                return 0
            self.line, self.capacity = <char *>larger, wanted
        return 1

    cdef void show(self, Descriptor *packet) noexcept nogil:
        """Write one line, at once."""
        cdef uint32_t shown = packet.length if self.maximum < 0 else min(packet.length, <uint32_t>self.maximum)
        cdef char *at
        if not self.room(BESIDES + self.label_length + 2 * ANNOTATIONS + 3 * <size_t>shown):
            return
        at = self.line
        if self.with_cpu:
            at += snprintf(at, 16, "(%d)", 0)
        memcpy(at, self.label_at, self.label_length)
        at += self.label_length
        if self.with_timestamp:
            at += snprintf(at, 64, "%s%lld.%09lld: ", "-" if packet.timestamp < 0 else "",
                           llabs(packet.timestamp // NANOSECONDS), llabs(packet.timestamp % NANOSECONDS))
        if self.with_room:
            at += snprintf(at, 64, "(h%u t%u) ", packet_headroom(packet), packet_tailroom(packet))
        at += snprintf(at, 64, "%4u | ", packet.length)
        if self.with_annotations:
            at = put_hex(at, packet.annotations, ANNOTATIONS, ANNOTATIONS)
            at += snprintf(at, 8, " | ")
        if self.contents == HEX:
            at = put_hex(at, packet.data, shown, 4)
        elif self.contents == ASCII:
            at = put_text(at, packet.data, shown)
        at[0] = c"\n"
        write(STANDARD_ERROR, self.line, at + 1 - self.line)

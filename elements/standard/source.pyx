"""What InfiniteSource, RatedSource and TimedSource share: the packets they make, the limit, the handlers."""

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from netos.element cimport EVENT_CALL, EVENT_STOP, Element
from netos.kernel.clock cimport clock_wall
from netos.packet cimport DROP_NO_BUFFER, HEADROOM, Batch, Descriptor, packet_create

from netos.args import Bool, Data, Integer64
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler

DEFAULT_DATA = b"A packet made by netos, padded to the sixty-four bytes Ethernet asks."


cdef class Source(Element):
    """Packets of given bytes, up to a limit."""

    abstract = True             # no element of its own
    ports = "0/1"
    handlers = ("limit", "active", "count")

    def __cinit__(self):
        self.set_content(DEFAULT_DATA)
        self.limit = -1
        self.headroom = HEADROOM

    def set_content(self, data, length=-1):
        """Make packets of `data`, repeated or cut to `length` bytes (negative: as it is)."""
        if data is None:
            data = DEFAULT_DATA
        if length >= 0:
            data = (data * (length // max(len(data), 1) + 1))[:length] if data else bytes(length)
        if len(data) > 65535:
            raise ArgumentError(f"a packet holds at most 65535 bytes, not {len(data)}", "LENGTH")
        self.content = data
        self.bytes_at = self.content
        self.size = <uint32_t>len(data)

    def prepare(self, limit, active, stop, end_call=None, stamped=True):
        """Take the arguments that all sources have."""
        self.limit, self.active, self.stops, self.stamped = limit, active, stop, stamped
        self.calls = [end_call]
        self.calling = self.observes = end_call is not None

    cdef void restart(self) noexcept nogil:
        """The source has become active, or its limit was raised: go on."""

    @read_handler
    def data(self):
        """The bytes of a packet."""
        return self.content

    @write_handler("data")
    def set_data(self, data: Data):
        """Make packets of other bytes."""
        self.set_content(data)

    @read_handler
    @read_handler("datasize")
    def length(self):
        """Bytes of a packet."""
        return self.size

    @write_handler("length")
    @write_handler("datasize")
    def set_length(self, length: Integer64):
        """Repeat or cut the data to that many bytes."""
        self.set_content(self.content, length)

    @write_handler("limit")
    def set_limit(self, limit: Integer64):
        """Make that many packets in all; negative: no limit."""
        self.limit = limit
        self.restart()

    @write_handler("active")
    def set_active(self, active: Bool):
        """Make packets, or make none."""
        self.active = active
        self.restart()

    @write_handler
    @write_handler("reset_counts")
    def reset(self):
        """Begin to count, and if need be to send, anew."""
        self.count = 0
        self.restart()

    cdef uint32_t left(self) noexcept nogil:
        """How many packets may still be made, 0 while inactive."""
        if not self.active:
            return 0
        if self.limit < 0:
            return <uint32_t>0xffffffff
        return <uint32_t>max(min(self.limit - self.count, <int64_t>0xffffffff), <int64_t>0)

    cdef void make(self, uint32_t wanted, Batch *batch) noexcept nogil:
        """Append up to `wanted` packets, no more than the limit allows."""
        cdef Descriptor *packet
        cdef int64_t now
        wanted = min(wanted, self.left())
        if wanted == 0:
            return
        now = clock_wall(&self.vcpu.clock) if self.stamped else 0
        for _ in range(wanted):
            packet = packet_create(self.vcpu, self.headroom, self.size)
            if packet == NULL:
                self.missed(DROP_NO_BUFFER)
                break
            memcpy(packet.data, self.bytes_at, self.size)
            packet.timestamp = now
            batch.packets[batch.count] = packet
            batch.count += 1
            self.count += 1
        self.ended = 0

    cdef void finish(self) noexcept nogil:
        """Say that the limit is reached, once: when a packet would be due after the last one, as Click does.

        Saying so with the last packet would stop the router before that packet has gone anywhere.
        """
        if self.ended or not self.active or self.limit < 0 or self.count < self.limit:
            return
        self.ended = 1
        if self.calling:
            self.tell(EVENT_CALL, 0)
        if self.stops:
            self.tell(EVENT_STOP, 0)

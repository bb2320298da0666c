"""Counter: count the packets and bytes that pass (Click's Counter)."""

from libc.stdint cimport uint32_t, uint64_t

from netos.element cimport EVENT_CALL, Element
from netos.packet cimport Batch

from elements.standard.countcall import CountCall
from netos.handlers import read_handler, write_handler


cdef enum:
    WINDOW = 250000000          # nanoseconds a rate is taken over at least


cdef class Counter(Element):
    """Pass packets unchanged, counting them.

    COUNT_CALL and BYTE_COUNT_CALL are `N HANDLER [VALUE]`: the handler is called once, when the count reaches N.
    Handlers: count, byte_count, rate, bit_rate, byte_rate (read; a second, over the time since they were last read, at
    least 0.25 s), count_call, byte_count_call (write), reset, reset_counts (write).
    """

    ports = "1/1"
    processing = "a/a"
    handlers = ("count", "byte_count")
    combine = {"rate": "sum", "bit_rate": "sum", "byte_rate": "sum"}

    cdef readonly uint64_t count
    cdef readonly uint64_t byte_count
    cdef uint64_t count_limit       # 0: no call is waiting
    cdef uint64_t byte_limit
    cdef object window              # (time, count, byte_count) at its start
    cdef object rates               # packets and bytes a second, of the last whole window

    def configure(self, *, count_call: CountCall = None, byte_count_call: CountCall = None):
        self.calls = [None, None]
        self.count_limit = self.byte_limit = 0
        self.set_count_call(count_call)
        self.set_byte_count_call(byte_count_call)
        self.observes = count_call is not None or byte_count_call is not None

    def initialize(self):
        self.reset()

    @write_handler("count_call")
    def set_count_call(self, call: CountCall):
        """Call a handler when `count` reaches a number."""
        self.count_limit, self.calls[0] = call or (0, None)

    @write_handler("byte_count_call")
    def set_byte_count_call(self, call: CountCall):
        """Call a handler when `byte_count` reaches a number."""
        self.byte_limit, self.calls[1] = call or (0, None)

    @write_handler
    @write_handler("reset_counts")
    def reset(self):
        """Zero both counts."""
        self.count = self.byte_count = 0
        self.window = (self.cpu.now, 0, 0)
        self.rates = (0.0, 0.0)

    def take_state(self, Counter old):
        self.count, self.byte_count = old.count, old.byte_count
        self.window = (self.cpu.now, self.count, self.byte_count)

    def measure(self):
        """(packets a second, bytes a second)."""
        start, count, byte_count = self.window
        now = self.cpu.now
        if now - start >= WINDOW:
            seconds = (now - start) / 1e9
            self.rates = ((self.count - count) / seconds, (self.byte_count - byte_count) / seconds)
            self.window = (now, self.count, self.byte_count)
        return self.rates

    @read_handler
    def rate(self):
        """Packets a second."""
        return self.measure()[0]

    @read_handler
    def byte_rate(self):
        """Bytes a second."""
        return self.measure()[1]

    @read_handler
    def bit_rate(self):
        """Bits a second."""
        return 8 * self.measure()[1]

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            self.byte_count += batch.packets[i].length
        self.count += batch.count
        if self.count_limit and self.count >= self.count_limit:
            self.count_limit = 0
            self.tell(EVENT_CALL, 0)
        if self.byte_limit and self.byte_count >= self.byte_limit:
            self.byte_limit = 0
            self.tell(EVENT_CALL, 1)

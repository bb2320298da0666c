"""PullSwitch: pull from the input it is told to (Click's PullSwitch)."""

from libc.stdint cimport uint32_t

from elements.standard.pull_scheduler cimport PullScheduler
from netos.element cimport port_pull
from netos.kernel.notifier cimport Notifier, notifier_free, notifier_sleep, notifier_wake, signal_active
from netos.packet cimport Batch

from netos.args import Integer
from netos.errors import ArgumentError
from netos.handlers import write_handler


cdef class PullSwitch(PullScheduler):
    """Answer pulls with packets of INPUT alone; with nothing while that is negative. Who pulls sleeps meanwhile.

    Handlers: switch (read, write; a number that no input has switches off).
    """

    ports = "-/1"
    processing = "l/l"
    handlers = ("switch",)
    live_reconfigure = True

    cdef int chosen
    cdef Notifier ready

    def configure(self, input: Integer = 0):
        if input >= max(self.n_inputs, 1):
            raise ArgumentError(f"input must be < {self.n_inputs}", "INPUT")
        self.choose(input)

    def initialize(self):
        cdef int i
        PullScheduler.initialize(self)
        for i in range(self.n_inputs):
            self.derive_signal(i, &self.signals[i], NULL, &self.ready)

    def __dealloc__(self):
        notifier_free(&self.ready)

    @property
    def switch(self):
        """The input packets come from; -1 for none."""
        return self.chosen

    @write_handler("switch")
    def set_switch(self, input: Integer):
        """Pull from that input; negative, or a number no input has: from none."""
        self.choose(input)
        self.configuration = str(self.chosen)

    def take_state(self, PullSwitch old):
        self.choose(old.chosen)

    cdef void choose(self, int input) noexcept nogil:
        self.chosen = input if 0 <= input < self.n_inputs else -1
        if self.chosen >= 0:
            notifier_wake(&self.ready)
        else:
            notifier_sleep(&self.ready)

    cdef Notifier *notifier(self, int output) noexcept nogil:
        return &self.ready

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef uint32_t before = into.count
        if self.chosen >= 0:
            port_pull(&self.inputs[self.chosen], limit, into)
        if into.count == before and (self.chosen < 0 or not signal_active(&self.signals[self.chosen])):
            notifier_sleep(&self.ready)

"""What elements that choose among pull inputs share: a signal an input, so that they pull where something may be."""

from libc.stdlib cimport calloc, free

from netos.element cimport Element
from netos.kernel.notifier cimport Signal, signal_free


cdef class PullScheduler(Element):
    """An element with a signal for each of its inputs."""

    ports = "-/1"
    processing = "l/l"

    def __dealloc__(self):
        cdef int i
        if self.signals != NULL:
            for i in range(self.n_inputs):
                signal_free(&self.signals[i])
            free(self.signals)

    def initialize(self):
        cdef int i
        self.signals = <Signal *>calloc(self.n_inputs + 1, sizeof(Signal))
        if self.signals == NULL:
            raise MemoryError(f"{self.name}: no memory for the signals of {self.n_inputs} inputs")
        for i in range(self.n_inputs):
            self.derive_signal(i, &self.signals[i], NULL, NULL)

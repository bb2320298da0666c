"""The watchdog of a virtual CPU: it names whose task, timer or device kept all others waiting."""

cimport cython
from libc.stdint cimport int64_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC

from netos.kernel.clock cimport clock_host

cdef double cycles_a_nanosecond = 0
cdef uint64_t first_cycles = cycles_now()
cdef int64_t first_time = clock_host(CLOCK_MONOTONIC)


@cython.no_gc_clear
cdef class Watchdog:
    """The part of a virtual CPU that measures how long what it runs takes."""

    def __cinit__(self, *args, **kwargs):
        self.overrun = 10000000
        self.overruns = {}          # how often, by name of element

    cdef void calibrate(self) noexcept nogil:
        """Learn the time stamp counter's rate, once a millisecond has passed since the start."""
        global cycles_a_nanosecond
        cdef int64_t passed
        if cycles_a_nanosecond == 0:
            passed = clock_host(CLOCK_MONOTONIC) - first_time
            if passed > 1000000:
                cycles_a_nanosecond = <double>(cycles_now() - first_cycles) / <double>passed
        self.cycles_a_nanosecond = cycles_a_nanosecond

    @property
    def cycles(self):
        """Time stamp counter ticks so far: what an element's `cycles` are a share of."""
        return cycles_now()

    def report_overrun(self):
        """Tell of the element whose task, timer or device kept all others waiting, if one did: on_overrun, or the log.

        The log hears of an element's first time, then of its second, fourth, eighth and so on.
        """
        if self.overrun_element == NULL:
            return
        element, self.overrun_element = <object>self.overrun_element, NULL
        element = getattr(element, "reader", None) or element       # of a device: who reads it
        if self.on_overrun is not None:
            self.on_overrun(element, self.overrun_time)
            return
        name = getattr(element, "name", type(element).__name__)
        count = self.overruns[name] = self.overruns.get(name, 0) + 1
        if count & (count - 1) == 0:
            import logging

            logging.getLogger("netos.kernel").warning(
                "%s ran for %.1f ms in one go, and everything else waited (%s)", name, self.overrun_time / 1e6,
                "for the first time" if count == 1 else f"{count} times so far")

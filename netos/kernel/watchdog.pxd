"""The watchdog of a virtual CPU; see watchdog.pyx."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    #ifndef NETOS_CYCLES
    #define NETOS_CYCLES
    #if defined(__x86_64__)
    static inline uint64_t netos_cycles(void) { return __builtin_ia32_rdtsc(); }
    #else
    #include <time.h>
    static inline uint64_t netos_cycles(void) {
        struct timespec at; clock_gettime(CLOCK_MONOTONIC, &at); return at.tv_sec * 1000000000ull + at.tv_nsec; }
    #endif
    #endif
    """
    uint64_t cycles_now "netos_cycles"() noexcept nogil


cdef class Watchdog:
    cdef public int64_t overrun     # nanoseconds one task may take before the watchdog names it
    cdef public object on_overrun   # called with (element, nanoseconds)
    cdef void *overrun_element
    cdef int64_t overrun_time
    cdef double cycles_a_nanosecond
    cdef dict __dict__

    cdef void calibrate(self) noexcept nogil


cdef inline void note_time(Watchdog watchdog, void *object, uint64_t cycles) noexcept nogil:
    """Remember who has just kept all others waiting for too long."""
    if <double>cycles > watchdog.cycles_a_nanosecond * watchdog.overrun and watchdog.cycles_a_nanosecond > 0:
        watchdog.overrun_element = object
        watchdog.overrun_time = <int64_t>(cycles / watchdog.cycles_a_nanosecond)

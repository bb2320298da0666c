"""The clock of a virtual CPU: the machine's, or one that only a simulation moves."""

from libc.stdint cimport int64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec


cdef enum:
    NANOSECONDS = 1000000000


cdef struct Clock:
    int simulated   # 0: the machine's time; 1: virtual; 2: virtual, and only VirtualCpu.step() moves it
    int64_t now     # simulated time, nanoseconds; steady and wall time are one


cdef inline int64_t clock_host(int which) noexcept nogil:
    cdef timespec at
    clock_gettime(which, &at)
    return <int64_t>at.tv_sec * NANOSECONDS + at.tv_nsec


cdef inline int64_t clock_steady(Clock *clock) noexcept nogil:
    """Nanoseconds that never go back, for timers and rates. A simulated clock moves 1 ns at each read, as Click's."""
    if clock.simulated:
        clock.now += 1
        return clock.now
    return clock_host(CLOCK_MONOTONIC)


cdef inline int64_t clock_peek(Clock *clock) noexcept nogil:
    """Steady nanoseconds without moving a simulated clock, for what must not change a simulation."""
    return clock.now if clock.simulated else clock_host(CLOCK_MONOTONIC)


cdef inline int64_t clock_wall(Clock *clock) noexcept nogil:
    """Nanoseconds since 1970, for time stamps."""
    if clock.simulated:
        clock.now += 1
        return clock.now
    return clock_host(CLOCK_REALTIME)

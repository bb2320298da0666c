"""The CPU time of this thread."""

from libc.stdint cimport int64_t
from posix.time cimport clock_gettime, timespec

cdef extern from "<time.h>" nogil:
    int CLOCK_THREAD_CPUTIME_ID


cdef inline int64_t worked() noexcept nogil:
    """Nanoseconds that it has worked."""
    cdef timespec at
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at)
    return at.tv_sec * <int64_t>1000000000 + at.tv_nsec

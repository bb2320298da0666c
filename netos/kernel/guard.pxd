"""The guard of a region that several virtual CPUs work in: one of them at a time; see guard.pyx."""

from libc.stdint cimport uint32_t

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass


cdef struct Guard:
    pthread_mutex_t mutex
    unsigned long owner         # the thread that is in, or 0
    uint32_t depth              # how often it has entered


cdef Guard *guard_make() except NULL
cdef void guard_free(Guard *guard) noexcept nogil
cdef void guard_enter(Guard *guard) noexcept nogil
cdef void guard_leave(Guard *guard) noexcept nogil
cdef uint32_t guard_leave_wholly(Guard *guard) noexcept nogil
cdef void guard_enter_again(Guard *guard, uint32_t depth) noexcept nogil

"""The virtual CPU: one epoll set, one run queue, its timers, its packets; see vcpu.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from netos.kernel.epoll cimport EpollSet, Watch
from netos.kernel.guard cimport Guard
from netos.kernel.task cimport RunQueue
from netos.kernel.timer cimport TimerHeap
from netos.packet cimport Descriptor, Vcpu
from netos.packet_handle cimport Packet


cdef class VirtualCpu(EpollSet):
    cdef Vcpu *core
    cdef RunQueue run_queue
    cdef TimerHeap timers
    cdef Guard *guard               # of a region that several threads work in; else NULL
    cdef public int64_t budget      # nanoseconds one call of run() may take
    cdef public bint stopped        # run() and advance() end at once
    cdef readonly uint64_t turns
    cdef uint32_t task_count

    cdef void enter(self) noexcept nogil
    cdef void leave(self) noexcept nogil
    cdef bint turn(self) noexcept nogil
    cdef uint32_t run_tasks(self, uint32_t limit) noexcept nogil
    cdef int64_t next_timer(self) noexcept nogil
    cdef void set_timer(self) noexcept nogil
    cpdef adopt(self, Packet packet)
    cpdef deliver_events(self)

"""A host under watch; see fuzzed_host.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from netos.fuzz.chance cimport Chance
from netos.fuzz.frame cimport FRAME_MAX, Station
from netos.fuzz.journal cimport Journal
from netos.fuzz.peer cimport Peer
from netos.fuzz.server cimport Server
from netos.proto.stack cimport Stack

cdef enum:
    WAITING = 256               # answers of the peer that are not sent yet


cdef struct Answer:
    uint32_t length
    uint8_t frame[124]


cdef class FuzzedHost:
    cdef readonly uint64_t frames           # sent into the stack
    cdef readonly uint64_t reached          # of them, segments that came to an established connection
    cdef readonly uint64_t heard            # frames that the stack has sent
    cdef readonly int64_t now
    cdef readonly int64_t slowest           # nanoseconds of a batch
    cdef readonly Journal journal
    cdef readonly bint journal_full         # fuzz() ended because nothing more can be noted
    cdef Stack stack
    cdef Server server
    cdef object cpu
    cdef Chance chance
    cdef Peer peer
    cdef Station station
    cdef int64_t budget
    cdef const char *wrong
    cdef bint offload
    cdef Answer answers[WAITING]
    cdef uint32_t answer_count
    cdef uint8_t frame[FRAME_MAX + 64]
    cdef list captured                      # what the stack sends, while somebody wants it

    cdef void blame(self, const char *wrong) noexcept nogil
    cdef void deliver(self, const uint8_t *frame, uint32_t length, bint noted) noexcept nogil
    cdef void drain(self) noexcept nogil
    cdef uint32_t clock(self) noexcept nogil
    cdef void end_batch(self) noexcept nogil
    cdef void pass_time(self, int64_t until) noexcept nogil
    cdef void judge(self, const char *found) noexcept nogil
    cdef void measure(self, int64_t took) noexcept nogil
    cdef void speak(self, uint32_t length) noexcept nogil

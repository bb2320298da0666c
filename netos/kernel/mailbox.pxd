"""Letters between virtual CPUs, and the siblings that write them; see mailbox.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from netos.kernel.vcpu cimport VirtualCpu, Watch
from netos.packet cimport Descriptor


cdef enum:
    LETTERS_MAX = 512           # on their way from one virtual CPU to another; a power of two


cdef struct Letter:
    Reader *reader              # NULL: who should have read it is no more
    Descriptor *packet          # that goes with it, or NULL
    int64_t kind
    uint64_t first
    uint64_t second


cdef struct Reader:
    void (*hear)(void *object, Letter *letter) noexcept nogil
    void *object
    uint64_t heard


cdef struct LetterRing:         # from one virtual CPU to one other
    Letter *letters
    uint32_t first              # the next to be read: written by the reader alone
    uint32_t behind             # where the next is written: written by the writer alone


cdef class Mailbox:
    cdef readonly VirtualCpu cpu
    cdef LetterRing *rings      # by sender
    cdef uint32_t senders
    cdef uint32_t called        # the owner has been called, and has not looked yet
    cdef Watch watch

    cdef bint post(self, uint32_t sender, const Letter *letter) noexcept nogil
    cdef uint32_t read_all(self) noexcept nogil
    cdef void forget(self, Reader *reader) noexcept nogil


cdef struct Addressee:
    Reader *reader
    void *mailbox


cdef class Siblings:
    cdef Reader reader
    cdef Mailbox mailbox
    cdef uint32_t count         # replicas there are; 1 while alone
    cdef uint32_t replica       # which of them this is
    cdef Addressee *others      # by replica, this one among them
    cdef list kept              # what they point to
    cdef readonly uint64_t told
    cdef readonly uint64_t lost

    cdef void tell(self, int64_t kind, uint64_t first, uint64_t second) noexcept nogil
    cdef bint send(self, uint32_t replica, Letter *letter) noexcept nogil


cdef Siblings siblings_make(void (*hear)(void *object, Letter *letter) noexcept nogil, void *object)

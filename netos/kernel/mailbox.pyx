"""Letters between the virtual CPUs that run replicas of a graph: what one replica of an element tells its siblings.

Each virtual CPU has a mailbox with a ring for each sender, so that a ring has one writer and one reader and nobody
waits for anybody. Who posts the first letter calls the owner, which reads at its next turn. A full ring takes no more:
the letter is lost, and counted. Letters are small values, and perhaps a packet, which changes hands with its letter.
"""

cimport cython
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport strerror
from posix.unistd cimport close, read, write

from netos.kernel.vcpu cimport VirtualCpu, Watch
from netos.packet cimport packet_release
from netos.packet_handle cimport vcpu_begin, vcpu_end

cdef extern from "<sys/eventfd.h>" nogil:
    enum: EFD_CLOEXEC, EFD_NONBLOCK
    int eventfd(unsigned int initial, int flags)

cdef extern from * nogil:
    """
    #define netos_letter_acquire(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
    #define netos_letter_publish(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
    #define netos_letter_exchange(at, value) __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST)
    """
    uint32_t acquire "netos_letter_acquire"(uint32_t *at)
    void publish "netos_letter_publish"(uint32_t *at, uint32_t value)
    uint32_t exchange "netos_letter_exchange"(uint32_t *at, uint32_t value)


cdef void mail_came(void *object, uint32_t events) noexcept nogil:
    cdef uint64_t unused
    read((<Mailbox>object).watch.fd, &unused, 8)
    (<Mailbox>object).read_all()


@cython.no_gc_clear
cdef class Mailbox:
    """The letters that are on their way to one virtual CPU from `senders` others."""

    def __cinit__(self, *args, **kwargs):
        self.watch.fd = -1

    def __init__(self, VirtualCpu cpu not None, uint32_t senders):
        cdef uint32_t i
        cdef int fd
        self.cpu = cpu
        self.rings = <LetterRing *>calloc(senders, sizeof(LetterRing))
        if self.rings == NULL:
            raise MemoryError("netos: no memory for a mailbox")
        self.senders = senders
        for i in range(senders):
            self.rings[i].letters = <Letter *>calloc(LETTERS_MAX, sizeof(Letter))
            if self.rings[i].letters == NULL:
                raise MemoryError("netos: no memory for a mailbox")
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        if fd < 0:
            raise OSError(errno, f"cannot make a mailbox: {strerror(errno).decode()}")
        self.watch = Watch(mail_came, <void *>self, fd)
        cpu.watch(&self.watch)

    def __dealloc__(self):
        cdef uint32_t i
        if self.watch.fd >= 0:
            close(self.watch.fd)
        for i in range(self.senders):
            free(self.rings[i].letters)
        free(self.rings)

    def deliver(self):
        """Have the letters read that have come, while the virtual CPU stands still; return how many there were."""
        cdef uint32_t count
        cdef unsigned long before = vcpu_begin(self.cpu.core)
        with nogil:
            count = self.read_all()
        vcpu_end(self.cpu.core, before)
        return count

    cdef bint post(self, uint32_t sender, const Letter *letter) noexcept nogil:
        """Put a letter in, as virtual CPU number `sender`; 0 when there is no room."""
        cdef LetterRing *ring = &self.rings[sender]
        cdef uint32_t behind = ring.behind
        cdef uint64_t one = 1
        if behind - acquire(&ring.first) >= <uint32_t>LETTERS_MAX:
            return 0
        ring.letters[behind & (<uint32_t>LETTERS_MAX - 1)] = letter[0]
        publish(&ring.behind, behind + 1)
        if not exchange(&self.called, 1):
            write(self.watch.fd, &one, 8)
        return 1

    cdef uint32_t read_all(self) noexcept nogil:
        """Have each letter heard by who it is for; what comes meanwhile is for the next time."""
        cdef uint32_t i, behind
        cdef uint32_t count = 0
        cdef LetterRing *ring
        cdef Letter letter
        exchange(&self.called, 0)
        for i in range(self.senders):
            ring = &self.rings[i]
            behind = acquire(&ring.behind)
            while ring.first != behind:
                letter = ring.letters[ring.first & (<uint32_t>LETTERS_MAX - 1)]
                publish(&ring.first, ring.first + 1)
                self.cpu.core.received += letter.packet != NULL
                if letter.reader != NULL:
                    letter.reader.heard += 1
                    letter.reader.hear(letter.reader.object, &letter)
                elif letter.packet != NULL:
                    self.cpu.core.dropped += 1
                    packet_release(self.cpu.core, letter.packet)
                count += 1
        return count

    cdef void forget(self, Reader *reader) noexcept nogil:
        """Nobody is called `reader` any more; the virtual CPU stands still, and nobody writes to it either."""
        cdef uint32_t i, at
        cdef Letter *letter
        for i in range(self.senders):
            at = self.rings[i].first
            while at != acquire(&self.rings[i].behind):
                letter = &self.rings[i].letters[at & (<uint32_t>LETTERS_MAX - 1)]
                if letter.reader == reader:
                    letter.reader = NULL
                at += 1


cdef Siblings siblings_make(void (*hear)(void *object, Letter *letter) noexcept nogil, void *object):
    """What an element has that tells its siblings something: `hear(object, letter)` is called with what they tell.

    The element keeps it in an attribute called `siblings`, by which the replicas are introduced to each other.
    """
    cdef Siblings made = Siblings()
    made.reader = Reader(hear, object, 0)
    return made


@cython.no_gc_clear
cdef class Siblings:
    """An element among the replicas of itself; see siblings_make. `told`, `heard` and `lost` count letters."""

    def __cinit__(self):
        self.count = 1

    def __dealloc__(self):
        free(self.others)

    def introduce(self, mailboxes, others):
        """Know the others (itself among them) and their mailboxes, by replica; nothing runs yet."""
        cdef Siblings other
        cdef Mailbox mailbox
        cdef uint32_t i
        self.part()
        self.others = <Addressee *>calloc(len(others), sizeof(Addressee))
        if self.others == NULL:
            raise MemoryError("netos: no memory for siblings")
        for i in range(len(others)):
            other, mailbox = others[i], mailboxes[i]
            self.others[i] = Addressee(&other.reader, <void *>mailbox)
        self.kept = [*others, *mailboxes]
        self.replica = others.index(self)
        self.mailbox = mailboxes[self.replica]
        self.count = len(others)

    def part(self):
        """Be alone from now on; letters under way to this one are for nobody."""
        if self.mailbox is not None:
            self.mailbox.forget(&self.reader)
        free(self.others)
        self.others = NULL
        self.mailbox = self.kept = None
        self.count = 1
        self.replica = 0

    @property
    def heard(self):
        """Letters read."""
        return self.reader.heard

    cdef void tell(self, int64_t kind, uint64_t first, uint64_t second) noexcept nogil:
        """Have all the others hear that, each at its own turn; nothing waits for it."""
        cdef Letter letter = Letter(NULL, NULL, kind, first, second)
        cdef uint32_t i
        for i in range(self.count):
            if i != self.replica:
                self.send(i, &letter)

    cdef bint send(self, uint32_t replica, Letter *letter) noexcept nogil:
        """Have one sibling hear a letter, and own its packet; 0 when it is lost, and the packet still the caller's."""
        letter.reader = self.others[replica].reader
        if not (<Mailbox>self.others[replica].mailbox).post(self.replica, letter):
            self.lost += 1
            return 0
        self.told += 1
        if letter.packet != NULL:
            self.mailbox.cpu.core.sent += 1
        return 1

"""A stack under fuzz: frames of a scripted peer and of a corpus, mutated, in virtual time, without Python.

The stack's secrets come from the seed; what must hold is watched by FuzzedHost.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.fuzz.chance cimport below, one_in
from netos.fuzz.frame cimport FRAME_MAX
from netos.fuzz.fuzzed_host cimport FuzzedHost
from netos.fuzz.journal cimport Journal
from netos.fuzz.mutate cimport Corpus, corpus_fill, corpus_free, fragment_of, mutate
from netos.fuzz.peer cimport peer_complain, peer_flood, peer_speak
from netos.fuzz.worked cimport worked

cdef enum:
    FLOOD = 200                 # SYNs at once


cdef class StackTarget(FuzzedHost):
    """A stack with servers, callers and UDP ports, and a peer that keeps connections open.

    `corpus` are frames to mutate; `share`, of 16 frames, how many speak on a connection; `budget` is nanoseconds of CPU
    that a batch of up to 32 frames may take.
    """

    cdef Corpus corpus
    cdef uint32_t share
    cdef uint8_t piece[FRAME_MAX + 64]

    def __init__(self, uint64_t seed, Journal journal not None, corpus=(), *, uint32_t share=10, bint offload=False,
                 uint32_t mtu=1500, int64_t budget=200000000):
        super().__init__(seed, journal, offload=offload, mtu=mtu, budget=budget)
        self.share = share
        corpus_fill(&self.corpus, corpus)

    def __dealloc__(self):
        corpus_free(&self.corpus)

    cdef void step_time(self) noexcept nogil:
        """Up to a millisecond or fifty, seldom two seconds, hardly ever a hundred; whole microseconds."""
        cdef uint32_t most = 1000 if one_in(&self.chance, 2) else 50000
        if one_in(&self.chance, 64):
            most = 2000000 if not one_in(&self.chance, 16) else 100000000
        self.pass_time(self.now + (1 + <int64_t>below(&self.chance, most)) * 1000)

    cdef uint32_t make_frame(self) noexcept nogil:
        """The next frame, mutated or not; its length."""
        cdef uint32_t length, which
        cdef bint plain = 0
        if below(&self.chance, 16) < self.share or self.corpus.count == 0:
            length = peer_speak(&self.peer, self.clock(), self.frame, &plain)
            if plain or one_in(&self.chance, 4):
                return length
        elif one_in(&self.chance, 16):
            length = peer_complain(&self.peer, self.frame)
        else:
            which = below(&self.chance, self.corpus.count)
            length = self.corpus.lengths[which]
            memcpy(self.frame, self.corpus.frames[which], length)
            if one_in(&self.chance, 16):
                return length
        return mutate(&self.chance, self.frame, length, &self.corpus)

    cdef void send_pieces(self, uint32_t length) noexcept nogil:
        """The packet in two fragments, which may overlap, be in the wrong order, or lack one."""
        cdef uint32_t number = below(&self.chance, 64), cut = below(&self.chance, length), size, i
        cdef bint turned = one_in(&self.chance, 2), overlap = one_in(&self.chance, 4)
        for i in range(2):
            if one_in(&self.chance, 8):
                continue
            size = fragment_of(self.frame, length, cut, (i == 1) != turned, overlap, number, self.piece)
            if size:
                self.deliver(self.piece, size, 1)

    cdef void fuzz_batch(self) noexcept nogil:
        """Time passes, the peer's answers go in, and then up to 32 frames."""
        cdef uint32_t length = 0, i
        cdef uint64_t before = self.frames
        self.step_time()
        for i in range(self.answer_count):
            self.deliver(self.answers[i].frame, self.answers[i].length, 1)
        self.answer_count = 0
        for _ in range(1 + below(&self.chance, 32)):
            length = self.make_frame()
            if one_in(&self.chance, 64):
                self.send_pieces(length)
                continue
            self.deliver(self.frame, length, 1)
            if one_in(&self.chance, 32):
                for _ in range(1 + below(&self.chance, 4)):
                    self.deliver(self.frame, length, 1)
        if one_in(&self.chance, 1024):
            for _ in range(FLOOD):
                self.deliver(self.frame, peer_flood(&self.peer, self.clock(), self.frame), 1)
        if self.frames == before:               # a replay knows only of batches that have frames
            self.deliver(self.frame, length, 1)
        self.end_batch()

    def fuzz(self, uint64_t count):
        """Send `count` frames more; None, or what is wrong. Ends early when the journal is full."""
        cdef uint64_t until = self.frames + count
        cdef int64_t start
        with nogil:
            while self.frames < until and self.wrong == NULL and not self.journal_full and self.server.failure is None:
                start = worked()
                self.fuzz_batch()
                self.measure(worked() - start)
        return self.verdict()

"""What the elements that check headers share: counts by reason, the warning, output 1."""

from libc.stdint cimport uint32_t

from netos.packet cimport DROP_BAD_CHECKSUM, DROP_BAD_LENGTH, DROP_FRAGMENT, DROP_NO_MATCH, Batch, Descriptor

import logging

from netos.args import Bool
from netos.handlers import read_handler

log = logging.getLogger("netos.elements")


cdef class HeaderCheck(Element):
    """Rejects packets for one of the class's `reasons` (Click's texts, at most CHECK_REASONS); logs the first."""

    combine = {"drop_details": "table"}

    what = "header"
    reasons = ()

    @read_handler("drops")
    def rejected(self):
        """Packets found bad, dropped or sent out of output 1."""
        return sum(self.bad_counts[number] for number in range(CHECK_REASONS))

    @read_handler
    def drop_details(self):
        """A line for each reason: count, tab, reason."""
        return "".join(f"{self.bad_counts[number]}\t{reason}\n" for number, reason in enumerate(self.reasons))

    def deliver(self, kind, value):
        if kind >= 0:
            log.warning("%s: %s check failed: %s", self.name, self.what, self.reasons[kind])
        else:
            super().deliver(kind, value)

    cdef void bad(self, Descriptor *packet, int reason, int drop) noexcept nogil:
        """Count and reject a packet; tell of the first with that reason, or of all when VERBOSE."""
        if self.verbose or self.bad_counts[reason] == 0:
            self.tell(reason, 0)
        self.bad_counts[reason] += 1
        self.reject(packet, drop)


cdef class PayloadCheck(HeaderCheck):
    """Checks what a marked IP header carries; the class's four `reasons` are those of checking.pxd."""

    def configure(self, *, verbose: Bool = False, details: Bool = False):
        self.verbose = verbose

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        for i in range(batch.count):
            if self.check(batch.packets[i]):
                batch.packets[kept] = batch.packets[i]
                kept += 1
        batch.count = kept

    cdef bint check(self, Descriptor *packet) noexcept nogil:
        """0 when the packet was bad and is gone."""
        return 1

    cdef bint refuse(self, Descriptor *packet, int problem) noexcept nogil:
        """Let go of a bad packet; 0."""
        if problem == WRONG_PROTOCOL:
            self.bad(packet, problem, DROP_NO_MATCH)
        elif problem == FRAGMENT:
            self.bad(packet, problem, DROP_FRAGMENT)
        else:
            self.bad(packet, problem, DROP_BAD_CHECKSUM if problem == WRONG_CHECKSUM else DROP_BAD_LENGTH)
        return 0

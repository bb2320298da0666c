"""What the elements that check headers share: counts by reason, the warning, output 1."""

from netos.packet cimport Descriptor

import logging

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

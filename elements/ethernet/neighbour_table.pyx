"""NeighbourTable: a table of neighbours as a Python object: what handlers ask and tell it (Click's ARPTable)."""

import os

from libc.stdint cimport int64_t, uint8_t, uint32_t

from elements.ethernet.neighbours cimport (
    FREE, KNOWN, NEVER, Limits, Neighbour, Neighbours, neighbour_ensure, neighbour_find, neighbour_forget,
    neighbour_learn, neighbours_free, neighbours_init, neighbours_limit,
)
from netos.element cimport Element
from netos.kernel.timer cimport timer_cancel
from netos.packet cimport DROP_NO_NEIGHBOUR
from netos.wire cimport load32

from netos.addresses import EtherAddress, IPv4Address

cdef enum:
    ENTRY_LIMIT = 65536         # when the configuration sets none: nobody may fill the memory


cdef class NeighbourTable:
    """A table of neighbours. The element that owns one clears it in cleanup() and expires it from its timer."""

    def __cinit__(self):
        self.queriers = []
        if not neighbours_init(&self.data, int.from_bytes(os.urandom(4), "big")):
            raise MemoryError("netos: no memory for a table of neighbours")
        self.data.limits = Limits(ENTRY_LIMIT, 0, 0, 2, NEVER)

    def __dealloc__(self):
        neighbours_free(&self.data)

    def limit(self, Element element not None, uint32_t packets, uint32_t entries, uint32_t entry_packets,
              uint32_t slim_factor, int64_t timeout):
        """Set the limits, 0 for none: packets, neighbours, packets for each, how to slim, nanoseconds."""
        neighbours_limit(&self.data, element, Limits(entries or <uint32_t>ENTRY_LIMIT, packets, entry_packets,
                                                     slim_factor, timeout or <int64_t>NEVER))

    def move_from(self, NeighbourTable other not None, Element element not None):
        """Take over everybody from another table, which is empty afterwards; each keeps its limits."""
        cdef Neighbours own = self.data
        if other.data.timer != NULL:
            timer_cancel(other.data.timer)
        self.data = other.data
        self.data.timer, self.data.limits = own.timer, own.limits
        own.timer, own.limits = other.data.timer, other.data.limits
        other.data = own
        neighbours_limit(&self.data, element, self.data.limits)

    def insert(self, address, ether, int64_t now, Element element not None):
        """Say what a neighbour's Ethernet address is; a querier of the table sends what waits for it."""
        cdef bytes packed = address.packed, station = ether.packed
        cdef Neighbour *neighbour
        if self.queriers:
            self.queriers[0].introduce(address, ether)
            return
        neighbour = neighbour_ensure(&self.data, element, load32(<const uint8_t *>packed), now)
        if neighbour == NULL:
            raise MemoryError("netos: no memory for a neighbour")
        if neighbour.waiting == 0:
            neighbour_learn(&self.data, neighbour, <const uint8_t *>station, now)

    def forget(self, address, Element element not None):
        """Forget one neighbour (IPv4Address), if it is there; its packets are dropped by the element."""
        cdef bytes packed = address.packed
        cdef Neighbour *neighbour = neighbour_find(&self.data, load32(<const uint8_t *>packed))
        if neighbour != NULL:
            neighbour_forget(&self.data, element, neighbour, DROP_NO_NEIGHBOUR)

    def text(self, int64_t now):
        """A line each, the oldest first: IP address, whether it is known (1 or 0), Ethernet address, age in seconds."""
        found = []
        cdef Neighbour *neighbour
        for at in range(self.data.size):
            neighbour = &self.data.places[at]
            if neighbour.state != FREE:
                address = IPv4Address((<const char *>&neighbour.address)[:4])
                ether = EtherAddress((<const char *>neighbour.ether)[:6] if neighbour.state == KNOWN else bytes(6))
                found.append((neighbour.since, f"{address} {int(neighbour.state == KNOWN)} {ether}"))
        return "".join(f"{line} {(now - since) // 1000000000}.{(now - since) // 1000 % 1000000:06}\n"
                       for since, line in sorted(found))

    @property
    def count(self):
        """Neighbours known or asked for."""
        return self.data.count

    @property
    def length(self):
        """Packets that wait."""
        return self.data.packets_count

    @property
    def drops(self):
        """Packets that have waited in vain."""
        return self.data.drops

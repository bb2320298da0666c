"""ARPTable: a table of neighbours that several ARPQueriers share (Click's ARPTable)."""

from elements.ethernet.neighbour_table cimport NeighbourTable
from elements.ethernet.neighbours cimport neighbours_clear, neighbours_expire
from netos.element cimport Element
from netos.kernel.clock cimport clock_peek
from netos.kernel.timer cimport Timer
from netos.packet cimport DROP_CLOSED, DROP_NO_NEIGHBOUR

from elements.ethernet.neighbour_arguments import AddressPair
from netos.args import IPv4, Seconds, Unsigned
from netos.handlers import read_handler, write_handler


cdef class ARPTable(Element):
    """Keep what is known about neighbours for TIMEOUT (0: for ever), and the packets that wait for them.

    At most CAPACITY packets wait in all and ENTRY_PACKET_CAPACITY for one address (0: no limit of their own); past
    CAPACITY the oldest are dropped until 1/CAPACITY_SLIM_FACTOR of it is left. Of more than ENTRY_CAPACITY neighbours
    (0: 65 536) the one not used for longest is forgotten.
    Handlers: table, drops, count, length (read), insert `IP ETH`, delete `IP`, clear (write).
    """

    ports = "0/0"
    live_reconfigure = True
    combine = {"table": "entries", "count": "max"}

    def __cinit__(self, *args, **kwargs):
        self.neighbours = NeighbourTable()

    def configure(self, *, capacity: Unsigned = 2048, entry_capacity: Unsigned(maximum=1 << 24) = 0,
                  entry_packet_capacity: Unsigned = 0, capacity_slim_factor: Unsigned(minimum=1) = 2,
                  timeout: Seconds = 300 * 10**9):
        self.neighbours.limit(self, capacity, entry_capacity, entry_packet_capacity, capacity_slim_factor, timeout)

    def initialize(self):
        self.start_timer(&self.timer)
        self.neighbours.data.timer = &self.timer

    def cleanup(self):
        neighbours_clear(&self.neighbours.data, self, DROP_CLOSED)
        self.neighbours.data.timer = NULL

    def take_state(self, ARPTable old not None):
        """Take over the neighbours of the table this one replaces, and what waits for them."""
        self.neighbours.move_from(old.neighbours, self)

    @read_handler
    def table(self):
        """A line each: IP address, 1 if known or 0 if asked for, Ethernet address, seconds since then."""
        return self.neighbours.text(clock_peek(&self.vcpu.clock))

    @read_handler("drops")
    def dropped(self):
        """Packets that waited in vain."""
        return self.neighbours.drops

    @read_handler
    def count(self):
        """Neighbours known or asked for."""
        return self.neighbours.count

    @read_handler
    def length(self):
        """Packets that wait."""
        return self.neighbours.length

    @write_handler
    def insert(self, pair: AddressPair):
        """Say what a neighbour's Ethernet address is; what waits for it is sent."""
        self.neighbours.insert(pair[0], pair[1], clock_peek(&self.vcpu.clock), self)

    @write_handler
    def delete(self, address: IPv4):
        """Forget a neighbour."""
        self.neighbours.forget(address, self)

    @write_handler
    def clear(self):
        """Forget all neighbours."""
        neighbours_clear(&self.neighbours.data, self, DROP_NO_NEIGHBOUR)

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        neighbours_expire(&self.neighbours.data, self, clock_peek(&self.vcpu.clock))

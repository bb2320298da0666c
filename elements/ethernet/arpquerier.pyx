"""ARPQuerier: find the Ethernet address of an IP packet's next hop, by asking (Click's ARPQuerier, RFC 826)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from elements.ethernet.arptable cimport ARPTable
from elements.ethernet.neighbour_table cimport NeighbourTable
from elements.ethernet.neighbours cimport (
    KNOWN, NEVER, NOBODY, Neighbour, Neighbours, neighbour_ask, neighbour_ensure, neighbour_find, neighbour_learn,
    neighbour_wait, neighbours_clear, neighbours_expire, waiting_take,
)
from netos.element cimport Element, port_push
from netos.kernel.clock cimport clock_peek
from netos.kernel.mailbox cimport Letter, Siblings, siblings_make
from netos.kernel.timer cimport Timer
from netos.packet cimport (
    ANNO_VLAN_TCI, BATCH_MAX, DROP_BAD_ARP, DROP_CLOSED, DROP_INACTIVE, DROP_NO_BUFFER, DROP_NO_NEIGHBOUR,
    DROP_NO_ROUTE, HEADROOM, Batch, Descriptor, packet_consume, packet_create, packet_destination, packet_prepend,
    packet_set_mac,
)
from netos.proto.arp cimport (
    ARP_AT_SENDER_HARDWARE, ARP_AT_SENDER_PROTOCOL, ARP_AT_TARGET_PROTOCOL, ARP_LENGTH, ARP_REPLY, ARP_REQUEST,
    arp_is_ethernet_ip, arp_operation, arp_write,
)
from netos.proto.ethernet cimport (
    ETHER_HEADER_LENGTH, ETHERTYPE_ARP, ETHERTYPE_IP, ether_is_group, ether_is_zero, ether_type, ether_write,
    ether_write_group,
)
from netos.wire cimport load32, load_be32, load_be48, store_be16, store_be32

from elements.ethernet.neighbour_arguments import AddressPair, OwnAddress
from netos.addresses import IPv4Address
from netos.args import Bool, ElementName, Ether, IPv4, Seconds, Unsigned
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler


cdef enum:                      # what replicas of a querier tell each other: first is the address, second the station
    ANSWERED                    # to whoever asked
    INTRODUCED                  # by itself, as it asked for us


cdef void hear_sibling(void *object, Letter *letter) noexcept nogil:
    (<ARPQuerier>object).hear_of(letter)


cdef class ARPQuerier(Element):
    """Put Ethernet headers on IP packets (input 0), for the address that the destination annotation names.

    What is not known is asked for, at most once a second for each address, on the last output; packets wait meanwhile.
    Replies come to input 1. They are believed about addresses that are in the table, because somebody asked; a request
    that asks for IP also introduces its sender. Known neighbours still in use are asked again, directly, POLL_TIMEOUT
    after the last answer (0: never), or by broadcast with BROADCAST_POLL. Packets to groups and to BROADCAST (default:
    of IP's prefix) are never asked for. TABLE is an ARPTable to use; without one, its keywords are understood here.
    Replicas of it tell each other what they hear: a reply may reach another one than that which asked.
    Handlers: table, stats, queries, responses, drops, count, length (read), ipaddr, broadcast (read, write), insert
    `IP ETH`, delete `IP`, clear (write).
    """

    ports = "2/1-2"
    processing = "h/h"
    flow = "xy/x"
    live_reconfigure = True
    handlers = ("queries", "responses")
    combine = {"table": "entries", "stats": "table", "count": "max"}

    cdef NeighbourTable own             # without TABLE
    cdef NeighbourTable neighbours
    cdef Neighbours *table              # that of `neighbours`
    cdef uint32_t address               # network order
    cdef uint32_t broadcast_address     # network order
    cdef uint8_t station[6]
    cdef uint8_t header_end[8]          # the last bytes of the Ethernet header of IP packets
    cdef int64_t poll_after
    cdef bint poll_by_broadcast
    cdef readonly uint64_t queries
    cdef readonly uint64_t responses
    cdef Timer timer
    cdef readonly Siblings siblings

    def __cinit__(self, *args, **kwargs):
        self.siblings = siblings_make(hear_sibling, <void *>self)

    def configure(self, ip: OwnAddress, eth: Ether = None, *, capacity: Unsigned = None,
                  entry_capacity: Unsigned(maximum=1 << 24) = None, entry_packet_capacity: Unsigned = None,
                  capacity_slim_factor: Unsigned(minimum=1) = None, timeout: Seconds = None, broadcast: IPv4 = None,
                  table: ElementName("ARPTable") = None, poll_timeout: Seconds = 60 * 10**9,
                  broadcast_poll: Bool = False):
        prefix, named = ip
        if eth is None and named is None:
            raise ArgumentError("required argument missing", "ETH")
        limits = (capacity, entry_capacity, entry_packet_capacity, capacity_slim_factor, timeout)
        if table is not None and limits != (None,) * 5:
            raise ArgumentError("is shared: give CAPACITY and its like to the ARPTable", "TABLE")
        if self.own is None:
            self.own = NeighbourTable()
        defaults = (2048, 0, 0, 2, 300 * 10**9)
        self.own.limit(self, *(default if given is None else given for given, default in zip(limits, defaults)))
        self.use_table(self.own if table is None else (<ARPTable>table).neighbours)
        self.use_addresses(prefix.ip, eth or named)
        self.use_broadcast(broadcast if broadcast is not None else prefix.network.broadcast_address)
        self.poll_after = poll_timeout or NEVER
        self.poll_by_broadcast = broadcast_poll

    def use_table(self, NeighbourTable neighbours not None):
        """Keep neighbours there."""
        if self.neighbours is not None and self in self.neighbours.queriers:
            self.neighbours.queriers.remove(self)
        self.neighbours = neighbours
        self.table = &neighbours.data
        neighbours.queriers.append(self)

    def use_addresses(self, ip, ether):
        """Be that station; another station starts with an empty table of its own."""
        cdef bytes packed = ip.packed, station = ether.packed
        cdef uint32_t address = load32(<const uint8_t *>packed)
        if address != self.address or load_be48(<const uint8_t *>station) != load_be48(self.station):
            neighbours_clear(&self.own.data, self, DROP_NO_NEIGHBOUR)
        self.address = address
        memcpy(self.station, <const uint8_t *>station, 6)
        memcpy(self.header_end, <const uint8_t *>station, 6)
        store_be16(self.header_end + 6, ETHERTYPE_IP)

    def use_broadcast(self, address):
        """Take packets to that address for broadcasts; the station's own address stands for none."""
        cdef bytes packed = address.packed
        self.broadcast_address = load32(<const uint8_t *>packed)
        if self.broadcast_address == self.address:
            self.broadcast_address = 0xffffffff

    def initialize(self):
        self.start_timer(&self.timer)
        self.own.data.timer = &self.timer

    def cleanup(self):
        if self.own is not None:
            neighbours_clear(&self.own.data, self, DROP_CLOSED)
            self.own.data.timer = NULL
        if self.neighbours is not None and self in self.neighbours.queriers:
            self.neighbours.queriers.remove(self)

    def take_state(self, ARPQuerier old not None):
        """Take over counts and, if neither shares it and the station is the same, the table of what this replaces."""
        if (self.address, load_be48(self.station)) != (old.address, load_be48(old.station)):
            return
        if self.neighbours is self.own and old.neighbours is old.own:
            self.own.move_from(old.own, self)
        self.queries, self.responses = old.queries, old.responses

    # Handlers

    @read_handler("table")
    def table_text(self):
        """A line each: IP address, 1 if known or 0 if asked for, Ethernet address, seconds since then."""
        return self.neighbours.text(clock_peek(&self.vcpu.clock))

    @read_handler
    def stats(self):
        """Packets dropped and queries sent, in words."""
        return f"{self.dropped()} packets killed\n{self.queries} ARP queries sent\n"

    @read_handler("drops")
    def dropped(self):
        """Packets dropped here."""
        return sum(self.drop_counts.values())

    @read_handler
    def count(self):
        """Neighbours known or asked for."""
        return self.neighbours.count

    @read_handler
    def length(self):
        """Packets that wait."""
        return self.neighbours.length

    @read_handler
    def ipaddr(self):
        """The station's IP address."""
        return IPv4Address((<const char *>&self.address)[:4])

    @write_handler("ipaddr")
    def set_ipaddr(self, address: IPv4):
        """Ask in the name of another IP address."""
        cdef bytes packed = address.packed
        self.address = load32(<const uint8_t *>packed)

    @read_handler
    def broadcast(self):
        """The local broadcast address."""
        return IPv4Address((<const char *>&self.broadcast_address)[:4])

    @write_handler("broadcast")
    def set_broadcast(self, address: IPv4):
        """Take packets to another address for broadcasts."""
        self.use_broadcast(address)

    @write_handler
    def insert(self, pair: AddressPair):
        """Say what a neighbour's Ethernet address is; what waits for it is sent."""
        self.introduce(*pair)

    @write_handler
    def delete(self, address: IPv4):
        """Forget a neighbour."""
        self.neighbours.forget(address, self)

    @write_handler
    def clear(self):
        """Forget all neighbours."""
        neighbours_clear(self.table, self, DROP_NO_NEIGHBOUR)

    def introduce(self, address, ether):
        """Learn a neighbour's addresses and send what waits for it."""
        cdef bytes packed = address.packed, station = ether.packed
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        cdef Neighbour *neighbour = neighbour_ensure(self.table, self, load32(<const uint8_t *>packed), now)
        if neighbour == NULL:
            raise MemoryError(f"{self.name}: no memory for a neighbour")
        self.learn(neighbour, <const uint8_t *>station, now)

    # The data path

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        neighbours_expire(&self.own.data, self, clock_peek(&self.vcpu.clock))

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        if port == 0:
            self.push_ip(batch)
            return
        for i in range(batch.count):
            self.hear(batch.packets[i])

    cdef void push_ip(self, Batch *batch) noexcept nogil:
        """Put headers on a batch; before a query is sent, what was there before it goes out."""
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        cdef int64_t fresh = min(self.table.limits.timeout, self.poll_after)
        cdef uint32_t i, destination, resolved = 0      # whose Ethernet address `ether` is
        cdef uint8_t ether[6]
        cdef Neighbour *neighbour
        cdef Descriptor *packet
        cdef Batch ready
        ready.packets = batch.packets
        ready.count = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            destination = packet_destination(packet)
            if destination != resolved or destination == 0:
                neighbour = neighbour_find(self.table, destination)
                if neighbour != NULL and neighbour.state == KNOWN and now - neighbour.since < fresh:
                    neighbour.used = 1
                    memcpy(ether, neighbour.ether, 6)
                elif not self.resolve(packet, neighbour, now, ether, &ready):
                    resolved = 0
                    continue
                resolved = destination
            if self.encapsulate(packet, ether):
                ready.packets[ready.count] = packet
                ready.count += 1
        if ready.count:
            port_push(&self.outputs[0], &ready)

    cdef inline bint encapsulate(self, Descriptor *packet, const uint8_t *ether) noexcept nogil:
        """Put the header on; 0 when the packet had to be dropped."""
        if not packet_prepend(self.vcpu, packet, ETHER_HEADER_LENGTH):
            self.drop(packet, DROP_NO_BUFFER)
            return 0
        memcpy(packet.data, ether, 6)
        memcpy(packet.data + 6, self.header_end, 8)
        packet_set_mac(packet, packet.data)
        return 1

    cdef bint resolve(self, Descriptor *packet, Neighbour *neighbour, int64_t now, uint8_t *ether,
                      Batch *ready) noexcept nogil:
        """Find the Ethernet address the slow way; 0 when the packet cannot be sent now, and was taken care of."""
        cdef uint32_t destination = packet_destination(packet)
        cdef uint32_t host = load_be32(<const uint8_t *>&destination)
        cdef int64_t stamp = packet.timestamp
        cdef uint8_t tag[2]
        memcpy(tag, packet.annotations + ANNO_VLAN_TCI, 2)
        if self.address == 0:
            self.drop(packet, DROP_INACTIVE)
            return 0
        if neighbour != NULL and neighbour.state == KNOWN and now - neighbour.since < self.table.limits.timeout:
            neighbour.used = 1
            memcpy(ether, neighbour.ether, 6)
            if neighbour_ask(neighbour, now):
                self.ask(destination, NULL if self.poll_by_broadcast else ether, stamp, tag, ready)
            return 1
        if host == <uint32_t>0xffffffff or destination == self.broadcast_address:
            memset(ether, 0xff, 6)
            return 1
        if host >> 28 == 14:
            ether_write_group(ether, host)
            return 1
        if host == 0:
            self.drop(packet, DROP_NO_ROUTE)
        elif neighbour_wait(self.table, self, destination, packet, now):
            self.ask(destination, NULL, stamp, tag, ready)
        return 0

    cdef void ask(self, uint32_t destination, const uint8_t *ether, int64_t stamp, const uint8_t *tag,
                  Batch *ready) noexcept nogil:
        """Send a query, to one station or to all (NULL), after the packets that are ready."""
        cdef uint8_t everybody[6]
        cdef Descriptor *query = packet_create(self.vcpu, HEADROOM, ETHER_HEADER_LENGTH + ARP_LENGTH)
        cdef uint32_t count = ready.count
        if query == NULL:
            self.missed(DROP_NO_BUFFER)
            return
        memset(everybody, 0xff, 6)
        if ether == NULL:
            ether = everybody
        ether_write(query.data, ether, self.station, ETHERTYPE_ARP)
        arp_write(query.data + ETHER_HEADER_LENGTH, ARP_REQUEST, self.station,
                  load_be32(<const uint8_t *>&self.address), NULL, load_be32(<const uint8_t *>&destination))
        packet_set_mac(query, query.data)
        query.timestamp = stamp
        memcpy(query.annotations + ANNO_VLAN_TCI, tag, 2)
        self.queries += 1
        if count:
            port_push(&self.outputs[0], ready)
            ready.packets += count
            ready.count = 0
        self.send_one(self.n_outputs - 1, query)

    cdef void hear(self, Descriptor *packet) noexcept nogil:
        """Learn from an ARP packet, if it tells something that is wanted."""
        cdef const uint8_t *arp = packet.data + ETHER_HEADER_LENGTH
        cdef const uint8_t *ether = arp + ARP_AT_SENDER_HARDWARE
        cdef uint32_t sender
        cdef int operation
        cdef uint8_t station[6]
        cdef bint asked_by
        if (packet.length < ETHER_HEADER_LENGTH + ARP_LENGTH or ether_type(packet.data) != ETHERTYPE_ARP
                or not arp_is_ethernet_ip(arp) or ether_is_group(ether) or ether_is_zero(ether)):
            self.drop(packet, DROP_BAD_ARP)
            return
        operation = arp_operation(arp)
        sender = load32(arp + ARP_AT_SENDER_PROTOCOL)
        if ((operation != ARP_REPLY and operation != ARP_REQUEST) or load_be48(ether) == load_be48(self.station)
                or sender == self.address):
            self.drop(packet, DROP_BAD_ARP)
            return
        self.responses += operation == ARP_REPLY
        asked_by = operation == ARP_REQUEST and load32(arp + ARP_AT_TARGET_PROTOCOL) == self.address and sender != 0
        memcpy(station, ether, 6)
        packet_consume(self.vcpu, packet)
        if asked_by or operation == ARP_REPLY:
            self.siblings.tell(INTRODUCED if asked_by else ANSWERED, sender, load_be48(station))
        self.believe(sender, station, asked_by)

    cdef void hear_of(self, Letter *letter) noexcept nogil:
        """A replica of this querier has heard from a neighbour."""
        cdef uint8_t station[6]
        store_be16(station, <uint16_t>(letter.second >> 32))
        store_be32(station + 2, <uint32_t>letter.second)
        self.believe(<uint32_t>letter.first, station, letter.kind == INTRODUCED)

    cdef void believe(self, uint32_t address, const uint8_t *station, bint introduced) noexcept nogil:
        """A neighbour has said where it is: learn that if somebody asked for it, or it was introduced."""
        cdef int64_t now = clock_peek(&self.vcpu.clock)
        cdef Neighbour *neighbour
        if introduced:
            neighbour = neighbour_ensure(self.table, self, address, now)
        else:
            neighbour = neighbour_find(self.table, address)
        if neighbour != NULL:
            self.learn(neighbour, station, now)

    cdef void learn(self, Neighbour *neighbour, const uint8_t *station, int64_t now) noexcept nogil:
        """The neighbour is at that station: send what waits for it, in the order it came."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Descriptor *packet
        cdef Batch batch
        cdef uint8_t ether[6]
        cdef uint32_t chain = neighbour_learn(self.table, neighbour, station, now)
        memcpy(ether, station, 6)
        while chain != <uint32_t>NOBODY:
            batch.packets = pointers
            batch.count = 0
            while chain != <uint32_t>NOBODY and batch.count < BATCH_MAX:
                packet = waiting_take(self.table, &chain)
                if self.encapsulate(packet, ether):
                    pointers[batch.count] = packet
                    batch.count += 1
            if batch.count:
                port_push(&self.outputs[0], &batch)

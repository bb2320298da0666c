"""Neighbours: IPv4 addresses with their Ethernet addresses, and the packets that wait for one (RFC 826; RFC 1122).

A hash table of a bounded number of places, over two lists by age, of what is asked for and of what is known. A full
table gives up what was not used for longest, found as a clock's hand finds pages. Packets that wait for an address are
bounded for each and in all; those that wait in vain are dropped as `no-neighbour`.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from netos.element cimport Element
from netos.kernel.timer cimport timer_cancel, timer_schedule, timer_scheduled
from netos.packet cimport DROP_NO_BUFFER, DROP_NO_NEIGHBOUR, Descriptor

cdef enum:
    FIRST_SIZE = 64


cdef bint neighbours_init(Neighbours *table, uint32_t seed) noexcept nogil:
    """Make an empty table; 0 when there is no memory."""
    cdef int state
    memset(table, 0, sizeof(Neighbours))
    table.seed = seed | 1
    table.free = table.packets_free = NOBODY
    for state in range(3):
        table.ages[state].oldest = table.ages[state].youngest = NOBODY
    return resize(table, FIRST_SIZE)


cdef void neighbours_free(Neighbours *table) noexcept nogil:
    """Free the memory of a table that was cleared."""
    free(table.places)
    free(table.buckets)
    free(table.packets)


cdef void neighbours_limit(Neighbours *table, Element element, Limits limits) noexcept nogil:
    """Set the limits; what is too much is given up."""
    table.limits = limits
    while table.count > limits.entries:
        give_up(table, element)
    if limits.packets and table.packets_count > limits.packets:
        slim(table, element)
    if table.timer != NULL:
        timer_cancel(table.timer)
        arm(table)


# Places, and the lists by age

cdef void age_remove(Neighbours *table, Neighbour *neighbour) noexcept nogil:
    cdef Ages *ages = &table.ages[neighbour.state]
    if neighbour.older == <uint32_t>NOBODY:
        ages.oldest = neighbour.younger
    else:
        table.places[neighbour.older].younger = neighbour.younger
    if neighbour.younger == <uint32_t>NOBODY:
        ages.youngest = neighbour.older
    else:
        table.places[neighbour.younger].older = neighbour.older


cdef void age_append(Neighbours *table, Neighbour *neighbour, uint8_t state, int64_t now) noexcept nogil:
    """Make the neighbour the youngest of a state, and have it expire in its time."""
    cdef Ages *ages = &table.ages[state]
    cdef uint32_t at = <uint32_t>(neighbour - table.places)
    neighbour.state = state
    neighbour.since = now
    neighbour.older = ages.youngest
    neighbour.younger = NOBODY
    if ages.youngest == <uint32_t>NOBODY:
        ages.oldest = at
    else:
        table.places[ages.youngest].younger = at
    ages.youngest = at
    arm(table)


cdef void arm(Neighbours *table) noexcept nogil:
    """Set the timer to the first expiry, unless it is set to an earlier one already."""
    cdef int64_t when = NEVER
    cdef uint32_t oldest
    cdef int state
    if table.timer == NULL or table.limits.timeout == <int64_t>NEVER or timer_scheduled(table.timer):
        return
    for state in range(ASKED, KNOWN + 1):
        oldest = table.ages[state].oldest
        if oldest != <uint32_t>NOBODY:
            when = min(when, table.places[oldest].since + table.limits.timeout)
    if when != <int64_t>NEVER:
        timer_schedule(table.timer, when)


cdef bint resize(Neighbours *table, uint32_t size) noexcept nogil:
    """Have `size` places, a power of two and more than before; 0, and nothing done, when there is no memory."""
    cdef uint32_t *buckets = <uint32_t *>malloc(size * sizeof(uint32_t))
    cdef Neighbour *places
    cdef uint32_t at, bucket
    if buckets == NULL:
        return 0
    places = <Neighbour *>realloc(table.places, size * sizeof(Neighbour))
    if places == NULL:
        free(buckets)
        return 0
    free(table.buckets)
    table.places = places
    table.buckets = buckets
    memset(buckets, 0xff, size * sizeof(uint32_t))
    memset(places + table.size, 0, (size - table.size) * sizeof(Neighbour))
    table.shift = 32
    while <uint32_t>1 << (32 - table.shift) < size:
        table.shift -= 1
    for at in range(table.size, size):
        places[at].chain = at + 1 if at + 1 < size else table.free
    table.free = table.size
    for at in range(table.size):
        if places[at].state != FREE:
            bucket = (places[at].address * table.seed) >> table.shift
            places[at].chain = buckets[bucket]
            buckets[bucket] = at
    table.size = size
    return 1


cdef Neighbour *neighbour_ensure(Neighbours *table, Element element, uint32_t address, int64_t now) noexcept nogil:
    """The neighbour, asked for from now on if it is new; NULL when there is no memory."""
    cdef Neighbour *neighbour = neighbour_find(table, address)
    cdef uint32_t at, bucket
    if neighbour != NULL:
        return neighbour
    while table.count >= table.limits.entries:
        give_up(table, element)
    if table.free == <uint32_t>NOBODY and not resize(table, 2 * table.size):
        return NULL
    at = table.free
    neighbour = &table.places[at]
    table.free = neighbour.chain
    bucket = (address * table.seed) >> table.shift
    neighbour.address = address
    neighbour.chain = table.buckets[bucket]
    table.buckets[bucket] = at
    neighbour.used = 0
    neighbour.asked = now - ASK_INTERVAL
    neighbour.first = neighbour.last = NOBODY
    neighbour.waiting = 0
    table.count += 1
    age_append(table, neighbour, ASKED, now)
    return neighbour


cdef void give_up(Neighbours *table, Element element) noexcept nogil:
    """Make a place free: the first that was not used since the hand was there before."""
    cdef Neighbour *neighbour
    while True:
        neighbour = &table.places[table.hand]
        table.hand = (table.hand + 1) % table.size
        if neighbour.state != FREE and not neighbour.used:
            neighbour_forget(table, element, neighbour, DROP_NO_NEIGHBOUR)
            return
        neighbour.used = 0


cdef void neighbour_forget(Neighbours *table, Element element, Neighbour *neighbour, int reason) noexcept nogil:
    """Take the neighbour out of the table; its packets are dropped."""
    cdef uint32_t at = <uint32_t>(neighbour - table.places)
    cdef uint32_t *link = &table.buckets[(neighbour.address * table.seed) >> table.shift]
    while neighbour.waiting:
        drop_first(table, element, neighbour, reason)
    while link[0] != at:
        link = &table.places[link[0]].chain
    link[0] = neighbour.chain
    age_remove(table, neighbour)
    neighbour.state = FREE
    neighbour.chain = table.free
    table.free = at
    table.count -= 1


cdef void neighbours_expire(Neighbours *table, Element element, int64_t now) noexcept nogil:
    """Forget what is too old, and set the timer to what comes next."""
    cdef uint32_t oldest
    cdef int state
    if table.limits.timeout == <int64_t>NEVER:
        return
    for state in range(ASKED, KNOWN + 1):
        oldest = table.ages[state].oldest
        while oldest != <uint32_t>NOBODY and now - table.places[oldest].since >= table.limits.timeout:
            neighbour_forget(table, element, &table.places[oldest], DROP_NO_NEIGHBOUR)
            oldest = table.ages[state].oldest
    arm(table)


cdef void neighbours_clear(Neighbours *table, Element element, int reason) noexcept nogil:
    """Forget everybody."""
    cdef int state
    for state in range(ASKED, KNOWN + 1):
        while table.ages[state].oldest != <uint32_t>NOBODY:
            neighbour_forget(table, element, &table.places[table.ages[state].oldest], reason)
    if table.timer != NULL:
        timer_cancel(table.timer)


# Packets that wait

cdef void drop_first(Neighbours *table, Element element, Neighbour *neighbour, int reason) noexcept nogil:
    cdef Descriptor *packet = waiting_take(table, &neighbour.first)
    neighbour.waiting -= 1
    if neighbour.waiting == 0:
        neighbour.last = NOBODY
    table.drops += 1
    element.drop(packet, reason)


cdef bint packets_room(Neighbours *table) noexcept nogil:
    """Room for one more packet; 0 when there is no memory."""
    cdef uint32_t at, size = max(2 * table.packets_size, <uint32_t>FIRST_SIZE)
    cdef Waiting *packets
    if table.packets_free != <uint32_t>NOBODY:
        return 1
    packets = <Waiting *>realloc(table.packets, size * sizeof(Waiting))
    if packets == NULL:
        return 0
    for at in range(table.packets_size, size):
        packets[at].next = at + 1 if at + 1 < size else <uint32_t>NOBODY
    table.packets = packets
    table.packets_free = table.packets_size
    table.packets_size = size
    return 1


cdef void slim(Neighbours *table, Element element) noexcept nogil:
    """Drop packets, of those asked for longest ago first, until 1/CAPACITY_SLIM_FACTOR of the capacity is used."""
    cdef uint32_t goal = min(table.limits.packets // table.limits.slim_factor, table.limits.packets - 1)
    cdef uint32_t at = table.ages[ASKED].oldest
    while at != <uint32_t>NOBODY and table.packets_count > goal:
        while table.places[at].waiting and table.packets_count > goal:
            drop_first(table, element, &table.places[at], DROP_NO_NEIGHBOUR)
        at = table.places[at].younger


cdef bint neighbour_wait(Neighbours *table, Element element, uint32_t address, Descriptor *packet,
                         int64_t now) noexcept nogil:
    """Keep the packet until its neighbour is known; return whether a query for it should be sent now."""
    cdef Neighbour *neighbour = neighbour_ensure(table, element, address, now)
    cdef uint32_t at
    if neighbour == NULL or not packets_room(table):
        element.drop(packet, DROP_NO_BUFFER)
        return 0
    if neighbour.state == KNOWN:        # too old, and about to be forgotten
        age_remove(table, neighbour)
        age_append(table, neighbour, ASKED, now)
    if table.limits.entry_packets and neighbour.waiting >= table.limits.entry_packets:
        drop_first(table, element, neighbour, DROP_NO_NEIGHBOUR)
    if table.limits.packets and table.packets_count >= table.limits.packets:
        slim(table, element)
    at = table.packets_free
    table.packets_free = table.packets[at].next
    table.packets[at].packet = packet
    table.packets[at].next = NOBODY
    if neighbour.last == <uint32_t>NOBODY:
        neighbour.first = at
    else:
        table.packets[neighbour.last].next = at
    neighbour.last = at
    neighbour.waiting += 1
    table.packets_count += 1
    return neighbour_ask(neighbour, now)


cdef uint32_t neighbour_learn(Neighbours *table, Neighbour *neighbour, const uint8_t *ether,
                              int64_t now) noexcept nogil:
    """The neighbour answers at `ether`. Return the chain of packets that waited; take them all with waiting_take."""
    cdef uint32_t chain = neighbour.first
    memcpy(neighbour.ether, ether, 6)
    neighbour.first = neighbour.last = NOBODY
    neighbour.waiting = 0
    neighbour.used = 1
    age_remove(table, neighbour)
    age_append(table, neighbour, KNOWN, now)
    return chain


cdef Descriptor *waiting_take(Neighbours *table, uint32_t *chain) noexcept nogil:
    """Take the first packet of a chain; NULL at its end."""
    cdef uint32_t at = chain[0]
    if at == <uint32_t>NOBODY:
        return NULL
    chain[0] = table.packets[at].next
    table.packets[at].next = table.packets_free
    table.packets_free = at
    table.packets_count -= 1
    return table.packets[at].packet

"""Neighbours: who has which address on a link, asked for by ARP (RFC 826, RFC 1122 section 2.3.2, RFC 5227).

An entry is made only for whom we want to reach or who asks us. A question is asked three times, a second apart, with
three packets waiting; an answer is believed for half a minute of use, then asked for again while it is still used:
twice of the neighbour itself, then of all. When the table is full those whom we have never sent to make way, then the
oldest questions, then whom we have not sent to for longest: a flood does not push out who is talked to.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from netos.packet cimport HEADROOM, Descriptor, packet_consume, packet_create
from netos.proto.arp cimport (
    ARP_AT_SENDER_HARDWARE, ARP_LENGTH, ARP_REPLY, ARP_REQUEST, arp_is_ethernet_ip, arp_operation, arp_sender,
    arp_target, arp_write,
)
from netos.proto.deadlines cimport Deadline, deadline_clear, deadline_init, deadline_set
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH, ETHERTYPE_ARP, ETHERTYPE_IP, ether_is_group, ether_is_zero
from netos.proto.host cimport (
    ARP_BAD, ARP_CONFLICTS, ARP_RECEIVED, ARP_REPLIES_SENT, ARP_REQUESTS_SENT, ARP_TABLE_FULL, INTERFACES_MAX,
    IP_NO_BUFFER, IP_NO_NEIGHBOUR, NEIGHBOURS_MAX, NEIGHBOUR_FAILED, NEIGHBOUR_FREE, NEIGHBOUR_INCOMPLETE,
    NEIGHBOUR_PROBING, NEIGHBOUR_QUEUE, NEIGHBOUR_REACHABLE, Host, Interface, Neighbour, choose_source, host_drop,
    host_is_broadcast, interface_put,
)
from netos.proto.inet cimport Address, address_equal, address_ipv4, address_number
from netos.proto.ipv4 cimport ip_is_loopback, ip_is_multicast, ip_is_reserved
from netos.proto.siphash cimport siphash_words
from netos.wire cimport store_be16, store_be32

cdef enum:
    TRIES = 3

cdef int64_t SECOND = 1000000000
cdef int64_t BELIEVED = 30 * SECOND
cdef int64_t FAILED_LIFE = 3 * SECOND           # for so long nobody asks again
cdef int64_t UNUSED_LIFE = 300 * SECOND
cdef int64_t DEFEND_INTERVAL = 10 * SECOND      # RFC 5227 section 1.1, as the next
cdef int64_t ANNOUNCE_INTERVAL = 2 * SECOND


cdef void frame(Interface *interface, const uint8_t *destination, uint16_t ether_type,
                Descriptor *packet) noexcept nogil:
    """Put an Ethernet header in front."""
    packet.data -= ETHER_HEADER_LENGTH
    packet.length += ETHER_HEADER_LENGTH
    packet.header_length += ETHER_HEADER_LENGTH
    memcpy(packet.data, destination, 6)
    memcpy(packet.data + 6, interface.ether, 6)
    store_be16(packet.data + 12, ether_type)


cdef void send_framed(Host *host, Interface *interface, const uint8_t *destination, Descriptor *packet) noexcept nogil:
    frame(interface, destination, ETHERTYPE_IP, packet)
    interface_put(host, interface, packet)


cdef uint32_t bucket_of(Host *host, const Address *address) noexcept nogil:
    return <uint32_t>siphash_words(host.secret, address.words, 2) & 255


cdef Neighbour *find(Host *host, Interface *interface, const Address *address) noexcept nogil:
    cdef Neighbour *found = host.neighbours[bucket_of(host, address)]
    while found != NULL and not (found.interface == interface.number and address_equal(&found.address, address)):
        found = found.next
    return found


cdef void forget(Neighbour *neighbour, int count) noexcept nogil:
    """Free an entry; what waits in it comes to its end, counted as `count`, and nobody is told."""
    cdef Host *host = neighbour.host
    cdef Neighbour **at = &host.neighbours[bucket_of(host, &neighbour.address)]
    drop_waiting(neighbour, count, 0)
    while at[0] != neighbour:
        at = &at[0].next
    at[0] = neighbour.next
    deadline_clear(&host.deadlines, &neighbour.timer)
    neighbour.state = NEIGHBOUR_FREE
    host.neighbours_used -= 1


cdef void drop_waiting(Neighbour *neighbour, int count, bint tell) noexcept nogil:
    """The packets that wait come to their end, counted as `count`; their senders are told that nobody is there."""
    cdef Host *host = neighbour.host
    cdef uint32_t i, waiting = neighbour.waiting_count
    neighbour.waiting_count = 0
    for i in range(waiting):
        if tell and host.unreachable != NULL:
            host.unreachable(host, neighbour.waiting[i])
        host_drop(host, neighbour.waiting[i], count)


cdef int worth(const Neighbour *neighbour) noexcept nogil:
    """How much is lost with an entry."""
    if neighbour.state == NEIGHBOUR_FREE:
        return 0
    if neighbour.state == NEIGHBOUR_FAILED or not neighbour.used:
        return 1
    return 2 if neighbour.state == NEIGHBOUR_INCOMPLETE else 3


cdef Neighbour *make(Host *host, Interface *interface, const Address *address) noexcept nogil:
    """A new entry; when all are taken, in the place of one that is worth least, the least recently used of those."""
    cdef Neighbour *chosen = host.neighbour_slab
    cdef Neighbour *other
    cdef uint32_t i, bucket
    for i in range(1, NEIGHBOURS_MAX):
        other = &host.neighbour_slab[i]
        if worth(other) < worth(chosen) or worth(other) == worth(chosen) and other.used_at < chosen.used_at:
            chosen = other
        if chosen.state == NEIGHBOUR_FREE:
            break
    if chosen.state != NEIGHBOUR_FREE:
        forget(chosen, ARP_TABLE_FULL)
    memset(chosen, 0, sizeof(Neighbour))
    chosen.host = host
    chosen.address = address[0]
    chosen.interface = interface.number
    chosen.used_at = host.now
    deadline_init(&chosen.timer, expire, chosen)
    bucket = bucket_of(host, address)
    chosen.next = host.neighbours[bucket]
    host.neighbours[bucket] = chosen
    host.neighbours_used += 1
    return chosen


cdef void ask(Host *host, Interface *interface, uint32_t sender, uint32_t target, const uint8_t *whom) noexcept nogil:
    """Send a request, to everybody (whom NULL) or to one who should still have the address."""
    cdef uint8_t everybody[6]
    cdef Descriptor *packet = packet_create(host.vcpu, HEADROOM, ARP_LENGTH)
    if packet == NULL:
        host.counts[IP_NO_BUFFER] += 1
        return
    memset(everybody, 0xFF, 6)
    arp_write(packet.data, ARP_REQUEST, interface.ether, sender, NULL, target)
    if whom == NULL:
        whom = everybody
    frame(interface, whom, ETHERTYPE_ARP, packet)
    host.counts[ARP_REQUESTS_SENT] += 1
    interface_put(host, interface, packet)


cdef void ask_for(Neighbour *neighbour) noexcept nogil:
    cdef Host *host = neighbour.host
    cdef Interface *interface = &host.interfaces[neighbour.interface]
    cdef const uint8_t *whom = NULL
    cdef Address sender
    choose_source(interface, address_number(&neighbour.address), &sender)
    if neighbour.state == NEIGHBOUR_PROBING and neighbour.tries < TRIES - 1:
        whom = neighbour.ether                          # the last time all are asked: another may have the address now
    ask(host, interface, address_number(&sender), address_number(&neighbour.address), whom)
    neighbour.tries += 1
    deadline_set(&host.deadlines, &neighbour.timer, host.now + SECOND)


cdef void expire(Deadline *deadline) noexcept nogil:
    cdef Neighbour *neighbour = <Neighbour *>deadline.object
    cdef Host *host = neighbour.host
    if neighbour.state == NEIGHBOUR_INCOMPLETE or neighbour.state == NEIGHBOUR_PROBING:
        if neighbour.tries < TRIES:
            ask_for(neighbour)
            return
        neighbour.state = NEIGHBOUR_FAILED
        drop_waiting(neighbour, IP_NO_NEIGHBOUR, 1)
        deadline_set(&host.deadlines, &neighbour.timer, host.now + FAILED_LIFE)
    elif neighbour.state == NEIGHBOUR_REACHABLE and host.now - neighbour.used_at < UNUSED_LIFE:
        deadline_set(&host.deadlines, &neighbour.timer, neighbour.used_at + UNUSED_LIFE)
    else:
        forget(neighbour, IP_NO_NEIGHBOUR)


cdef void neighbour_send(Host *host, Interface *interface, const Address *hop, Descriptor *packet) noexcept nogil:
    """Send an IP packet to a neighbour, at once or when its address is known. It is given away."""
    cdef uint8_t group[6]
    cdef uint32_t address = address_number(hop)
    cdef Neighbour *neighbour
    if not interface.framed:
        interface_put(host, interface, packet)
        return
    if host_is_broadcast(host, address):
        memset(group, 0xFF, 6)
        send_framed(host, interface, group, packet)
        return
    if ip_is_multicast(address):                        # RFC 1112 section 6.4
        group[0], group[1] = 0x01, 0x00
        store_be32(group + 2, <uint32_t>0x5E000000 | (address & 0x7FFFFF))
        send_framed(host, interface, group, packet)
        return
    neighbour = find(host, interface, hop)
    if neighbour == NULL:
        neighbour = make(host, interface, hop)
        neighbour.state = NEIGHBOUR_INCOMPLETE
        ask_for(neighbour)
    neighbour.used = 1
    neighbour.used_at = host.now
    if neighbour.state == NEIGHBOUR_REACHABLE and host.now - neighbour.confirmed_at > BELIEVED:
        neighbour.state = NEIGHBOUR_PROBING
        neighbour.tries = 0
        ask_for(neighbour)
    if neighbour.state == NEIGHBOUR_REACHABLE or neighbour.state == NEIGHBOUR_PROBING:
        send_framed(host, interface, neighbour.ether, packet)
        return
    if neighbour.state == NEIGHBOUR_FAILED:
        if host.unreachable != NULL:
            host.unreachable(host, packet)
    elif neighbour.waiting_count < NEIGHBOUR_QUEUE:
        neighbour.waiting[neighbour.waiting_count] = packet
        neighbour.waiting_count += 1
        return
    else:
        # The newest stays (RFC 1122 section 2.3.2.2).
        packet, neighbour.waiting[NEIGHBOUR_QUEUE - 1] = neighbour.waiting[NEIGHBOUR_QUEUE - 1], packet
    host_drop(host, packet, IP_NO_NEIGHBOUR)


cdef void neighbour_doubt(Host *host, Interface *interface, const Address *hop) noexcept nogil:
    """Nothing has come back by way of this neighbour: ask whether it is still there (RFC 1122 section 3.3.1.4)."""
    cdef Neighbour *neighbour = find(host, interface, hop)
    if neighbour != NULL and neighbour.state == NEIGHBOUR_REACHABLE:
        neighbour.confirmed_at = host.now - BELIEVED - 1


cdef void confirm(Neighbour *neighbour, const uint8_t *ether) noexcept nogil:
    """The neighbour has told its address: send what waits."""
    cdef Host *host = neighbour.host
    cdef uint32_t i, count = neighbour.waiting_count
    memcpy(neighbour.ether, ether, 6)
    neighbour.state = NEIGHBOUR_REACHABLE
    neighbour.tries = 0
    neighbour.wanted = 0
    neighbour.confirmed_at = host.now
    neighbour.waiting_count = 0
    deadline_set(&host.deadlines, &neighbour.timer, host.now + UNUSED_LIFE)
    for i in range(count):
        send_framed(host, &host.interfaces[neighbour.interface], neighbour.ether, neighbour.waiting[i])


cdef bint is_host(Host *host, uint32_t address) noexcept nogil:
    """Whether a single host may have an address."""
    return not (address >> 24 == 0 or ip_is_loopback(address) or ip_is_multicast(address) or ip_is_reserved(address)
                or host_is_broadcast(host, address))


cdef void arp_input(Host *host, Interface *interface, Descriptor *packet) noexcept nogil:
    """An ARP packet, at packet.data; it is given away."""
    cdef const uint8_t *arp = packet.data
    cdef const uint8_t *hardware = arp + ARP_AT_SENDER_HARDWARE
    cdef uint32_t sender, target, k
    cdef Address address
    cdef Neighbour *neighbour
    cdef bint ours = 0
    host.counts[ARP_RECEIVED] += 1
    if packet.length < ARP_LENGTH or not arp_is_ethernet_ip(arp) or ether_is_group(hardware) or (
            ether_is_zero(hardware) or arp_operation(arp) != ARP_REQUEST and arp_operation(arp) != ARP_REPLY):
        host_drop(host, packet, ARP_BAD)
        return
    sender, target = arp_sender(arp), arp_target(arp)
    for k in range(interface.address_count):
        if address_number(&interface.addresses[k].address) == target:
            ours = 1
        if (address_number(&interface.addresses[k].address) == sender and memcmp(hardware, interface.ether, 6) != 0):
            # Somebody else has our address: defend it (RFC 5227 section 2.4).
            if (interface.addresses[k].defended_at == 0
                    or host.now - interface.addresses[k].defended_at >= DEFEND_INTERVAL):
                interface.addresses[k].defended_at = host.now
                ask(host, interface, sender, sender, NULL)
            host_drop(host, packet, ARP_CONFLICTS)
            return
    if memcmp(hardware, interface.ether, 6) != 0 and (sender == 0 or is_host(host, sender)):
        address = address_ipv4(sender if sender else target)
        neighbour = find(host, interface, &address)
        if neighbour == NULL and sender and ours and arp_operation(arp) == ARP_REQUEST:
            neighbour = make(host, interface, &address)
        if neighbour != NULL and (sender or neighbour.wanted):      # who probes what we probe has it (RFC 5227 2.1.1)
            confirm(neighbour, hardware)
    if ours and arp_operation(arp) == ARP_REQUEST:
        reply(host, interface, hardware, sender, target)
    packet_consume(host.vcpu, packet)


cdef void reply(Host *host, Interface *interface, const uint8_t *whom, uint32_t asker, uint32_t ours) noexcept nogil:
    """Answer a request, also a probe, whose sender has no address yet."""
    cdef Descriptor *packet = packet_create(host.vcpu, HEADROOM, ARP_LENGTH)
    if packet == NULL:
        host.counts[IP_NO_BUFFER] += 1
        return
    arp_write(packet.data, ARP_REPLY, interface.ether, ours, whom, asker)
    frame(interface, whom, ETHERTYPE_ARP, packet)
    host.counts[ARP_REPLIES_SENT] += 1
    interface_put(host, interface, packet)


cdef void neighbours_init(Host *host) noexcept nogil:
    """Have interfaces that announce nothing yet."""
    cdef uint32_t i
    for i in range(INTERFACES_MAX):
        host.interfaces[i].host = host
        deadline_init(&host.interfaces[i].announcing, announce_again, &host.interfaces[i])


cdef void arp_announce(Interface *interface, uint32_t which) noexcept nogil:
    """Tell the link that we have an address, and again in two seconds, if it is ours then (RFC 5227 section 2.3)."""
    cdef uint32_t address = address_number(&interface.addresses[which].address)
    ask(interface.host, interface, address, address, NULL)
    interface.addresses[which].announce_at = interface.host.now + ANNOUNCE_INTERVAL
    arp_announce_later(interface)


cdef void arp_announce_later(Interface *interface) noexcept nogil:
    """Have the addresses that an interface has now announced again when each is due."""
    cdef int64_t first = 0, due
    cdef uint32_t k
    for k in range(interface.address_count):
        due = interface.addresses[k].announce_at
        if due and (first == 0 or due < first):
            first = due
    if first:
        deadline_set(&interface.host.deadlines, &interface.announcing, first)
    else:
        deadline_clear(&interface.host.deadlines, &interface.announcing)


cdef void announce_again(Deadline *deadline) noexcept nogil:
    cdef Interface *interface = <Interface *>deadline.object
    cdef uint32_t k, address
    for k in range(interface.address_count):
        if interface.addresses[k].announce_at and interface.addresses[k].announce_at <= interface.host.now:
            interface.addresses[k].announce_at = 0
            address = address_number(&interface.addresses[k].address)
            ask(interface.host, interface, address, address, NULL)
    arp_announce_later(interface)


cdef void neighbour_probe(Host *host, Interface *interface, const Address *address) noexcept nogil:
    """Ask whether anybody has an address that is to be ours (RFC 5227 section 2.1.1)."""
    cdef Neighbour *neighbour = find(host, interface, address)
    if neighbour != NULL:
        forget(neighbour, IP_NO_NEIGHBOUR)
    neighbour = make(host, interface, address)
    neighbour.state = NEIGHBOUR_INCOMPLETE
    neighbour.used = neighbour.wanted = 1
    neighbour.tries = TRIES                             # it asks once; who wants to ask again probes again
    deadline_set(&host.deadlines, &neighbour.timer, host.now + SECOND)
    ask(host, interface, 0, address_number(address), NULL)


cdef bint neighbour_answered(Host *host, Interface *interface, const Address *address) noexcept nogil:
    """Whether somebody is known to have an address."""
    cdef Neighbour *neighbour = find(host, interface, address)
    return neighbour != NULL and (neighbour.state == NEIGHBOUR_REACHABLE or neighbour.state == NEIGHBOUR_PROBING)


cdef void neighbours_free(Host *host) noexcept nogil:
    """Forget all, with the packets that wait."""
    cdef uint32_t i
    if host.neighbour_slab == NULL:                     # there was no memory for a host
        return
    for i in range(NEIGHBOURS_MAX):
        if host.neighbour_slab[i].state != NEIGHBOUR_FREE:
            forget(&host.neighbour_slab[i], IP_NO_NEIGHBOUR)


cdef void neighbours_forget(Host *host, Interface *interface) noexcept nogil:
    """Forget those on a link, with the packets that wait for them."""
    cdef uint32_t i
    for i in range(NEIGHBOURS_MAX):
        if host.neighbour_slab[i].state != NEIGHBOUR_FREE and host.neighbour_slab[i].interface == interface.number:
            forget(&host.neighbour_slab[i], IP_NO_NEIGHBOUR)

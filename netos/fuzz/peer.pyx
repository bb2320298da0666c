"""The scripted peer of a fuzzed host: keeps connections open and speaks where the host's windows are.

It reads what the host sends to know what was acknowledged, answers ARP and SYNs, and opens a new connection where the
fuzz has killed one. It knows nothing that a peer could not know.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from netos.fuzz.chance cimport Chance, below, draw, one_in
from netos.fuzz.frame cimport ETHER, Parts, mend, parts_find
from netos.wire cimport load_be16, load_be32, store_be16, store_be32

cdef enum:
    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16
    TIMESTAMPS = 1
    SACK = 2
    SCALE = 4
    PATIENCE = 300              # segments without an answer, then the connection is given up
    PORT_FIRST = 10000

cdef const char *HEADER = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0"       # to the host, from the peer
cdef uint16_t[8] SIZES = [0, 1, 2, 16, 100, 536, 1000, 1448]


cdef void peer_init(Peer *peer, Chance *chance) noexcept nogil:
    cdef uint32_t i
    memset(peer, 0, sizeof(Peer))
    peer.chance = chance
    peer.next_port = PORT_FIRST
    for i in range(SLOTS):
        peer.slots[i].options = <uint8_t>(i & 7)


cdef uint32_t segment(uint8_t *frame, Slot *slot, uint8_t flags, uint32_t clock, uint32_t payload) noexcept nogil:
    """A segment with the right endpoints and options; `payload` bytes are left as they are."""
    cdef uint8_t *ip = frame + ETHER
    cdef uint8_t *tcp = ip + 20
    cdef uint32_t at = 20
    memcpy(frame, HEADER, ETHER)
    memset(ip, 0, 40)
    ip[0], ip[8], ip[9] = 0x45, 64, 6
    store_be32(ip + 12, PEER)
    store_be32(ip + 16, HOST)
    store_be16(tcp, slot.port)
    store_be16(tcp + 2, slot.host_port)
    store_be32(tcp + 4, slot.sequence)
    store_be32(tcp + 8, slot.acknowledgment if flags & ACK else 0)
    tcp[13] = flags
    store_be16(tcp + 14, 0x4000)
    if flags & SYN:
        store_be32(tcp + at, 0x020405B4)
        at += 4
        if slot.options & SACK:
            store_be32(tcp + at, 0x01010402)
            at += 4
        if slot.options & SCALE:
            store_be32(tcp + at, 0x01030303)
            at += 4
    if slot.options & TIMESTAMPS and not flags & RST:
        store_be32(tcp + at, 0x0101080A)
        store_be32(tcp + at + 4, clock)
        store_be32(tcp + at + 8, slot.echo)
        at += 12
    tcp[12] = <uint8_t>(at // 4 << 4)
    mend(frame, ETHER + 20 + at + payload, 1)
    return ETHER + 20 + at + payload


cdef uint32_t peer_open(Peer *peer, Slot *slot, uint32_t clock, uint8_t *frame) noexcept nogil:
    """The SYN of a new connection."""
    cdef uint32_t number = <uint32_t>(slot - peer.slots)
    slot.state, slot.finished, slot.unheard = OPENING, 0, 0
    slot.port = peer.next_port
    peer.next_port = peer.next_port + 1 if peer.next_port < 65000 else <uint16_t>PORT_FIRST
    slot.host_port = <uint16_t>(SERVICE_PORT + number % SERVICES)
    slot.sequence = <uint32_t>draw(peer.chance) if not one_in(peer.chance, 4) else 0xFFFFFF00U + below(peer.chance, 256)
    slot.echo = 0
    return segment(frame, slot, SYN, clock, 0)


cdef Slot *find(Peer *peer, uint16_t port, uint16_t host_port) noexcept nogil:
    cdef uint32_t i
    for i in range(SLOTS):
        if peer.slots[i].state != IDLE and peer.slots[i].port == port and peer.slots[i].host_port == host_port:
            return &peer.slots[i]
    return NULL


cdef uint32_t answer_arp(const uint8_t *frame, uint32_t length, uint8_t *answer) noexcept nogil:
    """Whoever of the subnet is asked for, it is us."""
    cdef uint32_t wanted
    if length < ETHER + 28 or load_be16(frame + ETHER + 6) != 1:
        return 0
    wanted = load_be32(frame + ETHER + 24)
    if wanted == HOST:
        return 0
    memcpy(answer, HEADER, ETHER)
    answer[13] = 6
    memcpy(answer + ETHER, frame + ETHER, 8)
    answer[ETHER + 7] = 2
    memcpy(answer + ETHER + 8, HEADER + 6, 6)
    store_be32(answer + ETHER + 14, wanted)
    memcpy(answer + ETHER + 18, frame + ETHER + 8, 10)
    return ETHER + 28


cdef void read_echo(Slot *slot, const uint8_t *tcp, uint32_t header) noexcept nogil:
    """Remember the host's time stamp, which is where Linux has it, too, or behind other options."""
    cdef uint32_t at = 20
    while at + 1 < header and tcp[at] != 0:
        if tcp[at] == 1:
            at += 1
            continue
        if tcp[at] == 8 and at + 10 <= header:
            slot.echo = load_be32(tcp + at + 2)
            return
        at += max(tcp[at + 1], 2)


cdef uint32_t called(Peer *peer, const uint8_t *tcp, uint32_t header, uint32_t clock, uint8_t *answer) noexcept nogil:
    """A SYN of the host's: the oldest connection of its kind makes way."""
    cdef Slot *slot = find(peer, CALLED_PORT, load_be16(tcp))
    if slot == NULL:
        slot = &peer.slots[SLOTS - CALLED + peer.next_called % CALLED]
        peer.next_called += 1
    slot.state, slot.finished, slot.unheard = OPEN, 0, 0
    slot.port, slot.host_port = CALLED_PORT, load_be16(tcp)
    slot.sequence = <uint32_t>draw(peer.chance)
    slot.acknowledgment = load_be32(tcp + 4) + 1
    read_echo(slot, tcp, header)
    peer.opened += 1
    segment(answer, slot, SYN | ACK, clock, 0)
    slot.sequence += 1
    return ETHER + load_be16(answer + ETHER + 2)


cdef uint32_t peer_hear(Peer *peer, const uint8_t *frame, uint32_t length, uint32_t clock,
                        uint8_t *answer) noexcept nogil:
    """What the host has sent; the length of an answer that has to be given at once, 0: none."""
    cdef Parts parts
    cdef const uint8_t *tcp
    cdef Slot *slot
    cdef uint32_t header, sequence, size
    if length >= ETHER and load_be16(frame + 12) == 0x0806:
        return answer_arp(frame, length, answer)
    parts_find(&parts, frame, length)
    if parts.protocol != 6 or parts.transport == 0 or parts.end < parts.transport + 20:
        return 0
    tcp = frame + parts.transport
    header = (tcp[12] >> 4) * 4
    if header < 20 or parts.transport + header > parts.end:
        return 0
    if load_be16(tcp + 2) == CALLED_PORT and tcp[13] & (SYN | ACK) == SYN:
        return called(peer, tcp, header, clock, answer)
    slot = find(peer, load_be16(tcp + 2), load_be16(tcp))
    if slot == NULL:
        return 0
    if tcp[13] & RST:
        slot.state = IDLE
        return 0
    slot.unheard = 0
    read_echo(slot, tcp, header)
    if tcp[13] & SYN:
        if slot.state != OPENING or not tcp[13] & ACK:
            return 0
        slot.state = OPEN
        slot.sequence = load_be32(tcp + 8)
        slot.acknowledgment = load_be32(tcp + 4) + 1
        peer.opened += 1
        return segment(answer, slot, ACK, clock, 0)
    if slot.state != OPEN:
        return 0
    if tcp[13] & ACK:
        slot.sequence = load_be32(tcp + 8)
    sequence, size = load_be32(tcp + 4), parts.end - parts.transport - header
    if sequence == slot.acknowledgment and not slot.finished and (
            peer.faithful or not size or not one_in(peer.chance, 8)):       # else it is lost
        slot.acknowledgment += size + (tcp[13] & FIN)
        slot.finished = tcp[13] & FIN
    return 0


cdef uint32_t peer_speak(Peer *peer, uint32_t clock, uint8_t *frame, bint *plain) noexcept nogil:
    """The next segment of some connection; `plain`: it opens or ends one, and is not to be mutated."""
    cdef Slot *slot = &peer.slots[below(peer.chance, SLOTS)]
    cdef uint32_t size
    cdef uint8_t flags = ACK
    if slot.state == IDLE and slot >= &peer.slots[SLOTS - CALLED]:
        slot = &peer.slots[below(peer.chance, SLOTS - CALLED)]
    plain[0] = not one_in(peer.chance, 16)
    slot.unheard += 1
    if slot.state == IDLE:
        return peer_open(peer, slot, clock, frame)
    if slot.unheard > (PATIENCE if slot.state == OPEN else 40):
        slot.state = IDLE
        return segment(frame, slot, RST, clock, 0)
    if slot.state == OPENING:
        return segment(frame, slot, SYN, clock, 0)
    plain[0] = 0
    size = SIZES[below(peer.chance, 8)] if one_in(peer.chance, 4) else below(peer.chance, 40)
    if one_in(peer.chance, 4):
        size = 0
    if size:
        flags |= PSH
    elif slot.finished or one_in(peer.chance, 200):
        flags |= FIN
    size = segment(frame, slot, flags, clock, size)
    if one_in(peer.chance, 32):                             # a window that is small, or closed
        store_be16(frame + ETHER + 34, <uint16_t>(below(peer.chance, 3000) * one_in(peer.chance, 2)))
        mend(frame, size, 0)
    return size


cdef uint32_t peer_flood(Peer *peer, uint32_t clock, uint8_t *frame) noexcept nogil:
    """A SYN that nobody will ever complete, or an ACK that pretends to complete one."""
    cdef Slot nobody
    memset(&nobody, 0, sizeof(Slot))
    nobody.options = <uint8_t>below(peer.chance, 8)
    nobody.port = <uint16_t>below(peer.chance, PORT_FIRST)
    nobody.host_port = <uint16_t>(SERVICE_PORT + below(peer.chance, SERVICES))
    nobody.sequence, nobody.acknowledgment = <uint32_t>draw(peer.chance), <uint32_t>draw(peer.chance)
    return segment(frame, &nobody, <uint8_t>(ACK if one_in(peer.chance, 8) else SYN), clock, 0)


cdef uint32_t peer_complain(Peer *peer, uint8_t *frame) noexcept nogil:
    """An ICMP error that quotes a segment of a connection, as a router or the peer would send it."""
    cdef Slot *slot = &peer.slots[below(peer.chance, SLOTS)]
    cdef uint8_t *icmp = frame + ETHER + 20
    cdef uint8_t *quoted = icmp + 8
    memcpy(frame, HEADER, ETHER)
    memset(frame + ETHER, 0, 56)
    frame[ETHER], frame[ETHER + 8], frame[ETHER + 9] = 0x45, 64, 1
    store_be32(frame + ETHER + 12, PEER)
    store_be32(frame + ETHER + 16, HOST)
    icmp[0], icmp[1] = 3, <uint8_t>(4 if one_in(peer.chance, 2) else below(peer.chance, 16))
    store_be16(icmp + 6, <uint16_t>(552 + below(peer.chance, 1000) if not one_in(peer.chance, 4)
                                    else <uint32_t>draw(peer.chance)))
    quoted[0], quoted[9] = 0x45, 6
    store_be16(quoted + 2, 1500)
    store_be32(quoted + 12, HOST)
    store_be32(quoted + 16, PEER)
    store_be16(quoted + 20, slot.host_port)
    store_be16(quoted + 22, slot.port)
    store_be32(quoted + 24, slot.acknowledgment - below(peer.chance, 3000))
    mend(frame, ETHER + 56, 1)
    return ETHER + 56


cdef uint32_t peer_syn(Slot *slot, uint32_t clock, uint8_t *frame) noexcept nogil:
    """The SYN of a connection that must work, to the service that echoes; the same whatever was drawn before."""
    slot.state, slot.finished, slot.unheard, slot.echo = OPENING, 0, 0, 0
    slot.port, slot.host_port, slot.sequence = 65100, SERVICE_PORT, 77777777
    return segment(frame, slot, SYN, clock, 0)


cdef uint32_t peer_write(Slot *slot, uint32_t clock, uint8_t *frame, uint32_t end) noexcept nogil:
    """What the host still lacks of the bytes up to `end`; an ACK when it has all."""
    return segment(frame, slot, ACK | PSH, clock, end - slot.sequence if end - slot.sequence <= 1000 else 0)

"""The other end of a fuzzed host's connections; see peer.pyx."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from netos.fuzz.chance cimport Chance

cdef enum:
    SLOTS = 32                  # connections at a time
    CALLED = 6                  # of them, those that the host opens
    SERVICES = 4                # ports the host listens at, from SERVICE_PORT on
    SERVICE_PORT = 80
    CALLED_PORT = 9000
    HOST = 0x0A000002
    PEER = 0x0A000001

cdef enum:                      # of a slot
    IDLE
    OPENING
    OPEN


cdef struct Slot:
    uint8_t state
    uint8_t options             # bits: timestamps, SACK, window scale
    bint finished               # the host's FIN has come
    uint16_t port               # ours
    uint16_t host_port
    uint32_t sequence           # what the host expects next, as far as it has told
    uint32_t acknowledgment     # what we expect next
    uint32_t echo               # the host's last time stamp
    uint32_t unheard            # segments since it last said something


cdef struct Peer:
    Chance *chance
    Slot slots[SLOTS]
    uint16_t next_port
    uint32_t next_called
    uint64_t opened
    bint faithful               # it loses nothing of what the host sends


cdef void peer_init(Peer *peer, Chance *chance) noexcept nogil
cdef uint32_t peer_hear(Peer *peer, const uint8_t *frame, uint32_t length, uint32_t clock,
                        uint8_t *answer) noexcept nogil
cdef uint32_t peer_speak(Peer *peer, uint32_t clock, uint8_t *frame, bint *plain) noexcept nogil
cdef uint32_t peer_flood(Peer *peer, uint32_t clock, uint8_t *frame) noexcept nogil
cdef uint32_t peer_complain(Peer *peer, uint8_t *frame) noexcept nogil
cdef uint32_t peer_syn(Slot *slot, uint32_t clock, uint8_t *frame) noexcept nogil
cdef uint32_t peer_write(Slot *slot, uint32_t clock, uint8_t *frame, uint32_t end) noexcept nogil

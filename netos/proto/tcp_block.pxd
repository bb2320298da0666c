"""What TCP keeps (RFC 9293 section 3.3.1): of a connection, of one half open, of one in TIME-WAIT, of all."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from netos.proto.deadlines cimport Deadline
from netos.proto.host cimport Host
from netos.proto.inet cimport Address
from netos.proto.ranges cimport Range, Ranges
from netos.proto.ring cimport Ring, RingPool
from netos.proto.slab cimport Slab


cdef enum:                      # states, RFC 9293 section 3.3.2
    CLOSED
    LISTEN
    SYN_SENT
    SYN_RECEIVED
    ESTABLISHED
    FIN_WAIT_1
    FIN_WAIT_2
    CLOSE_WAIT
    CLOSING
    LAST_ACK
    TIME_WAIT
    TCP_STATES

cdef enum:                      # what is found for a pair of endpoints
    KIND_BLOCK                  # a Tcb
    KIND_HALF_OPEN              # a HalfOpen: SYN-RECEIVED of a listener
    KIND_TIME_WAIT              # a TimeWait

cdef enum:                      # events for the user of a connection
    EVENT_CONNECTED = 1
    EVENT_READABLE = 2
    EVENT_WRITABLE = 4          # there is room in the send buffer again
    EVENT_FINISHED = 8          # the peer has sent its FIN
    EVENT_CLOSED = 16           # nothing more will happen; `error` says why
    EVENT_ACCEPTABLE = 32       # of a listener
    EVENT_URGENT = 64

cdef enum:                      # timers of a connection; of two that are due at once, the first goes first
    TIMER_TAIL                  # a tail loss probe (RFC 8985 section 7), before what it puts off
    TIMER_RETRANSMIT
    TIMER_PERSIST
    TIMER_DELAYED_ACK
    TIMER_KEEPALIVE
    TIMER_LINGER                # FIN-WAIT-2 without a user
    TCP_TIMERS

cdef enum:                      # the tail loss probe of a connection: `tail`
    TAIL_NONE
    TAIL_DUE                    # tcp_output is to send one
    TAIL_NEW                    # one is out, of data that was not sent before
    TAIL_AGAIN                  # one is out, of what was sent last

cdef enum:                      # what is counted (RFC 4022 where it has a name for it); names in tcp_table.pyx
    COUNT_ACTIVE_OPENS, COUNT_PASSIVE_OPENS, COUNT_ATTEMPT_FAILS, COUNT_ESTABLISHED_RESETS, COUNT_IN_SEGMENTS
    COUNT_OUT_SEGMENTS, COUNT_RETRANSMITTED, COUNT_IN_ERRORS, COUNT_OUT_RESETS, COUNT_BAD_CHECKSUM, COUNT_NO_LISTENER
    COUNT_OUT_OF_WINDOW, COUNT_CHALLENGE_ACKS, COUNT_PAWS, COUNT_OUT_OF_ORDER, COUNT_DUPLICATES, COUNT_TIMEOUTS
    COUNT_FAST_RETRANSMITS, COUNT_PROBES, COUNT_KEEPALIVES, COUNT_COOKIES_SENT, COUNT_COOKIES_TAKEN
    COUNT_COOKIES_REFUSED, COUNT_BACKLOG_FULL, COUNT_TIME_WAIT_REUSED, COUNT_TIME_WAIT_FULL, COUNT_NO_MEMORY
    COUNT_NO_BUFFER, COUNT_PATH_MTU, COUNT_ICMP_IGNORED, COUNT_ABANDONED, COUNT_TAIL_PROBES, COUNT_TAIL_REPAIRS
    COUNT_BLACK_HOLES, COUNT_PRUNED
    TCP_COUNTS

cdef enum:                      # flags of a connection: `bits`
    TCB_WINDOW_SCALING = 1
    TCB_TIMESTAMPS = 2
    TCB_SACK = 4
    TCB_ECN = 8
    TCB_ACK_NOW = 0x10
    TCB_ACK_DELAYED = 0x20
    TCB_FIN_WANTED = 0x40       # the user has closed its side
    TCB_FIN_SENT = 0x80
    TCB_NO_DELAY = 0x100        # Nagle's algorithm is off
    TCB_KEEPALIVE = 0x200
    TCB_RECOVERY = 0x400        # fast recovery, RFC 6582 and 6675
    TCB_ECE_PENDING = 0x800     # congestion was experienced: echo it until CWR (RFC 3168)
    TCB_CWR_PENDING = 0x1000
    TCB_ORPHAN = 0x2000         # no user any more
    TCB_TOUCHED = 0x4000        # in the list of those that tcp_flush looks at
    TCB_EVENTFUL = 0x8000       # in the list of those that have events
    TCB_PASSIVE = 0x10000       # was opened by a listener
    TCB_RTT_TIMED = 0x20000     # a segment's round trip is being timed (without timestamps)
    TCB_IN_TABLE = 0x40000
    TCB_BLOCKED = 0x80000       # the user waits for room in the send buffer
    TCB_DSACK = 0x100000        # the next ACK tells of a duplicate (RFC 2883)
    TCB_CORKED = 0x200000       # small segments wait for more
    TCB_FORCED = 0x400000       # a probe: send a byte whatever the window is
    TCB_RESCUED = 0x800000      # the one rescue retransmission of RFC 6675 has been made
    TCB_FIN_RECEIVED = 0x1000000
    TCB_READ_CLOSED = 0x2000000
    TCB_URGENT_OUT = 0x4000000  # snd_up is ahead of what is acknowledged
    TCB_URGENT_IN = 0x8000000   # rcv_up is ahead of what the user has read
    TCB_FIN_AHEAD = 0x10000000
    TCB_REDUCED = 0x20000000    # an echo of congestion has halved cwnd for what was sent before `reduced`
    TCB_NO_ROOM = 0x40000000    # there was no memory for what came: the window is what the ring has room for


cdef struct Connection:         # how all three kinds begin
    Address local
    Address remote
    uint16_t local_port
    uint16_t remote_port
    uint32_t hash
    Connection *next            # in its bucket
    uint8_t kind
    uint8_t state


cdef struct Listener:
    Address local
    uint16_t port
    uint32_t backlog
    uint32_t half_open          # HalfOpen entries of this listener
    uint32_t waiting_count      # established, not yet accepted
    Tcb *waiting_first
    Tcb *waiting_last
    Listener *next
    void *owner                 # the Python object
    bint eventful
    Listener *next_eventful
    uint32_t receive_limit
    uint32_t send_limit


cdef struct HalfOpen:           # SYN-RECEIVED, after a listener got a SYN
    Connection connection
    Tcp *tcp
    Listener *listener
    uint32_t iss
    uint32_t irs
    uint32_t ts_recent
    uint32_t ts_offset
    uint16_t mss
    uint16_t window
    int8_t window_scale         # of the peer, -1: not offered
    uint8_t retransmits
    bint sack
    bint timestamps
    bint ecn
    Deadline timer
    int64_t sent_at


cdef struct TimeWait:
    Connection connection
    Tcp *tcp
    uint32_t snd_nxt
    uint32_t rcv_nxt
    uint32_t ts_recent
    uint32_t ts_offset
    bint timestamps
    int64_t answered_at         # when the last out-of-window segment was acknowledged
    Deadline timer


cdef struct Congestion:         # an algorithm: what happens to cwnd and ssthresh (RFC 5681)
    const char *name
    void (*start)(Tcb *tcb) noexcept nogil
    void (*acked)(Tcb *tcb, uint32_t count, bint limited) noexcept nogil    # new data, outside recovery
    void (*loss)(Tcb *tcb, uint32_t flight) noexcept nogil      # recovery begins, or the peer echoed congestion
    void (*timeout)(Tcb *tcb, uint32_t flight) noexcept nogil
    void (*recovered)(Tcb *tcb, uint32_t flight) noexcept nogil
    void (*idle)(Tcb *tcb) noexcept nogil       # nothing was sent for longer than a timeout


cdef struct Tcb:
    Connection connection
    Tcp *tcp
    uint32_t bits
    uint32_t events             # that the user has not heard of
    int32_t error               # errno of the end, 0 for a good one
    int32_t soft_error          # what ICMP told (RFC 9293 section 3.9.2.2)
    void *owner                 # the Python object
    Listener *listener          # until accepted
    Tcb *next_waiting           # in the listener's queue
    Tcb *next_touched
    Tcb *next_eventful
    Tcb *next_dead

    # Send sequence (RFC 9293 section 3.3.1)
    uint32_t iss
    uint32_t snd_una
    uint32_t snd_nxt
    uint32_t snd_up             # the first octet after urgent data (TCB_URGENT_OUT)
    uint32_t snd_max            # the highest sequence number sent, snd_nxt falls behind it after a timeout
    uint32_t snd_last           # where the segment that ends there begins
    uint32_t snd_wnd            # in bytes, scaled
    uint32_t snd_wl1
    uint32_t snd_wl2
    uint32_t max_snd_wnd        # the largest window the peer has offered
    uint32_t mss                # bytes of payload a segment may have, options not counted
    uint32_t peer_mss
    uint8_t snd_scale
    uint8_t rcv_scale
    uint8_t tail                # TAIL_…
    bint tail_lost              # what lies before tail_end and is not sacked is lost, while TCB_RECOVERY
    Ring send                   # from snd_una on (from snd_una + 1 while the SYN is not acknowledged)
    uint32_t send_limit
    # Receive sequence
    uint32_t irs
    uint32_t rcv_nxt
    uint32_t rcv_up             # the same of the peer's (TCB_URGENT_IN)
    uint32_t rcv_adv            # the right edge of the window that was told to the peer
    uint32_t last_ack           # Last.ACK.sent of RFC 7323
    uint32_t rcv_fin            # where the peer's FIN is, of which something before it is missing (TCB_FIN_AHEAD)
    Ring receive                # in order up to `used`, behind that what `received` says
    uint32_t receive_limit
    Ranges received             # out of order
    uint32_t recent[4]          # where the last segments came that were out of order: which SACK blocks go first
    Range duplicate             # to be told by DSACK
    # Timestamps (RFC 7323)
    uint32_t ts_recent
    uint32_t ts_offset
    int64_t ts_recent_at
    # Congestion control and loss recovery (RFC 5681, 6582, 6675, 6298)
    const Congestion *congestion
    uint32_t cwnd
    uint32_t ssthresh
    uint32_t acked_bytes        # towards the next step of congestion avoidance
    uint32_t duplicate_acks
    uint32_t recover            # the end of what was outstanding when recovery began
    uint32_t high_rxt           # up to where recovery has retransmitted
    uint32_t tail_end           # the sequence number after the tail loss probe
    uint32_t tail_flight        # what was out then
    bint tail_untimed           # no round trip was measured since
    Ranges sacked
    uint32_t rtt_sequence       # what is being timed without timestamps
    int64_t rtt_started
    int64_t srtt                # nanoseconds, 0 before the first measurement
    int64_t rttvar
    int64_t rto
    uint32_t backoff            # how often the timer has doubled
    uint32_t timeouts           # in a row, without anything acknowledged
    uint32_t probes             # zero-window and keepalive probes without an answer
    int64_t deadline[TCP_TIMERS]    # 0: not set
    Deadline timer              # at the earliest of them, or before
    int64_t heard_at            # when the peer was last heard
    int64_t probed_at           # by keepalive
    int64_t challenged_at
    int64_t sent_at             # the SYN, or data
    int64_t progress_at         # when the peer last acknowledged something, or there was something to
    int64_t user_timeout        # nanoseconds that data may stay unacknowledged
    int64_t keepalive_idle
    int64_t keepalive_interval
    uint32_t keepalive_count
    uint32_t path_mtu           # of the IP packet, as a router told or a black hole showed; 0: what the host knows
    uint32_t path_mtu_before    # before a black hole was looked for
    int64_t path_mtu_at         # when that was learned
    uint8_t tos
    uint32_t reduced
    # Counted for the user
    uint64_t bytes_in
    uint64_t bytes_out
    uint32_t retransmitted


cdef struct Tcp:
    Host *host
    Connection **table
    uint32_t table_mask
    uint32_t count              # connections of all kinds
    Slab blocks
    Slab half_opens
    Slab time_waits
    RingPool rings
    uint32_t pruned_at          # the bucket of the table where tcp_prune goes on
    Listener *listeners
    Tcb *touched
    Tcb *eventful_first
    Tcb *eventful_last
    Listener *eventful_listeners
    Tcb *dead
    uint16_t port_first         # ephemeral ports
    uint16_t port_last
    uint32_t port_counter
    int64_t rto_minimum         # nanoseconds
    int64_t rto_maximum
    int64_t msl                 # TIME-WAIT is twice that
    int64_t delayed_ack
    int64_t user_timeout
    uint32_t receive_limit
    uint32_t send_limit
    uint32_t initial_window     # segments (RFC 6928)
    int64_t cookies_at          # when the last SYN cookie was sent
    bint always_cookies
    uint32_t refused            # options that are neither offered nor taken: of TCB_WINDOW_SCALING, _TIMESTAMPS, _SACK
    bint ecn                    # offer it in our SYNs
    uint64_t counts[TCP_COUNTS]


cdef inline uint32_t tcb_flight(const Tcb *tcb) noexcept nogil:
    """Sequence numbers sent and not acknowledged."""
    return tcb.snd_max - tcb.snd_una


cdef inline bint tcb_unfinished(const Tcb *tcb) noexcept nogil:
    """Whether there is anything, a FIN too, that the peer has not acknowledged, sent or not."""
    return (tcb.send.used != 0 or tcb.snd_max != tcb.snd_una
            or (tcb.bits & TCB_FIN_WANTED != 0 and not tcb.bits & TCB_FIN_SENT))


cdef inline uint32_t tcb_window(const Tcb *tcb) noexcept nogil:
    """What the peer may still send: bytes from rcv_nxt to the edge it was told."""
    return tcb.rcv_adv - tcb.rcv_nxt


cdef inline uint32_t tcp_clock(const Tcp *tcp) noexcept nogil:
    """The timestamp clock, in milliseconds (RFC 7323 section 5.4)."""
    return <uint32_t>(tcp.host.now // 1000000)


cdef inline void tcb_touch(Tcb *tcb) noexcept nogil:
    """Have tcp_flush see what there is to send."""
    if not tcb.bits & TCB_TOUCHED:
        tcb.bits |= TCB_TOUCHED
        tcb.next_touched = tcb.tcp.touched
        tcb.tcp.touched = tcb


cdef inline void tcb_notify(Tcb *tcb, uint32_t events) noexcept nogil:
    """Tell the user, if there is one."""
    if tcb.owner == NULL:
        return
    tcb.events |= events
    if not tcb.bits & TCB_EVENTFUL:
        tcb.bits |= TCB_EVENTFUL
        tcb.next_eventful = NULL
        if tcb.tcp.eventful_first == NULL:
            tcb.tcp.eventful_first = tcb
        else:
            tcb.tcp.eventful_last.next_eventful = tcb
        tcb.tcp.eventful_last = tcb

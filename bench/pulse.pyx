"""A steady stream of numbered frames in at one interface and out at another: what is lost, out of order, or late."""

from array import array

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, TIMER_ABSTIME, clock_nanosleep, timespec
from posix.uio cimport iovec

from netos.kernel.clock cimport clock_host
from netos.wire cimport store_be16

cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags)
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, timespec *timeout)

cdef enum:
    BURST = 64
    SIZE = 64                   # bytes of a frame: Ethernet, IPv4, UDP, number, time
    PORT = 34                   # offset of the UDP source port
    NUMBER = 42
    TIME = 50
    FIRST_PORT = 10000
    BEHIND = 500000             # nanoseconds; a sender that is later than this does not catch up: it would flood

cdef struct Track:
    uint64_t expected
    uint64_t received
    uint64_t disordered
    int64_t began
    int64_t slot                # nanoseconds
    int64_t *late               # for frames sent in each slot, how long the slowest was under way
    uint32_t slots


cdef void rest(int64_t until) noexcept nogil:
    """Sleep until that time, by CLOCK_MONOTONIC."""
    cdef timespec at
    at.tv_sec, at.tv_nsec = until // 1000000000, until % 1000000000
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL)


cdef uint32_t take(int fd, mmsghdr *messages, uint8_t (*space)[SIZE], Track *track) noexcept nogil:
    """Take what has arrived, up to a burst; how many frames there were."""
    cdef int i, count = recvmmsg(fd, messages, BURST, MSG_DONTWAIT, NULL)
    cdef uint64_t number
    cdef int64_t sent, now
    cdef uint32_t slot
    if count <= 0:
        return 0
    now = clock_host(CLOCK_MONOTONIC)
    for i in range(count):
        if messages[i].msg_len < TIME + 8 or space[i][PORT] < FIRST_PORT >> 8:
            continue
        memcpy(&number, &space[i][NUMBER], 8)
        memcpy(&sent, &space[i][TIME], 8)
        track.received += 1
        if number < track.expected:
            track.disordered += 1
        else:
            track.expected = number + 1
        slot = <uint32_t>((sent - track.began) // track.slot)
        if slot < track.slots and now - sent > track.late[slot]:
            track.late[slot] = now - sent
    return count


def stream(int source, int target, bytes frame not None, double rate, double seconds, uint32_t flows=1,
           double slot=0.001):
    """Send `frame`, numbered, on a packet socket at `rate` a second and take it in at another.

    The frames are spread over so many UDP source ports. Answers (sent, received, out of order, nanoseconds of
    CLOCK_MONOTONIC at the start, [for each `slot` of time, the longest way in nanoseconds]).
    """
    cdef mmsghdr out[BURST]
    cdef mmsghdr into[BURST]
    cdef iovec out_parts[BURST]
    cdef iovec into_parts[BURST]
    cdef uint8_t out_space[BURST][SIZE]
    cdef uint8_t into_space[BURST][SIZE]
    cdef Track track
    cdef uint64_t number = 0
    cdef int64_t now, due, until, interval = <int64_t>(BURST * 1e9 / rate)
    cdef int i, done
    cdef const uint8_t *content = frame
    late = array("q", bytes(8 * (<int>(seconds / slot) + 2)))
    cdef int64_t[::1] lateness = late
    if len(frame) != SIZE:
        raise ValueError(f"frames have {SIZE} bytes")
    memset(out, 0, sizeof(out))
    memset(into, 0, sizeof(into))
    for i in range(BURST):
        memcpy(out_space[i], content, SIZE)
        out_parts[i].iov_base, out_parts[i].iov_len = out_space[i], SIZE
        into_parts[i].iov_base, into_parts[i].iov_len = into_space[i], SIZE
        out[i].msg_hdr.msg_iov, out[i].msg_hdr.msg_iovlen = &out_parts[i], 1
        into[i].msg_hdr.msg_iov, into[i].msg_hdr.msg_iovlen = &into_parts[i], 1
    memset(&track, 0, sizeof(track))
    track.late, track.slots, track.slot = &lateness[0], <uint32_t>len(late), <int64_t>(slot * 1e9)
    with nogil:
        track.began = due = clock_host(CLOCK_MONOTONIC)
        until = due + <int64_t>(seconds * 1e9)
        while True:
            now = clock_host(CLOCK_MONOTONIC)
            if now >= until:
                break
            if now < due:
                if take(target, into, into_space, &track) == 0:
                    rest(due)                   # not spinning: netos's threads want this processor, too
                continue
            due = now if now - due > BEHIND else due
            due += interval
            for i in range(BURST):
                store_be16(&out_space[i][PORT], <uint16_t>(FIRST_PORT + number % flows))
                memcpy(&out_space[i][NUMBER], &number, 8)
                memcpy(&out_space[i][TIME], &now, 8)
                number += 1
            i = 0
            while i < BURST:                    # it stops at a frame the interface has no room for: that one is lost
                done = sendmmsg(source, out + i, BURST - i, 0)
                i += max(done, 0) + (i + done < BURST)
        until = clock_host(CLOCK_MONOTONIC) + 300000000
        while track.received < number and clock_host(CLOCK_MONOTONIC) < until:
            take(target, into, into_space, &track)
    return number, track.received, track.disordered, track.began, late.tolist()

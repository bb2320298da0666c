"""Bare C loops that the TAP benchmarks compare with: a sender on a packet socket, a forwarder of two descriptors."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset
from posix.uio cimport iovec
from posix.unistd cimport read, write

from netos.kernel.clock cimport clock_host
from posix.time cimport CLOCK_MONOTONIC

cdef extern from "<poll.h>" nogil:
    enum: POLLIN
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long count, int timeout)

cdef extern from "<sys/socket.h>" nogil:
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags)

cdef enum:
    BURST = 64
    SPACE = 65562               # a virtio header and 64 KiB


def blast(int fd, bytes frame not None, double seconds):
    """Send the frame on a bound packet socket as fast as it goes, for a while; return how many were sent."""
    cdef mmsghdr messages[BURST]
    cdef iovec part
    cdef int64_t until = clock_host(CLOCK_MONOTONIC) + <int64_t>(seconds * 1e9)
    cdef uint64_t sent = 0
    cdef int i, done
    part.iov_base = <void *><const uint8_t *>frame
    part.iov_len = len(frame)
    memset(messages, 0, sizeof(messages))
    for i in range(BURST):
        messages[i].msg_hdr.msg_iov = &part
        messages[i].msg_hdr.msg_iovlen = 1
    with nogil:
        while clock_host(CLOCK_MONOTONIC) < until:
            done = sendmmsg(fd, messages, BURST, 0)
            if done > 0:
                sent += done
    return sent


cdef uint64_t drain(int source, int target, uint8_t *space, int limit) noexcept nogil:
    """Copy up to `limit` frames; return how many there were."""
    cdef uint64_t moved = 0
    cdef ssize_t length
    while moved < <uint64_t>limit:
        length = read(source, space, SPACE)
        if length <= 0:
            break
        write(target, space, length)
        moved += 1
    return moved


def forward(int first, int second, double seconds):
    """Copy frames both ways between two taps, as read() and write() allow, for a while; return how many."""
    cdef pollfd ready[2]
    cdef uint8_t space[SPACE]
    cdef int64_t until = clock_host(CLOCK_MONOTONIC) + <int64_t>(seconds * 1e9)
    cdef uint64_t moved = 0
    ready[0].fd, ready[1].fd = first, second
    ready[0].events = ready[1].events = POLLIN
    with nogil:
        while clock_host(CLOCK_MONOTONIC) < until:
            if poll(ready, 2, 100) > 0:
                moved += drain(first, second, space, BURST)
                moved += drain(second, first, space, BURST)
    return moved

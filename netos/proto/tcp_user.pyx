"""The user's calls: OPEN, SEND, RECEIVE, CLOSE, ABORT (RFC 9293 section 3.9.1), as sockets have them."""

from libc.errno cimport EADDRINUSE, EADDRNOTAVAIL, ECONNABORTED, EINVAL, ENETUNREACH, ENOBUFS, ENOMEM, ENOTCONN, EPIPE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from netos.proto.host cimport Path, host_find_path, host_is_broadcast, host_is_own
from netos.proto.inet cimport Address, address_equal, address_is_any, address_number
from netos.proto.ipv4 cimport ip_is_loopback, ip_is_multicast
from netos.proto.ring cimport RING_LEAST, ring_copy_in, ring_copy_out, ring_free, ring_room, ring_run, ring_skip
from netos.proto.tcp cimport TCP_ACK, TCP_RST, sequence_before
from netos.proto.tcp_block cimport (
    CLOSED, CLOSE_WAIT, COUNT_ACTIVE_OPENS, COUNT_NO_MEMORY, ESTABLISHED, KIND_HALF_OPEN, SYN_RECEIVED, SYN_SENT,
    TCB_ACK_NOW, TCB_BLOCKED, TCB_EVENTFUL, TCB_FIN_RECEIVED, TCB_FIN_WANTED, TCB_IN_TABLE, TCB_NO_ROOM, TCB_ORPHAN,
    TCB_READ_CLOSED, TCB_URGENT_IN, TCB_URGENT_OUT, Connection, HalfOpen, Listener, Tcb, Tcp, tcb_touch,
)
from netos.proto.tcp_emit cimport Bare, ring_left, send_bare
from netos.proto.tcp_establish cimport own_mss, own_scale
from netos.proto.tcp_output cimport tcp_bare_place
from netos.proto.tcp_passive cimport half_open_end
from netos.proto.tcp_state cimport STEP_ABORT, STEP_ACTIVE_OPEN, STEP_CLOSE, tcb_move
from netos.proto.tcp_table cimport (
    choose_port, initial_sequence, tcb_end, tcb_release, tcp_find, tcp_insert, timestamp_offset,
)
from netos.proto.tcp_timers cimport tcb_new, tcb_stay_or_leave


cdef Tcb *tcp_connect(Tcp *tcp, const Address *local, uint16_t local_port, const Address *remote, uint16_t remote_port,
                      int32_t *error) noexcept nogil:
    """Active OPEN; an address of zero and a port 0 are chosen. NULL and an errno when it cannot be."""
    cdef Path path
    cdef Address source = local[0]
    cdef int32_t port = local_port
    cdef Tcb *tcb
    error[0] = ENETUNREACH
    if (address_is_any(remote) or ip_is_multicast(address_number(remote))
            or host_is_broadcast(tcp.host, address_number(remote))):
        return NULL                             # MUST-46
    if not host_find_path(tcp.host, remote, &path):
        return NULL
    if address_is_any(&source):
        source = path.source
    error[0] = EINVAL
    if ip_is_loopback(address_number(&source)) and path.interface != NULL:
        return NULL                             # RFC 1122 section 3.2.1.3: such addresses do not leave the host
    error[0] = EADDRNOTAVAIL
    if not host_is_own(tcp.host, address_number(&source)):
        return NULL
    if port == 0:
        port = choose_port(tcp, &source, remote, remote_port)
    if port < 0 or remote_port == 0:
        return NULL
    error[0] = EADDRINUSE
    if tcp_find(tcp, &source, <uint16_t>port, remote, remote_port) != NULL:
        return NULL
    error[0] = ENOBUFS
    tcb = tcb_new(tcp)
    if tcb == NULL:
        return NULL
    tcb.connection.local, tcb.connection.local_port = source, <uint16_t>port
    tcb.connection.remote, tcb.connection.remote_port = remote[0], remote_port
    tcb.iss = initial_sequence(tcp, &tcb.connection)
    tcb.ts_offset = timestamp_offset(tcp, &tcb.connection)
    tcb.snd_una = tcb.iss
    tcb.snd_nxt = tcb.snd_max = tcb.iss + 1
    tcb.mss = own_mss(tcp, &tcb.connection)
    tcb.rcv_scale = own_scale(tcb.receive_limit)
    tcb_move(tcb, STEP_ACTIVE_OPEN)
    tcp_insert(tcp, &tcb.connection)
    tcp.counts[COUNT_ACTIVE_OPENS] += 1
    tcb_touch(tcb)
    error[0] = 0
    return tcb


cdef Listener *tcp_listen(Tcp *tcp, const Address *local, uint16_t port, uint32_t backlog,
                          int32_t *error) noexcept nogil:
    """Passive OPEN; port 0 is chosen. NULL and an errno when somebody has the port; a backlog of 0 only keeps it."""
    cdef Listener *listener = tcp.listeners
    cdef Address nobody
    cdef int32_t chosen = port
    nobody.words[0] = nobody.words[1] = 0
    if port == 0:
        chosen = choose_port(tcp, local, &nobody, 0)
    error[0] = EADDRINUSE
    if chosen < 0:
        return NULL
    while listener != NULL:
        if listener.port == chosen and (address_equal(&listener.local, local) or address_is_any(&listener.local)
                                        or address_is_any(local)):
            return NULL
        listener = listener.next
    error[0] = ENOMEM
    listener = <Listener *>calloc(1, sizeof(Listener))
    if listener == NULL:
        return NULL
    listener.local, listener.port = local[0], <uint16_t>chosen
    listener.backlog = backlog
    listener.receive_limit, listener.send_limit = tcp.receive_limit, tcp.send_limit
    listener.next = tcp.listeners
    tcp.listeners = listener
    error[0] = 0
    return listener


cdef void tcp_listen_no_more(Tcp *tcp, Listener *listener) noexcept nogil:
    """CLOSE of a listener: forget what is half open, reset what nobody has accepted."""
    cdef Listener **at = &tcp.listeners
    cdef Connection *connection
    cdef Connection *next
    cdef Tcb *tcb
    cdef uint32_t bucket
    while at[0] != listener:
        at = &at[0].next
    at[0] = listener.next
    if listener.half_open:
        for bucket in range(tcp.table_mask + 1):
            connection = tcp.table[bucket]
            while connection != NULL:
                next = connection.next
                if connection.kind == KIND_HALF_OPEN and (<HalfOpen *>connection).listener == listener:
                    half_open_end(tcp, <HalfOpen *>connection)
                connection = next
    while True:
        tcb = tcp_accept(listener)
        if tcb == NULL:
            break
        if tcb.bits & TCB_IN_TABLE:
            tcp_abort(tcb)
        else:
            tcb_release(tcb)
    if listener.eventful:
        at = &tcp.eventful_listeners
        while at[0] != listener:
            at = &at[0].next_eventful
        at[0] = listener.next_eventful
    free(listener)


cdef Tcb *tcp_accept(Listener *listener) noexcept nogil:
    """The connection that has waited longest, or NULL; it may be over already, but what it received can be read."""
    cdef Tcb *tcb = listener.waiting_first
    if tcb == NULL:
        return NULL
    listener.waiting_first = tcb.next_waiting
    listener.waiting_count -= 1
    tcb.next_waiting = NULL
    tcb.listener = NULL
    return tcb


cdef int64_t tcp_write(Tcb *tcb, const uint8_t *data, uint32_t length) noexcept nogil:
    """SEND: how many bytes were taken, fewer than given when the buffer is full (EVENT_WRITABLE follows), or -errno."""
    cdef uint32_t taken
    if tcb.bits & TCB_FIN_WANTED:
        return -EPIPE
    if tcb.connection.state in (SYN_SENT, SYN_RECEIVED, ESTABLISHED, CLOSE_WAIT):
        taken = min(length, tcb.send_limit - min(tcb.send.used, tcb.send_limit))
        if taken and not ring_room(&tcb.send, tcb.send.used + taken, tcb.send.used):
            tcb.tcp.counts[COUNT_NO_MEMORY] += 1            # others have it: as much as goes in without more
            if not ring_room(&tcb.send, RING_LEAST, tcb.send.used):
                return -ENOBUFS
            taken = min(taken, tcb.send.size - tcb.send.used)
        if taken:
            ring_copy_in(&tcb.send, tcb.send.used, data, taken)
            tcb.send.used += taken
            tcb_touch(tcb)
        if taken < length:
            tcb.bits |= TCB_BLOCKED
        return taken
    return -tcb.error if tcb.error else -EPIPE


cdef void tcp_urge(Tcb *tcb) noexcept nogil:
    """All that was written up to now is urgent (RFC 9293 section 3.8.5)."""
    if tcb.send.used:
        tcb.snd_up = tcb.snd_una + tcb.send.used + (tcb.connection.state < ESTABLISHED)
        tcb.bits |= TCB_URGENT_OUT
        tcb_touch(tcb)


cdef uint32_t unread(const Tcb *tcb) noexcept nogil:
    """The sequence number of the next byte that the user will read; the FIN is none."""
    return tcb.rcv_nxt - tcb.receive.used - (tcb.bits & TCB_FIN_RECEIVED != 0)


cdef uint32_t tcp_unread_urgent(const Tcb *tcb) noexcept nogil:
    """Bytes up to the end of the peer's urgent data, whether they have come or not; 0: there is none."""
    return tcb.rcv_up - unread(tcb) if tcb.bits & TCB_URGENT_IN else 0


cdef uint32_t tcp_read(Tcb *tcb, uint8_t *into, uint32_t length) noexcept nogil:
    """RECEIVE: up to `length` bytes that are in order; tells the peer when its window has grown enough to matter."""
    length = min(length, tcb.receive.used)
    if length:
        ring_copy_out(&tcb.receive, 0, into, length)
        taken_out(tcb, length)
    return length


cdef int64_t tcp_move(Tcb *source, Tcb *sink) noexcept nogil:
    """RECEIVE from one connection and SEND to another as many bytes as there are and have room; how many, or -errno."""
    cdef uint8_t *at
    cdef uint32_t run
    cdef int64_t taken, moved = 0
    while source.receive.used:
        run = min(ring_run(&source.receive, 0, &at), source.receive.used)
        taken = tcp_write(sink, at, run)
        if taken < 0:
            return taken
        if taken:
            taken_out(source, <uint32_t>taken)
        moved += taken
        if taken < run:
            break
    return moved


cdef void taken_out(Tcb *tcb, uint32_t length) noexcept nogil:
    """The user has `length` of the bytes that are in order."""
    cdef uint32_t told = tcb.rcv_adv - tcb.rcv_nxt, room, most
    cdef bint closed = tcb.bits & TCB_NO_ROOM and ring_left(tcb) == 0
    ring_skip(&tcb.receive, length)
    if tcb.bits & TCB_URGENT_IN and not sequence_before(unread(tcb), tcb.rcv_up):
        tcb.bits &= ~<uint32_t>TCB_URGENT_IN
    if tcb.receive.used == 0 and tcb.received.count == 0:
        ring_free(&tcb.receive)
    most = min(tcb.receive_limit, <uint32_t>0xFFFF << tcb.rcv_scale)        # that a window can tell
    room = min(tcb.receive_limit - tcb.receive.used, most)
    if not tcb.bits & TCB_IN_TABLE or tcb.bits & TCB_FIN_RECEIVED:
        return
    if (closed and ring_left(tcb) or (<int32_t>told < <int32_t>tcb.mss or room - told >= most // 2)
            and room >= told + min(tcb.mss, most // 2)):
        tcb.bits |= TCB_ACK_NOW
        tcb_touch(tcb)


cdef int32_t tcp_shutdown(Tcb *tcb) noexcept nogil:
    """CLOSE of our side: a FIN after all that was written. 0 or -errno."""
    if tcb.bits & TCB_FIN_WANTED:
        return 0
    if tcb.connection.state in (SYN_RECEIVED, ESTABLISHED, CLOSE_WAIT):
        tcb.bits |= TCB_FIN_WANTED
        if tcb.connection.state != SYN_RECEIVED:
            tcb_move(tcb, STEP_CLOSE)
        tcb_touch(tcb)
        return 0
    return -ENOTCONN


cdef void tcp_close(Tcb *tcb) noexcept nogil:
    """The user is done with it: close both sides and forget the user; a RST, if something was received and not read."""
    if tcb.bits & TCB_IN_TABLE and (tcb.receive.used or tcb.connection.state == SYN_SENT):
        tcp_abort(tcb)
        return
    tcp_shutdown(tcb)
    tcb.bits |= TCB_READ_CLOSED
    tcp_disown(tcb)
    if tcb.bits & TCB_IN_TABLE:
        tcb.bits |= TCB_ORPHAN
        tcb_stay_or_leave(tcb)
    else:
        tcb_release(tcb)


cdef void tcp_abort(Tcb *tcb) noexcept nogil:
    """ABORT: a RST, and the end."""
    tcp_disown(tcb)
    if tcb.bits & TCB_IN_TABLE:
        tcp_kill(tcb, ECONNABORTED)
    else:
        tcb_release(tcb)


cdef void tcp_kill(Tcb *tcb, int32_t error) noexcept nogil:
    """A RST, and the end; a user, if there is one, hears of it as `error`."""
    cdef Bare bare
    if tcb.connection.state not in (CLOSED, SYN_SENT):
        bare.sequence, bare.acknowledgment, bare.flags = tcp_bare_place(tcb), tcb.rcv_nxt, TCP_RST | TCP_ACK
        bare.window = bare.options_length = 0
        send_bare(tcb.tcp, &tcb.connection, &bare)
    tcb_move(tcb, STEP_ABORT)
    tcb_end(tcb, error)


cdef void tcp_disown(Tcb *tcb) noexcept nogil:
    """There is no user any more: no more events."""
    cdef Tcb **at = &tcb.tcp.eventful_first
    cdef Tcb *before = NULL
    tcb.owner = NULL
    if not tcb.bits & TCB_EVENTFUL:
        return
    while at[0] != tcb:
        before = at[0]
        at = &at[0].next_eventful
    at[0] = tcb.next_eventful
    if tcb.tcp.eventful_last == tcb:
        tcb.tcp.eventful_last = before
    tcb.bits &= ~<uint32_t>TCB_EVENTFUL

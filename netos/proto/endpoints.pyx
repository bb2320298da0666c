"""TCP endpoints in Python's hands: connections and listeners; nothing blocks, errors are OSError."""

cimport cython
from libc.errno cimport EADDRNOTAVAIL, EBADF, EINVAL, EISCONN
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from netos.proto.arguments cimport address_of, endpoint_of, nanoseconds_of, os_error, port_of
from netos.proto.inet cimport Address, address_is_any, address_number
from netos.proto.host cimport host_is_own
from netos.proto.stack cimport Stack
from netos.proto.stack_input cimport Protocols
from netos.proto.tcp_block cimport (
    EVENT_ACCEPTABLE as ACCEPTABLE_BIT, EVENT_CLOSED as CLOSED_BIT, EVENT_CONNECTED as CONNECTED_BIT,
    EVENT_FINISHED as FINISHED_BIT, EVENT_READABLE as READABLE_BIT, EVENT_URGENT as URGENT_BIT,
    EVENT_WRITABLE as WRITABLE_BIT, TCB_CORKED, TCB_ECN, TCB_FIN_RECEIVED, TCB_IN_TABLE, TCB_KEEPALIVE, TCB_NO_DELAY,
    TCB_SACK, TCB_TIMESTAMPS, TCB_WINDOW_SCALING, TIMER_KEEPALIVE, Listener, Tcb, tcb_touch,
)
from netos.proto.tcp_emit cimport set_timer
from netos.proto.tcp_user cimport (
    tcp_abort, tcp_accept, tcp_close, tcp_connect, tcp_listen, tcp_listen_no_more, tcp_move, tcp_read, tcp_shutdown,
    tcp_unread_urgent, tcp_urge, tcp_write,
)

from netos.proto.tcp_state import STATES

CONNECTED, READABLE, WRITABLE = CONNECTED_BIT, READABLE_BIT, WRITABLE_BIT
FINISHED, CLOSED, ACCEPTABLE, URGENT = FINISHED_BIT, CLOSED_BIT, ACCEPTABLE_BIT, URGENT_BIT


cdef void end_connection(Protocols *protocols, void *tcb) noexcept nogil:
    tcp_abort(<Tcb *>tcb)


cdef void end_listener(Protocols *protocols, void *listener) noexcept nogil:
    tcp_listen_no_more(&protocols.tcp, <Listener *>listener)


@cython.no_gc_clear
cdef class TcpEndpoint:
    """A TCP connection. It is aborted when the last reference to it goes; close() it first."""

    def __init__(self, Stack stack not None, remote, local=None):
        cdef int32_t error = 0
        cdef Address source = address_of(local[0] if local else None), destination = address_of(remote[0])
        if self.stack is not None:
            raise os_error(EISCONN)
        self.stack = stack
        self.tcb = tcp_connect(&stack.protocols.tcp, &source, port_of(local[1]) if local else 0, &destination,
                               port_of(remote[1]), &error)
        if self.tcb == NULL:
            raise os_error(error)
        self.adopt()
        stack.work()

    cdef void adopt(self):
        self.tcb.owner = <void *>self
        self.local = endpoint_of(&self.tcb.connection.local, self.tcb.connection.local_port)
        self.remote = endpoint_of(&self.tcb.connection.remote, self.tcb.connection.remote_port)

    def __dealloc__(self):
        if self.tcb != NULL:
            self.stack.let_go(end_connection, self.tcb, &self.tcb.owner)

    cdef Tcb *block(self) except NULL:
        if self.tcb == NULL:
            raise os_error(EBADF)
        return self.tcb

    def send(self, data, *, bint urgent=False):
        """Hand over bytes; how many were taken, fewer than given when the send buffer is full (WRITABLE follows).

        `urgent`: the peer is told that urgent data ends behind them; they stay in line with the others.
        """
        cdef const uint8_t[::1] content = data
        cdef int64_t taken
        self.block()
        if content.shape[0] == 0:
            return 0
        taken = tcp_write(self.tcb, &content[0], <uint32_t>min(content.shape[0], 0x7FFFFFFF))
        if taken < 0:
            raise os_error(-taken)
        if urgent:
            tcp_urge(self.tcb)
        self.stack.work()
        return taken

    def receive(self, limit=None):
        """The bytes that have come, at most `limit`; none: nothing is there; `finished` says whether more can come."""
        cdef uint32_t length = self.block().receive.used
        if limit is not None:
            length = min(length, <uint32_t>min(limit, 0x7FFFFFFF))
        result = PyBytes_FromStringAndSize(NULL, length)
        if length:
            tcp_read(self.tcb, <uint8_t *>PyBytes_AS_STRING(result), length)
            self.stack.work()
        return result

    def receive_into(self, buffer):
        """The bytes that have come, into a writable buffer; how many."""
        cdef uint8_t[::1] into = buffer
        cdef uint32_t length
        self.block()
        if into.shape[0] == 0:
            return 0
        length = tcp_read(self.tcb, &into[0], <uint32_t>min(into.shape[0], 0x7FFFFFFF))
        if length:
            self.stack.work()
        return length

    def shutdown(self):
        """No more will be sent: a FIN goes out after all that was handed over."""
        cdef int32_t error = tcp_shutdown(self.block())
        if error:
            raise os_error(-error)
        self.stack.work()

    def close(self):
        """Done with it: what was handed over is still sent. Harmless when called twice."""
        if self.tcb != NULL:
            tcp_close(self.tcb)
            self.tcb = NULL
            self.stack.work()

    def abort(self):
        """End it at once, with a RST. Harmless when called twice."""
        if self.tcb != NULL:
            tcp_abort(self.tcb)
            self.tcb = NULL
            self.stack.work()

    @property
    def state(self):
        """The state, by the name RFC 9293 has for it."""
        return STATES[self.tcb.connection.state] if self.tcb != NULL else "CLOSED"

    @property
    def error(self):
        """The errno of the connection's end, 0 for a good one or none yet."""
        return self.tcb.error if self.tcb != NULL else 0

    @property
    def soft_error(self):
        """The errno of what ICMP told last; should the connection fail, it ends with that (RFC 9293 3.9.2.2)."""
        return self.tcb.soft_error if self.tcb != NULL else 0

    @property
    def urgent(self):
        """Bytes from the next to be read to the end of the peer's urgent data, come or not; 0: none is urgent."""
        return tcp_unread_urgent(self.tcb) if self.tcb != NULL else 0

    @property
    def user_timeout(self):
        """Seconds that data may stay unacknowledged before the connection is given up (TCP_USER_TIMEOUT)."""
        return self.block().user_timeout / 1e9

    @user_timeout.setter
    def user_timeout(self, double seconds):
        self.block().user_timeout = nanoseconds_of(seconds)

    @property
    def tos(self):
        """The type of service of packets (IP_TOS): DSCP in the high six bits; the others are ECN's, and TCP's own."""
        return self.tcb.tos if self.tcb != NULL else 0

    @tos.setter
    def tos(self, uint8_t value):
        self.block().tos = value & 0xFC

    @property
    def readable(self):
        """Bytes that wait."""
        return self.tcb.receive.used if self.tcb != NULL else 0

    @property
    def unsent(self):
        """Bytes handed over that the peer has not acknowledged."""
        return self.tcb.send.used if self.tcb != NULL else 0

    @property
    def writable(self):
        """Bytes that send() would take now."""
        return self.tcb.send_limit - min(self.tcb.send.used, self.tcb.send_limit) if self.tcb != NULL else 0

    @property
    def finished(self):
        """Whether the peer has sent its FIN, and all before it has come."""
        return self.tcb != NULL and self.tcb.bits & TCB_FIN_RECEIVED != 0

    @property
    def no_delay(self):
        """Whether small segments go at once (TCP_NODELAY)."""
        return self.tcb != NULL and self.tcb.bits & TCB_NO_DELAY != 0

    @no_delay.setter
    def no_delay(self, bint value):
        self.set_bit(TCB_NO_DELAY, value)

    @property
    def corked(self):
        """Whether small segments wait for more (TCP_CORK)."""
        return self.tcb != NULL and self.tcb.bits & TCB_CORKED != 0

    @corked.setter
    def corked(self, bint value):
        self.set_bit(TCB_CORKED, value)

    @property
    def keepalive(self):
        """Whether an idle connection is probed (SO_KEEPALIVE)."""
        return self.tcb != NULL and self.tcb.bits & TCB_KEEPALIVE != 0

    @keepalive.setter
    def keepalive(self, bint value):
        self.set_bit(TCB_KEEPALIVE, value)
        if value:
            self.keep_alive()

    cdef void keep_alive(self):
        """Have the peer probed when it has been silent for long enough; what is over has no timers."""
        if self.tcb.bits & TCB_IN_TABLE:
            set_timer(self.tcb, TIMER_KEEPALIVE, self.tcb.tcp.host.now + self.tcb.keepalive_idle)

    def set_keepalive(self, double idle, double interval, uint32_t count):
        """When an idle connection is probed first, how often (seconds), and after how many probes it is given up."""
        cdef int64_t first = nanoseconds_of(idle), next = nanoseconds_of(interval)
        if not count:
            raise ValueError("a connection is given up after one probe at least, not 0")
        self.block()
        self.tcb.keepalive_idle = first
        self.tcb.keepalive_interval = next
        self.tcb.keepalive_count = count
        if self.tcb.bits & TCB_KEEPALIVE:
            self.keep_alive()

    cdef int set_bit(self, uint32_t bit, bint value) except -1:
        self.block()
        if value:
            self.tcb.bits |= bit
        else:
            self.tcb.bits &= ~bit
        tcb_touch(self.tcb)         # what waited for this goes now
        self.stack.work()
        return 0

    @property
    def facts(self):
        """What TCP knows of the connection, as Linux's TCP_INFO has it: windows in bytes, times in seconds."""
        cdef Tcb *tcb = self.block()
        return {"state": self.state, "mss": tcb.mss, "cwnd": tcb.cwnd, "ssthresh": tcb.ssthresh, "rtt": tcb.srtt / 1e9,
                "rttvar": tcb.rttvar / 1e9, "rto": tcb.rto / 1e9, "snd_wnd": tcb.snd_wnd, "bytes_in": tcb.bytes_in,
                "bytes_out": tcb.bytes_out, "retransmitted": tcb.retransmitted, "flight": tcb.snd_max - tcb.snd_una,
                "sack": tcb.bits & TCB_SACK != 0, "timestamps": tcb.bits & TCB_TIMESTAMPS != 0,
                "ecn": tcb.bits & TCB_ECN != 0,
                "scales": (tcb.snd_scale, tcb.rcv_scale) if tcb.bits & TCB_WINDOW_SCALING else None}


def move(TcpEndpoint source not None, TcpEndpoint sink not None):
    """Hand what has come on one connection to another, as far as that takes it; how many bytes.

    What is left is there to be moved when `sink` is WRITABLE. Raises OSError when nothing can be sent any more.
    """
    cdef int64_t moved = tcp_move(source.block(), sink.block())
    if moved < 0:
        raise os_error(-moved)
    if moved:
        source.stack.work()
        sink.stack.work()
    return moved


@cython.no_gc_clear
cdef class TcpListener:
    """Where connections are accepted; with a backlog of 0 it only keeps the port, until listen()."""

    def __init__(self, Stack stack not None, local, uint32_t backlog=128):
        cdef int32_t error = 0
        cdef Address address = address_of(local[0])
        if self.stack is not None:
            raise os_error(EINVAL)
        self.stack = stack
        if not address_is_any(&address) and not host_is_own(&stack.protocols.host, address_number(&address)):
            raise os_error(EADDRNOTAVAIL)
        self.listener = tcp_listen(&stack.protocols.tcp, &address, port_of(local[1]), backlog, &error)
        if self.listener == NULL:
            raise os_error(error)
        self.listener.owner = <void *>self
        self.local = endpoint_of(&self.listener.local, self.listener.port)

    def __dealloc__(self):
        if self.listener != NULL:
            self.stack.let_go(end_listener, self.listener, &self.listener.owner)

    def listen(self, uint32_t backlog):
        """Accept from now on; so many may wait for it."""
        if self.listener == NULL:
            raise os_error(EBADF)
        self.listener.backlog = max(backlog, <uint32_t>1)

    def accept(self):
        """The TcpEndpoint that has waited longest, None when none waits."""
        cdef Tcb *tcb
        cdef TcpEndpoint endpoint
        if self.listener == NULL:
            raise os_error(EBADF)
        tcb = tcp_accept(self.listener)
        if tcb == NULL:
            return None
        endpoint = TcpEndpoint.__new__(TcpEndpoint)
        endpoint.stack = self.stack
        endpoint.tcb = tcb
        endpoint.adopt()
        return endpoint

    def close(self):
        """Accept no more; connections that nobody accepted are reset. Harmless when called twice."""
        if self.listener != NULL:
            tcp_listen_no_more(&self.stack.protocols.tcp, self.listener)
            self.listener = NULL
            self.stack.work()

    @property
    def waiting(self):
        """Connections that accept() would give."""
        return self.listener.waiting_count if self.listener != NULL else 0

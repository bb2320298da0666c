"""The program on a fuzzed host: servers that echo, that never read, that talk, that close at once; callers; UDP echo.

What it does follows from what the stack tells alone, so that a replay of the same frames at the same times is the same.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from netos.fuzz.peer cimport CALLED, CALLED_PORT, PEER, SERVICE_PORT, SERVICES
from netos.proto.endpoints cimport TcpListener
from netos.proto.inet cimport Address, address_ipv4
from netos.proto.ring cimport ring_copy_out, ring_skip
from netos.proto.stack cimport Stack
from netos.proto.tcp_block cimport (
    EVENT_CLOSED, EVENT_FINISHED, EVENT_READABLE, EVENT_WRITABLE, TCB_EVENTFUL, TCB_KEEPALIVE, TIMER_KEEPALIVE,
    Listener, Tcb,
)
from netos.proto.tcp_emit cimport set_timer
from netos.proto.tcp_user cimport tcp_abort, tcp_accept, tcp_close, tcp_connect, tcp_read, tcp_shutdown, tcp_write
from netos.proto.udp_ports cimport Datagram, UdpPort, udp_send, udp_take

from netos.proto.endpoints import TcpListener as Listening
from netos.proto.udp_endpoint import UdpEndpoint as Datagrams

cdef enum:
    ECHO = 0
    DEAF = 1                    # never reads
    TALKER = 2
    HASTY = 3                   # closes as soon as it is connected
    CALLER = 4
    SCRATCH = 65536

cdef int64_t IDLE = 2000000000     # nanoseconds, then a caller asks whether the peer is there

cdef uint8_t[SCRATCH] scratch   # one process has one fuzzed host at a time
UDP_PORTS = (7, 53, 67, 68, 5353)


cdef class Server:
    """The program; serve() is its turn."""

    def __init__(self, Stack stack not None):
        cdef TcpListener listener
        cdef uint32_t i
        self.stack = stack
        self.listeners = [Listening(stack, ("0.0.0.0", SERVICE_PORT + i), 64) for i in range(SERVICES)]
        self.ports = [Datagrams(stack, ("0.0.0.0", port)) for port in UDP_PORTS]
        for i in range(SERVICES):
            listener = self.listeners[i]
            self.heard[i] = listener.listener

    def close(self):
        """End everything."""
        cdef uint32_t i
        for i in range(KEPT):
            if self.held[i].tcb != NULL:
                tcp_abort(self.held[i].tcb)
                self.held[i].tcb = NULL
        for endpoint in self.listeners + self.ports:
            endpoint.close()
        self.listeners, self.ports = [], []
        memset(self.heard, 0, sizeof(self.heard))
        self.closed = True

    @property
    def kept(self):
        """Connections it has."""
        return sum(1 for i in range(KEPT) if self.held[i].tcb != NULL)

    cdef void keep(self, Tcb *tcb, uint32_t service) noexcept nogil:
        """Take a connection; the oldest makes way."""
        cdef Held *held = &self.held[self.oldest]
        cdef uint32_t i
        for i in range(KEPT):
            if self.held[i].tcb == NULL:
                held = &self.held[i]
                break
        else:
            self.oldest = (self.oldest + 1) % KEPT
        if held.tcb != NULL:
            tcp_abort(held.tcb)
        held.tcb, held.service, held.greeted = tcb, service, 0
        tcb.owner = <void *>held
        if service == CALLER:
            tcb.bits |= TCB_KEEPALIVE
            tcb.keepalive_idle = tcb.keepalive_interval = IDLE
            set_timer(tcb, TIMER_KEEPALIVE, self.stack.protocols.host.now + IDLE)

    cdef void accept(self, uint32_t service) noexcept nogil:
        cdef Tcb *tcb
        cdef Held *held
        while True:
            tcb = tcp_accept(self.heard[service])
            if tcb == NULL:
                return
            self.keep(tcb, service)
            held = <Held *>tcb.owner
            if service == TALKER:
                tcp_write(tcb, scratch, SCRATCH)
            elif service == HASTY:
                tcp_write(tcb, scratch, 100)
                held.tcb = NULL
                tcp_close(tcb)
                continue
            self.attend(held, EVENT_READABLE)               # what came before anybody could be told

    cdef void attend(self, Held *held, uint32_t events) noexcept nogil:
        """What a connection's events ask for."""
        cdef Tcb *tcb = held.tcb
        cdef uint32_t count
        if events & EVENT_READABLE and held.service != DEAF:
            count = tcp_read(tcb, scratch, SCRATCH)
            while count:
                self.answered += count
                if held.service == ECHO:
                    tcp_write(tcb, scratch, count)
                count = tcp_read(tcb, scratch, SCRATCH)
        if events & EVENT_WRITABLE and held.service == TALKER:
            tcp_write(tcb, scratch, SCRATCH // 2)
        if events & EVENT_WRITABLE and held.service == CALLER and not held.greeted:
            held.greeted = 1
            tcp_write(tcb, scratch, 2000)
        if events & EVENT_CLOSED:
            held.tcb = NULL
            tcp_close(tcb)
        elif events & EVENT_FINISHED:
            if held.service == TALKER:                      # half closed for a while
                tcp_shutdown(tcb)
            else:
                held.tcb = NULL
                tcp_close(tcb)

    cdef void hand_over(self, uint16_t port, uint32_t length) noexcept nogil:
        """Let Python read a datagram."""
        with gil:
            wrong = self.reader(port, (<char *>scratch)[:length], self.stack.protocols.host.now)
            if wrong is not None and self.failure is None:
                self.failure = wrong

    cdef void call(self) noexcept nogil:
        """Open what connections of its own it lacks."""
        cdef Address anywhere = address_ipv4(0), peer = address_ipv4(PEER)
        cdef int32_t error = 0
        cdef uint32_t count = 0, i
        cdef Tcb *tcb
        for i in range(KEPT):
            count += self.held[i].tcb != NULL and self.held[i].service == CALLER
        while count < CALLED:
            tcb = tcp_connect(&self.stack.protocols.tcp, &anywhere, 0, &peer, CALLED_PORT, &error)
            if tcb == NULL:
                return
            self.keep(tcb, CALLER)
            count += 1

    cdef void serve(self) noexcept nogil:
        """Do what the stack's events ask for."""
        cdef Listener *listener
        cdef Tcb *tcb
        cdef UdpPort *port
        cdef Datagram header
        cdef Address nowhere = address_ipv4(0)
        cdef uint32_t events, i
        while self.stack.protocols.tcp.eventful_listeners != NULL:
            listener = self.stack.protocols.tcp.eventful_listeners
            self.stack.protocols.tcp.eventful_listeners = listener.next_eventful
            listener.eventful = 0
            for i in range(SERVICES):
                if self.heard[i] == listener:
                    self.accept(i)
        while self.stack.protocols.tcp.eventful_first != NULL:
            tcb = self.stack.protocols.tcp.eventful_first
            self.stack.protocols.tcp.eventful_first = tcb.next_eventful
            tcb.bits &= ~<uint32_t>TCB_EVENTFUL
            events = tcb.events
            tcb.events = 0
            if tcb.owner != NULL:
                self.attend(<Held *>tcb.owner, events)
        while self.stack.protocols.udp.eventful != NULL:
            port = self.stack.protocols.udp.eventful
            self.stack.protocols.udp.eventful = port.next_eventful
            port.eventful = 0
            while udp_take(port, &header):
                ring_copy_out(&port.queue, 0, scratch, header.length)
                ring_skip(&port.queue, header.length)
                if self.reader is not None and port.port in (68, 5353) and not header.error:
                    self.hand_over(port.port, header.length)
                elif header.source_port and not header.error:
                    udp_send(&self.stack.protocols.udp, port, &nowhere, &header.source, header.source_port, scratch,
                             header.length)
        self.calls += 1
        if self.calls & 15 == 0 and not self.closed:
            self.call()

"""UDP endpoints in Python's hands: ports, and the datagrams of each; nothing blocks, errors are OSError."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EADDRNOTAVAIL, EBADF, EINVAL, ENOTCONN
from libc.stdint cimport int32_t, uint8_t, uint32_t

from netos.proto.arguments cimport address_of, endpoint_of, os_error, port_of
from netos.proto.host cimport host_is_own
from netos.proto.inet cimport Address, address_is_any, address_number
from netos.proto.ipv4 cimport ip_is_multicast
from netos.proto.ring cimport ring_copy_out, ring_skip
from netos.proto.stack cimport Stack
from netos.proto.stack_input cimport Protocols
from netos.proto.udp_ports cimport Datagram, UdpPort, udp_close, udp_connect, udp_open, udp_send, udp_take


cdef void end_port(Protocols *protocols, void *port) noexcept nogil:
    udp_close(&protocols.udp, <UdpPort *>port)


@cython.no_gc_clear
cdef class UdpEndpoint:
    """A UDP port."""

    def __init__(self, Stack stack not None, local=None, remote=None, *, bint shared=False):
        cdef int32_t error = 0
        cdef Address address = address_of(local[0] if local else None)
        if self.stack is not None:
            raise os_error(EINVAL)
        self.stack = stack
        if (not address_is_any(&address) and not host_is_own(&stack.protocols.host, address_number(&address))
                and not ip_is_multicast(address_number(&address))):
            raise os_error(EADDRNOTAVAIL)
        self.port = udp_open(&stack.protocols.udp, &address, port_of(local[1]) if local else 0, shared, &error)
        if self.port == NULL:
            raise os_error(error)
        self.port.owner = <void *>self
        self.local = endpoint_of(&self.port.local, self.port.port)
        if remote is not None:
            self.connect(remote)

    def __dealloc__(self):
        if self.port != NULL:
            self.stack.let_go(end_port, self.port, &self.port.owner)

    cdef UdpPort *opened(self) except NULL:
        if self.port == NULL:
            raise os_error(EBADF)
        return self.port

    def connect(self, remote):
        """Exchange datagrams with this endpoint only; errors about them are raised by receive().

        A port of all addresses gets the one that the host has towards `remote`; OSError with ENETUNREACH: none.
        """
        cdef Address address = address_of(remote[0])
        cdef int32_t error = udp_connect(&self.stack.protocols.udp, self.opened(), &address, port_of(remote[1]))
        if error:
            raise os_error(-error)
        self.local = endpoint_of(&self.port.local, self.port.port)
        self.remote = endpoint_of(&address, remote[1])

    def send(self, data, remote=None, source=None):
        """Send a datagram of at most 65 507 bytes; `source`: an address of the host to send it from, None: any."""
        cdef const uint8_t[::1] content = data
        cdef Address local = address_of(source), destination
        cdef int32_t error
        cdef const uint8_t *at = &content[0] if content.shape[0] else NULL
        self.opened()
        if remote is None:
            if self.remote is None:
                raise os_error(ENOTCONN)
            remote = self.remote
        if source is not None and not host_is_own(&self.stack.protocols.host, address_number(&local)):
            raise os_error(EADDRNOTAVAIL)
        destination = address_of(remote[0])
        error = udp_send(&self.stack.protocols.udp, self.port, &local, &destination, port_of(remote[1]), at,
                         <uint32_t>min(content.shape[0], 0x7FFFFFFF))
        if error:
            raise os_error(-error)
        self.stack.work()

    def receive(self):
        """The next datagram, as (bytes, (address, port)); or None. Raises what ICMP told of a connected port."""
        cdef Datagram header
        if not udp_take(self.opened(), &header):
            return None
        if header.error:
            raise os_error(header.error)
        self.arrived = header.destination
        result = PyBytes_FromStringAndSize(NULL, header.length)
        ring_copy_out(&self.port.queue, 0, <uint8_t *>PyBytes_AS_STRING(result), header.length)
        ring_skip(&self.port.queue, header.length)
        return result, endpoint_of(&header.source, header.source_port)

    def close(self):
        """Close the port. Harmless when called twice."""
        if self.port != NULL:
            udp_close(&self.stack.protocols.udp, self.port)
            self.port = NULL

    @property
    def destination(self):
        """The address of the host that the datagram received last was sent to; None: it was for several hosts."""
        if not host_is_own(&self.stack.protocols.host, address_number(&self.arrived)):
            return None
        return endpoint_of(&self.arrived, 0)[0]

    @property
    def broadcast(self):
        """Whether datagrams may go to broadcast addresses (SO_BROADCAST)."""
        return self.port != NULL and self.port.broadcast

    @broadcast.setter
    def broadcast(self, bint value):
        self.opened().broadcast = value

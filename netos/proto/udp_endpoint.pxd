"""UDP endpoints in Python's hands; see udp_endpoint.pyx."""

from netos.proto.inet cimport Address
from netos.proto.stack cimport Stack
from netos.proto.udp_ports cimport UdpPort


cdef class UdpEndpoint:
    cdef UdpPort *port
    cdef readonly Stack stack
    cdef readonly tuple local
    cdef readonly tuple remote
    cdef Address arrived            # where the datagram received last was sent to
    cdef public object user

    cdef UdpPort *opened(self) except NULL

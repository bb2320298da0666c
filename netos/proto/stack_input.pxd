"""Packets as they come to a host; see stack_input.pyx."""

from netos.packet cimport Descriptor
from netos.proto.host cimport Host, Interface
from netos.proto.ip_reassembly cimport Reassembly
from netos.proto.tcp_block cimport Tcp
from netos.proto.udp_ports cimport Udp


cdef struct Protocols:
    Host host
    Reassembly reassembly
    Tcp tcp
    Udp udp


cdef void ethernet_input(Protocols *protocols, Interface *interface, Descriptor *packet) noexcept nogil
cdef void ip_input(Protocols *protocols, Descriptor *packet, bint local) noexcept nogil
cdef void settle(Protocols *protocols) noexcept nogil

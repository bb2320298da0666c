"""ICMP of a host; see icmp_host.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from netos.packet cimport Descriptor
from netos.proto.host cimport Host


cdef void icmp_error(Host *host, Descriptor *about, uint8_t icmp_type, uint8_t code, uint32_t rest) noexcept nogil
cdef void icmp_echo(Host *host, Descriptor *packet) noexcept nogil

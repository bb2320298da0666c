"""IPv4 as it leaves; see ip_output.pyx."""

from libc.stdint cimport uint8_t

from netos.packet cimport Descriptor
from netos.proto.host cimport Host
from netos.proto.inet cimport Address


cdef int ip_send(Host *host, Descriptor *packet, const Address *source, const Address *destination, uint8_t protocol,
                 uint8_t tos, bint dont_fragment) noexcept nogil

"""Neighbours and ARP; see neighbours.pyx."""

from libc.stdint cimport uint32_t

from netos.packet cimport Descriptor
from netos.proto.host cimport Host, Interface
from netos.proto.inet cimport Address


cdef void neighbour_send(Host *host, Interface *interface, const Address *hop, Descriptor *packet) noexcept nogil
cdef void neighbour_doubt(Host *host, Interface *interface, const Address *hop) noexcept nogil
cdef void arp_input(Host *host, Interface *interface, Descriptor *packet) noexcept nogil
cdef void neighbours_init(Host *host) noexcept nogil
cdef void arp_announce(Interface *interface, uint32_t which) noexcept nogil
cdef void arp_announce_later(Interface *interface) noexcept nogil
cdef void neighbour_probe(Host *host, Interface *interface, const Address *address) noexcept nogil
cdef bint neighbour_answered(Host *host, Interface *interface, const Address *address) noexcept nogil
cdef void neighbours_free(Host *host) noexcept nogil
cdef void neighbours_forget(Host *host, Interface *interface) noexcept nogil

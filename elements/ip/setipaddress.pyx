"""SetIPAddress: set an annotation to an IPv4 address (Click's SetIPAddress)."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.packet cimport Batch

from netos.addresses import IPv4Address
from netos.args import ANNOTATIONS, Annotation, IPv4
from netos.handlers import read_handler, write_handler


cdef class SetIPAddress(Element):
    """Set the annotation ANNO, by default the destination address, to ADDR.

    Handlers: addr (read, write).
    """

    ports = "1/1"
    processing = "a/a"

    cdef bytes address
    cdef const char *address_at
    cdef uint32_t annotation

    def configure(self, ipaddr: IPv4, *, anno: Annotation(4) = ANNOTATIONS["DST_IP"]):
        self.set_addr(ipaddr)
        self.annotation = anno.offset

    @read_handler
    def addr(self):
        """The address."""
        return IPv4Address(self.address)

    @write_handler("addr")
    def set_addr(self, address: IPv4):
        """Set packets' annotations to another address."""
        self.address = address.packed
        self.address_at = self.address

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            memcpy(batch.packets[i].annotations + self.annotation, self.address_at, 4)

"""What IPEncap and UDPIPEncap share: room for the headers, two addresses and their handlers."""

from netos.packet cimport Descriptor

from elements.ip.encap_arguments import AddressOrAnnotation, shown
from netos.addresses import IPv4Address
from netos.args import IPv4
from netos.handlers import read_handler, write_handler


cdef class Encapsulation(Element):
    """Puts headers in front of each packet, which `write` fills in."""

    @read_handler
    def src(self):
        """The source address."""
        return IPv4Address(self.source)

    @write_handler("src")
    def set_src(self, address: IPv4):
        """Take another source address."""
        self.source = int(address)

    @read_handler
    def dst(self):
        """The destination address."""
        return shown(None if self.by_annotation else IPv4Address(self.destination))

    @write_handler("dst")
    def set_dst(self, address: AddressOrAnnotation):
        """Take another destination address."""
        self.by_annotation = address is None
        self.destination = 0 if address is None else int(address)

    cdef void write(self, Descriptor *packet) noexcept nogil:
        """Write the headers of a packet that has room for them."""

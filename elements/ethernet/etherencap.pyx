"""EtherEncap: put an Ethernet header in front of packets (Click's EtherEncap)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.packet cimport DROP_NO_BUFFER, Batch, Descriptor, packet_prepend, packet_set_mac
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH

from netos.addresses import EtherAddress
from netos.args import Ether, Unsigned16
from netos.handlers import read_handler, write_handler


cdef class EtherEncap(Element):
    """Prepend the same Ethernet header to every packet; its MAC header is set to it.

    Handlers: src, dst, ethertype, and etht, which is ethertype (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    live_reconfigure = True

    cdef uint8_t header[ETHER_HEADER_LENGTH]

    def configure(self, ethertype: Unsigned16, src: Ether, dst: Ether):
        cdef bytes header = bytes(dst) + bytes(src) + ethertype.to_bytes(2, "big")
        memcpy(self.header, <const char *>header, ETHER_HEADER_LENGTH)

    def replace(self, ethertype=None, src=None, dst=None):
        """Change some of the arguments."""
        ethertype = self.ethertype() if ethertype is None else ethertype
        self.router.reconfigure(self, f"0x{ethertype:04X}, {src or self.src()}, {dst or self.dst()}")

    @read_handler
    @read_handler("etht")
    def ethertype(self):
        """The Ethernet type."""
        return self.header[12] << 8 | self.header[13]

    @read_handler
    def src(self):
        """The source address."""
        return EtherAddress((<const char *>self.header)[6:12])

    @read_handler
    def dst(self):
        """The destination address."""
        return EtherAddress((<const char *>self.header)[:6])

    @write_handler("ethertype")
    @write_handler("etht")
    def set_ethertype(self, ethertype: Unsigned16):
        """Use another type."""
        self.replace(ethertype=ethertype)

    @write_handler("src")
    def set_src(self, src: Ether):
        """Use another source address."""
        self.replace(src=src)

    @write_handler("dst")
    def set_dst(self, dst: Ether):
        """Use another destination address."""
        self.replace(dst=dst)

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef Descriptor *packet
        cdef uint32_t i, kept = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            if not packet_prepend(self.vcpu, packet, ETHER_HEADER_LENGTH):
                self.drop(packet, DROP_NO_BUFFER)
                continue
            memcpy(packet.data, self.header, ETHER_HEADER_LENGTH)
            packet_set_mac(packet, packet.data)
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept

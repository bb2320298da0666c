"""EtherRewrite: give Ethernet frames other addresses (Click's EtherRewrite)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.packet cimport DROP_NO_BUFFER, DROP_TRUNCATED, Batch, Descriptor, packet_writable
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH

from netos.addresses import EtherAddress
from netos.args import Ether
from netos.handlers import read_handler, write_handler


cdef class EtherRewrite(Element):
    """Set source and destination address of each frame; what is too short for an Ethernet header is dropped.

    Handlers: src, dst (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    live_reconfigure = True

    cdef uint8_t addresses[12]      # as they stand in a frame: destination, source

    def configure(self, src: Ether, dst: Ether):
        cdef bytes addresses = bytes(dst) + bytes(src)
        memcpy(self.addresses, <const char *>addresses, 12)

    @read_handler
    def src(self):
        """The source address."""
        return EtherAddress((<const char *>self.addresses)[6:12])

    @read_handler
    def dst(self):
        """The destination address."""
        return EtherAddress((<const char *>self.addresses)[:6])

    @write_handler("src")
    def set_src(self, src: Ether):
        """Use another source address."""
        self.router.reconfigure(self, f"{src}, {self.dst()}")

    @write_handler("dst")
    def set_dst(self, dst: Ether):
        """Use another destination address."""
        self.router.reconfigure(self, f"{self.src()}, {dst}")

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef Descriptor *packet
        cdef uint32_t i, kept = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.length < ETHER_HEADER_LENGTH:
                self.drop(packet, DROP_TRUNCATED)
                continue
            if not packet_writable(self.vcpu, packet):
                self.drop(packet, DROP_NO_BUFFER)
                continue
            memcpy(packet.data, self.addresses, 12)
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept

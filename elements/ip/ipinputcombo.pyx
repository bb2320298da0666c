"""IPInputCombo: the start of an IP router in one element (Click's IPInputCombo)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.checkipheader cimport CheckIPHeader
from netos.packet cimport ANNO_PAINT, DROP_TRUNCATED, Batch, Descriptor, packet_strip
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH

from elements.ip.checkipheader import Interfaces
from netos.args import Byte, IPv4List

cdef enum:
    TINY = 0                    # the first of CheckIPHeader's reasons


cdef class IPInputCombo(CheckIPHeader):
    """Paint(COLOR), Strip(14), CheckIPHeader(INTERFACES, BADSRC, GOODDST) and GetIPAddress(16).

    Handlers: drops (read).
    """

    ports = "1/1"
    processing = "a/a"

    cdef uint8_t color

    def configure(self, color: Byte, badsrc: IPv4List = (), *, interfaces: Interfaces = ((), ()),
                  gooddst: IPv4List = ()):
        self.color = color
        self.prepare(0, interfaces, badsrc, gooddst)

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            packet.annotations[ANNO_PAINT] = self.color
            if packet.length < ETHER_HEADER_LENGTH:
                self.bad(packet, TINY, DROP_TRUNCATED)
                continue
            packet_strip(packet, ETHER_HEADER_LENGTH)
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept
        CheckIPHeader.process(self, batch)      # which sets the destination annotation, too

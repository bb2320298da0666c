"""A capture file as a device: its packets arrive as fast as they are wanted; or what is sent is written to it."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from netos.drivers.device cimport Device
from netos.drivers.pcapfile cimport LINK_ETHERNET, PcapReader, PcapRecord
from netos.drivers.pcapwriter cimport PcapWriter
from netos.kernel.memory cimport LARGE_BUFFER
from netos.packet cimport HEADROOM, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, Vcpu, packet_make, packet_release

from netos.drivers.pcapfile import open_capture
from netos.errors import DeviceError


cdef class PcapDevice(Device):
    """Replays a capture (`reading`), or writes a new one (`writing`). Time stamps are the file's."""

    def __init__(self, str path not None, *, bint reading=True, bint writing=False):
        if reading and writing:
            raise DeviceError(f"the capture file {path} is to be read and written at once", "write to another file")
        self.name = path
        self.reading = reading

    def open(self):
        """Open the file; one to be read is checked to its end first."""
        cdef PcapReader reader
        if self.reader is not None or self.writer is not None:
            return
        if not self.reading:
            self.writer = PcapWriter(self.name, LINK_ETHERNET)
            return
        reader = open_capture(self.name)
        if reader.link_type != LINK_ETHERNET:
            raise DeviceError(f"the capture file {self.name} has no Ethernet frames but link type {reader.link_type}",
                              "FromDump reads others")
        reader.check()
        self.reader = reader

    def close(self):
        """Let go of the file, everything written."""
        self.reader = None
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.close()

    cdef int rx_batch(self, Vcpu *vcpu, Batch *batch, uint32_t limit) noexcept nogil:
        cdef PcapRecord record
        cdef Descriptor *packet
        while limit and self.reader is not None and self.reader.next(&record) > 0:
            limit -= 1
            vcpu.received += 1
            packet = NULL
            if record.captured <= LARGE_BUFFER - HEADROOM and record.link_type == LINK_ETHERNET:
                packet = packet_make(vcpu, HEADROOM, record.captured)
            if packet == NULL:
                self.rx_errors += 1
                vcpu.dropped += 1
                continue
            memcpy(packet.data, record.data, record.captured)
            packet.timestamp = record.timestamp
            self.rx_packets += 1
            self.rx_bytes += record.captured
            batch.packets[batch.count] = packet
            batch.count += 1
        return 0

    cdef int tx_batch(self, Vcpu *vcpu, Batch *batch) noexcept nogil:
        cdef Descriptor *packet
        cdef uint32_t i
        for i in range(batch.count):
            packet = batch.packets[i]
            if (self.writer is None or packet.gso_type or packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM
                    or self.writer.write(packet.data, packet.length, packet.length, packet.timestamp) != 0):
                self.tx_errors += 1
                vcpu.dropped += 1
            else:
                self.tx_packets += 1
                self.tx_bytes += packet.length
                vcpu.sent += 1
            packet_release(vcpu, packet)
        batch.packets += batch.count
        batch.count = 0
        if self.writer is not None:
            self.writer.flush_now()
        return 0

"""A device without a graph: its two batch calls from Python, for the tests of drivers."""

import os

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from netos.drivers.device cimport Device
from netos.kernel.vcpu cimport VirtualCpu
from netos.offload cimport ADJUST_PSEUDO, ADJUST_UDP, checksum_adjust16, checksum_adjust32
from netos.packet cimport BATCH_MAX, Batch, Descriptor, packet_headroom
from netos.packet_handle cimport Packet, packet_wrap
from netos.wire cimport load_be16, load_be32


cdef class DeviceUser:
    """What FromDevice and ToDevice do with a device, one call at a time. Errors are OSError."""

    cdef readonly VirtualCpu cpu
    cdef readonly Device device

    def __init__(self, Device device not None, VirtualCpu cpu=None):
        self.device = device
        self.cpu = cpu if cpu is not None else VirtualCpu()

    def receive(self, uint32_t limit=BATCH_MAX):
        """Up to `limit` packets that are there now."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef int result
        batch.packets = pointers
        batch.count = 0
        with nogil:
            result = self.device.rx_batch(self.cpu.core, &batch, min(limit, <uint32_t>BATCH_MAX))
        packets = [packet_wrap(self.cpu.core, self.cpu, pointers[i]) for i in range(batch.count)]
        if result:
            raise OSError(-result, os.strerror(-result))
        return packets

    def send(self, packets):
        """Send Packets, or bytes; return those that a full device left over."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef Packet packet
        cdef int result
        given = [item if isinstance(item, Packet) else self.cpu.packet(item) for item in packets]
        if len(given) > BATCH_MAX:
            raise ValueError(f"a batch is at most {BATCH_MAX} packets")
        batch.packets = pointers
        batch.count = 0
        for packet in given:
            pointers[batch.count] = packet.give()
            batch.count += 1
        with nogil:
            result = self.device.tx_batch(self.cpu.core, &batch)
        left = [packet_wrap(self.cpu.core, self.cpu, batch.packets[i]) for i in range(batch.count)]
        if result and not left:
            raise OSError(-result, os.strerror(-result))
        return left

    def offload(self, Packet packet not None):
        """The offload fields of a packet, in the order of netos.drivers.memory.Offload."""
        cdef Descriptor *at = packet.descriptor
        start = max(<int>at.checksum_start - <int>packet_headroom(at), 0)
        return (at.virtio_flags, at.gso_type, at.gso_size, start, at.checksum_offset, at.header_length)

    def set_offload(self, Packet packet not None, offload):
        """Set them, true or not."""
        cdef Descriptor *at = packet.descriptor
        (at.virtio_flags, at.gso_type, at.gso_size, at.checksum_start, at.checksum_offset, at.header_length) = offload
        at.checksum_start += packet_headroom(at)

    def adjust(self, Packet packet not None, int check, int field, bytes value not None, bint pseudo, bint udp):
        """Rewrite 2 or 4 bytes of a packet and mend the checksum at offset `check` as a rewriter does."""
        cdef Descriptor *at = packet.descriptor
        cdef int what = (ADJUST_PSEUDO if pseudo else 0) | (ADJUST_UDP if udp else 0)
        cdef uint8_t *place = at.data + field
        if len(value) == 2:
            checksum_adjust16(at, at.data + check, load_be16(place), load_be16(value), what)
        else:
            checksum_adjust32(at, at.data + check, load_be32(place), load_be32(value), what)
        memcpy(place, <char *>value, len(value))

    def relay(self, Device other not None, uint32_t limit=BATCH_MAX):
        """Receive a batch and send it out of another device, all in C; return how many packets came."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef uint32_t count
        batch.packets = pointers
        batch.count = 0
        with nogil:
            self.device.rx_batch(self.cpu.core, &batch, limit)
            count = batch.count
            other.tx_batch(self.cpu.core, &batch)
        for i in range(batch.count):
            packet_wrap(self.cpu.core, self.cpu, batch.packets[i]).kill()
        return count

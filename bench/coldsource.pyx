"""A source whose every packet lies in a buffer that was used 131 072 packets ago, as if memory were always cold."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from elements.standard.source cimport Source
from netos.kernel.task cimport task_schedule
from netos.packet cimport BATCH_MAX, DROP_CLOSED, HEADROOM, Batch, Descriptor, packet_create, prefetch

from netos.args import Data, Integer


cdef class ColdSource(Source):
    """Make packets of DATA for ever, in PACKETS buffers used in turn."""

    processing = "h/h"

    cdef Descriptor **ring
    cdef uint32_t slots
    cdef uint32_t at

    def configure(self, data: Data, packets: Integer = 131072):
        self.set_content(data)
        self.prepare(-1, True, False, None, False)
        self.slots = packets

    def initialize(self):
        cdef uint32_t i
        self.ring = <Descriptor **>malloc(self.slots * sizeof(void *))
        for i in range(self.slots):
            self.ring[i] = packet_create(self.vcpu, HEADROOM, self.size)
            if self.ring[i] == NULL:
                raise MemoryError("the arena is too small for the cold benchmark")
        self.start_task(True)

    def cleanup(self):
        cdef uint32_t i
        for i in range(self.slots if self.ring != NULL else 0):
            self.drop(self.ring[i], DROP_CLOSED)
        free(self.ring)
        self.ring = NULL

    cdef bint run_task(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef uint32_t i
        batch.packets = pointers
        batch.count = BATCH_MAX
        for i in range(BATCH_MAX):      # as a driver does: fetch ahead what the next packets need
            prefetch(self.ring[(self.at + 16) & (self.slots - 1)])
            prefetch(self.ring[(self.at + 8) & (self.slots - 1)].data)
            pointers[i] = self.ring[self.at]
            self.ring[self.at] = packet_create(self.vcpu, HEADROOM, self.size)
            self.at = (self.at + 1) & (self.slots - 1)
            memcpy(pointers[i].data, self.bytes_at, self.size)
        self.count += BATCH_MAX
        self.send_burst(0, &batch)
        task_schedule(&self.task)
        return 1

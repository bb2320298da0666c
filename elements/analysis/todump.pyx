"""ToDump: write packets to a capture file (Click's ToDump)."""

import logging
import os

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.drivers.pcapwriter cimport PcapWriter
from netos.element cimport Element, port_pull
from netos.kernel.clock cimport clock_wall
from netos.kernel.notifier cimport Signal, signal_active, signal_free
from netos.kernel.task cimport task_schedule
from netos.packet cimport ANNO_EXTRA_LENGTH, BATCH_MAX, Batch, Descriptor, batch_consume

from elements.analysis.link_types import LINK_TYPES, Encapsulation
from netos.args import Bool, ElementName, FileName, ListOf, Unsigned
from netos.errors import ArgumentError
from netos.handlers import write_handler

log = logging.getLogger("netos.element")

cdef enum:
    EVENT_FAILED = 0


cdef class ToDump(Element):
    """Write packets to the pcap file FILENAME (`-` is standard output), and pass them on if there is an output.

    SNAPLEN is how many bytes of a packet to keep (0: all). ENCAP is the link type, ETHER by default; USE_ENCAP_FROM
    takes it from FromDump elements instead. EXTRA_LENGTH counts the extra length annotation as length on the wire. NANO
    (the default) keeps nanoseconds. UNBUFFERED writes each packet at once. PER_NODE changes nothing here. When the file
    cannot be written any more, that is logged once and packets only pass. Handlers: count, filename (read),
    reset_counts (write).
    """

    ports = "1/0-1"
    processing = "a/a"
    unreplicable = "all would write the same file"
    handlers = ("count", "filename")
    observes = True
    phase = 110                     # after the FromDumps that it may ask

    cdef readonly uint64_t count
    cdef readonly str filename
    cdef PcapWriter writer          # None: not open, or not writable any more
    cdef bint failed
    cdef bint extra, unbuffered, nanoseconds
    cdef uint32_t snaplen
    cdef object link_type           # None: ask `sources`
    cdef tuple sources
    cdef Signal signal

    def configure(self, filename: FileName, snaplen: Unsigned = 2000, encap: Encapsulation = None, *,
                  use_encap_from: ListOf(ElementName) = (), extra_length: Bool = True, unbuffered: Bool = False,
                  nano: Bool = True, per_node: Bool = False):
        if encap is not None and use_encap_from:
            raise ArgumentError("ENCAP and USE_ENCAP_FROM are mutually exclusive")
        for element in use_encap_from:
            if not hasattr(element, "encap"):
                raise ArgumentError(f"{element.name} has no encapsulation", "USE_ENCAP_FROM")
        self.filename, self.snaplen, self.link_type, self.sources = filename, snaplen, encap, use_encap_from
        self.extra, self.unbuffered, self.nanoseconds = extra_length, unbuffered, nano

    def initialize(self):
        if self.sources:
            names = {self.router.read(f"{element.name}.encap") for element in self.sources}
            if len(names) > 1:
                raise ArgumentError(f"conflicting encapsulations {' and '.join(sorted(names))}", "USE_ENCAP_FROM")
            self.link_type = Encapsulation().parse(names.pop())
        link_type = LINK_TYPES["ETHER"] if self.link_type is None else self.link_type
        self.writer = PcapWriter(self.filename, link_type, snaplen=self.snaplen or 0xffffffff,
                                 nanoseconds=self.nanoseconds)
        if self.input_processing == "l" and self.n_outputs == 0:
            self.upstream_signal(0, &self.signal)
            self.start_task(True)

    def cleanup(self):
        writer, self.writer, self.failed = self.writer, None, True
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                log.error("%s: %s: %s", self.name, self.filename, error.strerror)

    def __dealloc__(self):
        signal_free(&self.signal)

    def deliver(self, kind, value):
        if kind == EVENT_FAILED:
            log.error("%s: %s: %s; packets are not written any more", self.name, self.filename, os.strerror(value))
        else:
            Element.deliver(self, kind, value)

    @write_handler
    def reset_counts(self):
        """Zero the count."""
        self.count = 0

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            if self.failed:
                break
            self.write(batch.packets[i])
        if self.n_outputs == 0:
            batch_consume(self.vcpu, batch)

    cdef void write(self, Descriptor *packet) noexcept nogil:
        cdef uint32_t extra = 0
        cdef int result
        cdef int64_t when = packet.timestamp if packet.timestamp else clock_wall(&self.vcpu.clock)
        if self.extra:
            memcpy(&extra, packet.annotations + ANNO_EXTRA_LENGTH, 4)
        result = self.writer.write(packet.data, packet.length, packet.length + extra, when)
        if result == 0 and self.unbuffered:
            result = self.writer.flush_now()
        if result:
            self.failed = 1
            self.tell(EVENT_FAILED, -result)
        else:
            self.count += 1

    cdef bint run_task(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef bint worked
        batch.packets = pointers
        batch.count = 0
        port_pull(&self.inputs[0], self.burst(1), &batch)
        worked = batch.count > 0
        self.process(&batch)
        if worked or signal_active(&self.signal):
            task_schedule(&self.task)
        return worked

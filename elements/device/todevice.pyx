"""ToDevice: where packets go out to a network device (Click's user-level ToDevice)."""

from libc.errno cimport EAGAIN
from libc.stdint cimport uint32_t, uint64_t

from elements.device.attachment cimport attach
from netos.element cimport Element, port_pull
from netos.kernel.notifier cimport signal_active, signal_free
from netos.kernel.task cimport task_schedule
from netos.packet cimport (
    DROP_BAD_PACKET, DROP_CLOSED, DROP_DEVICE_FULL, DROP_DEVICE_GONE, Batch, Descriptor, packet_clone, packet_release,
)

from netos.args import Bool, Integer, Text
from netos.drivers.devices import claim_device
from netos.handlers import read_handler, write_handler


cdef class ToDevice:
    """Send packets to a device, pulled up to BURST a run, or pushed.

    A full device makes a pulling ToDevice wait; of pushed packets, those that do not fit are lost. Packets sent go out
    of output 0 if there is one, packets lost out of output 1. DEVNAME as for FromDevice, whose keywords configure the
    device. NO_PAD, QUEUE, METHOD and DEBUG change nothing here.
    Handlers: count, drops, pulls, calls, holds, packets (read), reset_counts (write).
    """

    ports = "1/0-2"
    processing = "a/h"
    handlers = ("count", "pulls", "calls", "holds")
    offload = "none"

    def configure(self, devname: Text, burst: Integer(minimum=1) = 1, *, no_pad: Bool = False,
                  queue: Integer(minimum=0) = 0, method: Text = "", debug: Bool = False):
        self.burst_size = burst
        self.claim = claim_device(self.cpu, devname, writing=True)

    def initialize(self):
        self.attachment = attach(self.claim, self.cpu)
        self.offload = "any" if self.attachment.device.offload else "none"
        self.echoes = self.n_outputs > 0
        if self.input_processing == "l":
            self.upstream_signal(0, &self.signal)
            self.start_task(True)

    def cleanup(self):
        if self.attachment is not None:
            self.attachment.forget_task(&self.task)
            self.drop_batch(&self.held, DROP_CLOSED)
            self.attachment = None
        if self.claim is not None:
            self.claim.release()
            self.claim = None

    def suspend(self):
        self.attachment.forget_task(&self.task)
        Element.suspend(self)

    def resume(self):
        Element.resume(self)
        if self.uses_task:
            task_schedule(&self.task)

    def take_state(self, ToDevice old):
        """Take what the old element could not send yet: its pointers stay in order, and go first."""
        cdef uint32_t i
        for i in range(old.held.count):
            self.pointers[i] = old.held.packets[i]
        self.held.packets = self.pointers
        self.held.count = old.held.count
        old.held.count = 0
        self.count += old.count
        if self.held.count and self.uses_task:
            task_schedule(&self.task)
        elif self.held.count:
            self.lose(&self.held, DROP_DEVICE_FULL)

    def __dealloc__(self):
        signal_free(&self.signal)

    def moved(self, cpu, home):
        """The element works on another virtual CPU: so does its device."""
        if self.attachment is not None:
            self.attachment.move(cpu, home)

    @property
    def device(self):
        """The device itself, once it is open."""
        return self.attachment.device if self.attachment is not None else None

    @read_handler("drops")
    def dropped(self):
        """Packets that could not be sent."""
        return sum(self.drop_counts.values())

    @read_handler
    def packets(self):
        """Packets sent."""
        return self.count

    @write_handler
    def reset_counts(self):
        """Zero the counts."""
        self.count = self.pulls = self.calls = self.holds = 0

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef int result = self.transmit(batch)
        if result:
            self.lose(batch, DROP_DEVICE_FULL if result == -EAGAIN else DROP_DEVICE_GONE)

    cdef bint run_task(self) noexcept nogil:
        cdef uint32_t moved = 0
        cdef uint32_t wanted = self.burst(self.burst_size)
        cdef int result
        while moved < wanted:
            if self.held.count == 0:
                self.held.packets = self.pointers
                port_pull(&self.inputs[0], min(wanted - moved, self.vcpu.width), &self.held)
                self.pulls += 1
                if self.held.count == 0:
                    break
            moved += self.held.count
            result = self.transmit(&self.held)
            if result == -EAGAIN:
                self.holds += 1
                self.attachment.wait_for_room(&self.task)
                return True
            if result:
                self.lose(&self.held, DROP_DEVICE_GONE)
        if moved or signal_active(&self.signal):
            task_schedule(&self.task)
        return moved > 0

    cdef int transmit(self, Batch *batch) noexcept nogil:
        """Send what the device takes; 0 or -errno, and then the rest is still in the batch."""
        cdef uint64_t errors = self.attachment.device.tx_errors
        cdef uint32_t before = batch.count
        cdef int result
        if self.echoes:
            return self.transmit_singly(batch)
        self.calls += 1
        result = self.attachment.transmit(batch)
        errors = self.attachment.device.tx_errors - errors
        self.drops[DROP_BAD_PACKET] += errors
        self.count += before - batch.count - errors
        return result

    cdef int transmit_singly(self, Batch *batch) noexcept nogil:
        """The same, with a copy of each packet for whoever listens to the outputs."""
        cdef Batch one
        cdef Descriptor *copy
        cdef uint64_t errors
        cdef int result = 0
        while batch.count and result == 0:
            copy = packet_clone(self.vcpu, batch.packets[0])
            errors = self.attachment.device.tx_errors
            one.packets = batch.packets
            one.count = 1
            self.calls += 1
            result = self.attachment.transmit(&one)
            if one.count:                               # still ours: the copy is for nobody
                if copy != NULL:
                    self.forget(copy)
                break
            batch.packets += 1
            batch.count -= 1
            if self.attachment.device.tx_errors > errors:
                self.drops[DROP_BAD_PACKET] += 1
                if copy != NULL and self.n_outputs > 1:
                    self.send_one(1, copy)
                elif copy != NULL:
                    self.forget(copy)
            else:
                self.count += 1
                if copy != NULL:
                    self.send_one(0, copy)
        return result

    cdef void forget(self, Descriptor *copy) noexcept nogil:
        """Undo a clone."""
        self.vcpu.created -= 1
        packet_release(self.vcpu, copy)

    cdef void lose(self, Batch *batch, int reason) noexcept nogil:
        cdef uint32_t i
        for i in range(batch.count):
            self.reject(batch.packets[i], reason)
        batch.count = 0

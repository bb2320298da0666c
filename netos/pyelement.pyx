"""PyElement: an element whose packets pass through Python.

A subclass gives the same literals and `configure` as any element, and one of
    process(packet)         called for each packet, pushed or pulled; return the packet to pass it on
    receive(port, packet)   called for each packet pushed into `port`; send with self.output(port, packet)
    supply(port)            called for each packet pulled from `port`; return one, or None
and perhaps run_task(), after self.schedule_task(), and run_timer(), after self.schedule_after(seconds).
What raises is logged and counted, and its packet dropped as `exception`; a packet that is neither passed on nor killed
is dropped as `abandoned`. No packet is lost without a count and no exception reaches the data path.
"""

from libc.stdint cimport uint32_t

from netos.element cimport Element, port_pull, port_push
from netos.kernel.clock cimport clock_steady
from netos.kernel.task cimport task_schedule
from netos.kernel.timer cimport Timer, timer_cancel, timer_schedule
from netos.kernel.vcpu cimport VirtualCpu
from netos.packet cimport BATCH_MAX, DROP_ABANDONED, DROP_EXCEPTION, Batch, Descriptor
from netos.packet_handle cimport Packet, packet_wrap, vcpu_check


def log():
    """The elements' logger; logging is imported when there is something to log, not at every start."""
    import logging
    return logging.getLogger("netos.element")


cdef class PyElement(Element):
    """The base of elements written in Python."""

    ports = "1/1"
    processing = "a/a"
    observes = True

    def __cinit__(self, *args, **kwargs):
        kind = type(self)
        self.process_method = getattr(kind, "process", None)
        self.receive_method = getattr(kind, "receive", None)
        self.supply_method = getattr(kind, "supply", None)
        self.task_method = getattr(kind, "run_task", None)
        self.timer_method = getattr(kind, "run_timer", None)
        self.pending = NULL

    def bind(self, router, VirtualCpu cpu not None, name, configuration, location, input_processing,
             output_processing):
        """Give the element its place."""
        Element.bind(self, router, cpu, name, configuration, location, input_processing, output_processing)
        self.start_timer(&self.timer)
        if self.task_method is not None:
            self.start_task(False)

    # What a subclass calls

    def output(self, int port, Packet packet not None):
        """Push a packet out of a push output; its handle dies."""
        if not 0 <= port < self.n_outputs:
            raise IndexError(f"{self.name} has no output {port}")
        if self.output_processing[port] != "h":
            raise RuntimeError(f"{self.name}: output {port} is pulled; return packets from supply()")
        packet.check()
        (<VirtualCpu>self.cpu).adopt(packet)
        self.flush()
        self.send_one(port, packet.give())

    def input(self, int port=0):
        """Pull a packet from a pull input; None when there is none."""
        cdef Descriptor *pointer = NULL
        cdef Batch batch
        if not 0 <= port < self.n_inputs:
            raise IndexError(f"{self.name} has no input {port}")
        vcpu_check(self.vcpu)
        batch.packets = &pointer
        batch.count = 0
        port_pull(&self.inputs[port], 1, &batch)
        return packet_wrap(self.vcpu, self.cpu, pointer) if batch.count else None

    def packet(self, data=b"", unsigned int headroom=64):
        """A new packet."""
        return (<VirtualCpu>self.cpu).packet(data, headroom)

    def schedule_task(self):
        """Have run_task() called; it is called again when it returns true."""
        task_schedule(&self.task)
        self.wake()

    def schedule_after(self, double seconds):
        """Have run_timer() called that many seconds from now; a later call replaces an earlier one."""
        timer_schedule(&self.timer, clock_steady(&self.vcpu.clock) + <long long>(seconds * 1e9))
        self.wake()

    def unschedule(self):
        """Do not call run_timer() after all."""
        timer_cancel(&self.timer)

    # How the graph calls it

    cdef object call(self, object method, tuple arguments):
        """Call, and turn an exception into a log line and a count; Ctrl-C and its like are raised after the batch."""
        try:
            return method(self, *arguments)
        except BaseException as error:
            self.exceptions += 1
            try:
                if not isinstance(error, Exception):
                    (<VirtualCpu>self.cpu).interrupt(error)
                else:
                    log().error("%s: %s: %s", self.name, type(error).__name__, error, exc_info=self.exceptions == 1)
            except BaseException:       # even that is too much: Python is out of stack, or of memory
                pass
            return error

    cdef void flush(self) noexcept nogil:
        """Send what process() has returned so far, so that nothing overtakes it."""
        cdef Batch *batch = self.pending
        if batch != NULL and batch.count:
            port_push(&self.outputs[0], batch)
            batch.count = 0

    cdef void process_one(self, Descriptor *descriptor, Batch *kept) noexcept:
        cdef Packet packet = packet_wrap(self.vcpu, self.cpu, descriptor)
        result = self.call(self.process_method, (packet,))
        if packet.descriptor == NULL and not isinstance(result, Packet):
            return
        if isinstance(result, Packet) and (<Packet>result).descriptor != NULL and (<Packet>result).exports == 0:
            (<VirtualCpu>self.cpu).adopt(result)
            kept.packets[kept.count] = (<Packet>result).give()
            kept.count += 1
        self.abandon(packet, isinstance(result, BaseException))

    cdef void receive_one(self, int port, Descriptor *descriptor) noexcept:
        cdef Packet packet = packet_wrap(self.vcpu, self.cpu, descriptor)
        result = self.call(self.receive_method, (port, packet)) if self.receive_method is not None else None
        self.abandon(packet, isinstance(result, BaseException))

    cdef void abandon(self, Packet packet, bint failed) noexcept:
        """Drop what Python has left of a packet."""
        if packet.descriptor == NULL:
            return
        if packet.exports:          # somebody still looks at its bytes: the handle's end will count it
            return
        self.drop(packet.give(), DROP_EXCEPTION if failed else DROP_ABANDONED)

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch kept
        cdef Batch *outer = self.pending
        cdef uint32_t i
        kept.packets = pointers
        kept.count = 0
        with gil:
            self.pending = &kept
            for i in range(batch.count):
                if self.process_method is not None:
                    self.process_one(batch.packets[i], &kept)
                else:
                    self.receive_one(port, batch.packets[i])
            self.pending = outer
        if kept.count:
            if self.n_outputs:
                port_push(&self.outputs[0], &kept)
            else:
                self.drop_batch(&kept, DROP_ABANDONED)

    cdef void pull_batch(self, int port, uint32_t limit, Batch *into) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch pulled
        cdef uint32_t i
        if self.supply_method is None:
            pulled.packets = pointers
            pulled.count = 0
            if self.n_inputs:
                port_pull(&self.inputs[0], limit, &pulled)
            if pulled.count:
                with gil:
                    for i in range(pulled.count):
                        self.process_one(pulled.packets[i], into)
            return
        with gil:
            for _ in range(limit):
                packet = self.call(self.supply_method, (port,))
                if not isinstance(packet, Packet) or (<Packet>packet).descriptor == NULL or (<Packet>packet).exports:
                    break
                (<VirtualCpu>self.cpu).adopt(packet)
                into.packets[into.count] = (<Packet>packet).give()
                into.count += 1

    cdef bint run_task(self) noexcept nogil:
        with gil:
            again = self.call(self.task_method, ())
            if again and not isinstance(again, BaseException):
                task_schedule(&self.task)
        return 1

    cdef void run_timer(self, Timer *timer) noexcept nogil:
        with gil:
            if self.timer_method is not None:
                self.call(self.timer_method, ())

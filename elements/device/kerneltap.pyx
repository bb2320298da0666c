"""KernelTap: a network interface of the host's kernel whose other end is here (Click's KernelTap)."""

from libc.stdint cimport uint64_t

from elements.device.attachment cimport attach
from elements.device.todevice cimport ToDevice
from netos.packet cimport BATCH_MAX, DROP_BAD_PACKET, Batch, Descriptor

from netos.addresses import EtherAddress
from netos.args import Alias, Bool, Ether, Integer, IPv4, IPv4Prefix, Text
from netos.drivers.devices import claim_device
from netos.drivers.interface import Interface
from netos.drivers.netns import call_in_namespace
from netos.errors import ArgumentError
from netos.handlers import read_handler


cdef void receive_now(void *object) noexcept nogil:
    (<KernelTap>object).receive()


cdef class KernelTap(ToDevice):
    """Make a tap interface with the address and network ADDR/MASK: what the kernel sends to it comes out of output 0,
    what comes in the kernel receives; what it does not take goes out of output 1.

    GATEWAY becomes the kernel's default router. ETHER is the interface's address (00-01-02-03-04-05), DEVNAME its name
    (tapN). HEADROOM and IGNORE_QUEUE_OVERFLOWS change nothing here. OFFLOAD and NETNS as for FromDevice.
    Handlers: dev_name, packets, count, drops, selected_calls (read).
    """

    ports = "0-1/1-2"
    processing = "a/h"
    flow = "x/y"

    cdef uint64_t received
    cdef uint64_t selected

    def configure(self, addr: IPv4Prefix(bare=True), gateway: IPv4 = None, *, tap: Bool = True, headroom: Integer = 0,
                  burst: Integer(minimum=1) = 1, ether: Ether = EtherAddress("00:01:02:03:04:05"),
                  ignore_queue_overflows: Bool = False, mtu: Integer(minimum=68, maximum=65521) = 2048,
                  devname: Alias(Text, "DEV_NAME") = "tap%d", offload: Bool = None, netns: Text = None):
        if not tap:
            raise ArgumentError("only Ethernet interfaces can be made: leave it out", "TAP")
        self.burst_size = burst
        self.gateway = gateway
        self.namespace = netns
        self.claim = claim_device(self.cpu, devname, key=self.name if "%" in devname else "", prefix=addr,
                                  mac=bytes(ether), mtu=mtu, offload=offload, namespace=netns, up=True)

    def initialize(self):
        self.attachment = attach(self.claim, self.cpu)
        device = self.attachment.device
        self.offload = "any" if device.offload else "none"
        if self.gateway is not None:
            call_in_namespace(self.namespace, self.add_route)
        self.attachment.read_with(self, receive_now, <void *>self)
        if self.input_processing == "l":
            self.upstream_signal(0, &self.signal)
            self.start_task(True)

    def add_route(self):
        with Interface(self.attachment.device.name) as interface:
            interface.add_default_route(self.gateway.packed)

    def suspend(self):
        self.attachment.read_no_more(self)
        ToDevice.suspend(self)

    def resume(self):
        self.attachment.read_with(self, receive_now, <void *>self)
        ToDevice.resume(self)

    def cleanup(self):
        if self.attachment is not None:
            self.attachment.read_no_more(self)
        ToDevice.cleanup(self)

    @read_handler
    def dev_name(self):
        """The name of the interface."""
        return self.attachment.device.name if self.attachment is not None else ""

    @read_handler("packets")
    def packets_received(self):
        """Packets that came from the kernel."""
        return self.received

    @read_handler
    def selected_calls(self):
        """How often the interface had something to read."""
        return self.selected

    cdef void receive(self) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef uint64_t errors = self.attachment.device.rx_errors
        cdef int result
        batch.packets = pointers
        batch.count = 0
        self.selected += 1
        result = self.attachment.read_batch(&batch, self.burst(self.burst_size))
        self.drops[DROP_BAD_PACKET] += self.attachment.device.rx_errors - errors
        self.received += batch.count
        self.send_burst(0, &batch)
        if result:
            self.attachment.trouble(-result)

"""FromDevice: where the packets of a network device come in (Click's user-level FromDevice)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from elements.device.attachment cimport Attachment, attach
from netos.element cimport Element
from netos.kernel.task cimport task_cancel, task_schedule
from netos.packet cimport BATCH_MAX, DROP_BAD_PACKET, DROP_FILTERED, Batch, Descriptor, packet_set_network
from netos.proto.ethernet cimport ETHER_HEADER_LENGTH, ETHERTYPE_IP, ether_type
from netos.proto.ipv4 cimport IP_HEADER_LENGTH, ip_header_length

from netos.args import Bool, Ether, Integer, IPv4Prefix, Text, Word
from netos.drivers.devices import claim_device
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler


cdef void receive_now(void *object) noexcept nogil:
    (<FromDevice>object).receive()


cdef class FromDevice(Element):
    """Push what arrives at a device: up to BURST packets at a time, each with its time stamp and its MAC header set.

    DEVNAME is a tap interface (made if it is not there), `tap:NAME`, `mem:NAME`, `pcap:FILE`, or a device the program
    has given to the virtual CPU. netos's own keywords configure a tap, the host's end of it: ADDRESS (its IPv4 prefix),
    MAC, MTU, UP, TXQUEUELEN, OFFLOAD (frames may be segmentation packets or lack their checksum), MULTI_QUEUE,
    PERSISTENT, NETNS (a network namespace, by name or path). FORCE_IP keeps IP packets only and sets their network
    header; without TIMESTAMP the time stamp stays unset. SNIFFER, PROMISC, SNAPLEN, METHOD, CAPTURE, HEADROOM and
    OUTBOUND change nothing here.
    Handlers: count, drops, calls, encap (read), active (read, write), reset_counts (write).
    """

    ports = "0/1"
    processing = "h/h"
    handlers = ("count", "calls", "active", "encap")
    encap = "ETHER"

    cdef readonly uint64_t count
    cdef readonly uint64_t calls
    cdef readonly bint active
    cdef object claim
    cdef Attachment attachment
    cdef uint32_t burst_size
    cdef bint force_ip
    cdef bint stamped
    cdef bint polled                    # there is nothing to wait on: a task reads

    def configure(self, devname: Text, promisc: Bool = False, snaplen: Integer = 0, *, sniffer: Bool = False,
                  force_ip: Bool = False, method: Word = "", capture: Word = "", bpf_filter: Text = "",
                  protocol: Integer = 0, outbound: Bool = False, headroom: Integer = 0, encap: Word = "ETHER",
                  burst: Integer(minimum=1) = 1, timestamp: Bool = True, active: Bool = True,
                  address: IPv4Prefix() = None, mac: Ether = None, mtu: Integer(minimum=68, maximum=65521) = None,
                  up: Bool = None, txqueuelen: Integer(minimum=1) = None, offload: Bool = None,
                  multi_queue: Bool = None, persistent: Bool = None, netns: Text = None):
        if bpf_filter or protocol:
            raise ArgumentError("this driver does not filter: put an IPFilter or a Classifier behind",
                                "BPF_FILTER" if bpf_filter else "PROTOCOL")
        if encap != "ETHER":
            raise ArgumentError("frames of this driver are Ethernet: leave it out", "ENCAP")
        self.burst_size = burst
        self.force_ip = force_ip
        self.stamped = timestamp
        self.active = active
        self.claim = claim_device(
            self.cpu, devname, reading=True, prefix=address, mac=mac and bytes(mac), mtu=mtu, up=up,
            queue_length=txqueuelen, offload=offload, multi_queue=multi_queue, persistent=persistent, namespace=netns)

    def initialize(self):
        self.attachment = attach(self.claim, self.cpu)
        self.attachment.read_with(self, receive_now, <void *>self)
        self.polled = self.attachment.device.fd < 0
        self.attachment.set_reading(self.active)
        if self.polled:
            self.start_task(self.active)

    def cleanup(self):
        if self.attachment is not None:
            self.attachment.read_no_more(self)
            self.attachment = None
        if self.claim is not None:
            self.claim.release()
            self.claim = None

    def suspend(self):
        self.attachment.read_no_more(self)
        Element.suspend(self)

    def resume(self):
        self.attachment.read_with(self, receive_now, <void *>self)
        self.attachment.set_reading(self.active)
        Element.resume(self)

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
        """Frames that could not be had, or were filtered."""
        return sum(self.drop_counts.values())

    @write_handler("active")
    def set_active(self, active: Bool):
        """Read the device, or leave its packets where they are."""
        self.active = active
        self.attachment.set_reading(active)
        if self.polled and active:
            task_schedule(&self.task)
        elif self.polled:
            task_cancel(&self.task)

    @write_handler
    def reset_counts(self):
        """Zero the counts."""
        self.count = self.calls = 0

    cdef bint run_task(self) noexcept nogil:
        cdef uint64_t before = self.attachment.brought()
        cdef bint more
        self.receive()
        more = self.attachment.brought() > before
        if more:
            task_schedule(&self.task)
        return more

    cdef void receive(self) noexcept nogil:
        """Read a burst and push it."""
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch batch
        cdef uint64_t errors = self.attachment.device.rx_errors
        cdef int result
        batch.packets = pointers
        batch.count = 0
        result = self.attachment.read_batch(&batch, self.burst(self.burst_size))
        self.drops[DROP_BAD_PACKET] += self.attachment.device.rx_errors - errors
        self.calls += 1
        self.count += batch.count
        if self.force_ip or not self.stamped:
            self.sift(&batch)
        self.send_burst(0, &batch)
        if result:
            self.attachment.trouble(-result)

    cdef void sift(self, Batch *batch) noexcept nogil:
        """FORCE_IP and TIMESTAMP."""
        cdef uint32_t i, kept = 0
        cdef Descriptor *packet
        for i in range(batch.count):
            packet = batch.packets[i]
            if not self.stamped:
                packet.timestamp = 0
            if self.force_ip and not mark_ip(packet):
                self.drop(packet, DROP_FILTERED)
                continue
            batch.packets[kept] = packet
            kept += 1
        batch.count = kept


cdef bint mark_ip(Descriptor *packet) noexcept nogil:
    """Set the network header of an IPv4 packet; 0 when it is none."""
    cdef const uint8_t *ip = packet.data + ETHER_HEADER_LENGTH
    if packet.length < ETHER_HEADER_LENGTH + IP_HEADER_LENGTH or ether_type(packet.data) != ETHERTYPE_IP:
        return 0
    if ip[0] >> 4 != 4 or not IP_HEADER_LENGTH <= ip_header_length(ip) <= packet.length - ETHER_HEADER_LENGTH:
        return 0
    packet_set_network(packet, ip, ip_header_length(ip))
    return 1

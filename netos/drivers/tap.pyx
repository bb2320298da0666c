"""TAP: Ethernet frames by way of a Linux tap interface (the kernel's tuntap.rst), with virtio-net headers if wanted.

A received frame is one readv into [virtio header | small buffer | large buffer at the offset where the small one ends]:
most end in the small buffer; for those that do not, the small part is copied in front of the rest.
"""

import errno as codes
import fcntl
import os
import struct

cimport cython
from libc.errno cimport EAGAIN, EBADF, EINTR, EINVAL, EIO, ENODEV, ENXIO, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy
from posix.uio cimport iovec, readv, writev
from posix.unistd cimport close as close_descriptor
from posix.unistd cimport read, write

from netos.drivers.device cimport Device
from netos.kernel.clock cimport clock_wall
from netos.kernel.memory cimport LARGE_BUFFER, SMALL_BUFFER, ArenaData, arena_get, pool_give
from netos.packet cimport (
    GSO_ECN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, HEADROOM, VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, Vcpu,
    packet_guard, packet_headroom, packet_make, packet_release,
)

from netos.drivers.interface import Interface, check_name
from netos.drivers.netns import call_in_namespace
from netos.drivers.tundevice import open_tun
from netos.errors import DeviceError

cdef extern from "<errno.h>" nogil:
    """
    #define netos_set_errno(value) (errno = (value))
    """
    enum: EBADFD
    void set_errno "netos_set_errno"(int value)

cdef enum:
    SMALL_SPACE = SMALL_BUFFER - HEADROOM
    LARGE_SPACE = LARGE_BUFFER - HEADROOM
    TCP_CHECKSUM_OFFSET = 16
    UDP_CHECKSUM_OFFSET = 6
    MTU_SMALL = 1900            # above it, frames may not fit a small buffer
    BATCH_BYTES = 262144        # a batch of more is out of the cache before it is sent (0.6 of the rate at 16 MiB)

TUNSETIFF = 0x400454CA
TUNSETPERSIST = 0x400454CB
TUNSETOFFLOAD = 0x400454D0
TUNGETIFF = 0x800454D2
TUNSETVNETHDRSZ = 0x400454D8
IFF_TAP = 0x0002
IFF_MULTI_QUEUE = 0x0100
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000
OFFLOAD_TCP = 0x0F              # CSUM, TSO4, TSO6, TSO_ECN
OFFLOAD_UDP = 0x60              # USO4, USO6


@cython.no_gc_clear
cdef class Tap(Device):
    """A tap interface, made if it is not there; needs CAP_NET_ADMIN, or an interface made for this user beforehand.

    `prefix` (IPv4Interface), `mac`, `mtu`, `queue_length` and `up` are the host's end; None leaves what is there, but
    an interface made here, or given a prefix, comes up. `offload` carries partial checksums and segmentation packets.
    `multi_queue` lets others open further queues of it. `namespace`: where the interface lies (see netns). Unless
    `persistent`, an interface made here ends with close(), or with the process. `descriptor`: a queue that somebody
    with the right to do so has opened and configured for us, `offload` or not as said.
    """

    def __init__(self, str name not None, *, prefix=None, bytes mac=None, mtu=None, up=None, queue_length=None,
                 bint offload=False, bint multi_queue=False, bint persistent=False, namespace=None,
                 descriptor=None):
        check_name(name)
        self.name = name
        self.offload = offload
        self.prefix = prefix
        self.mac = mac
        self.wanted_mtu = mtu
        self.up = up
        self.queue_length = queue_length
        self.multi_queue = multi_queue
        self.persistent = persistent
        self.namespace = namespace
        self.descriptor = descriptor
        self.host_address = b""         # the Ethernet address of the host's end, known once it is open

    def __dealloc__(self):
        if self.fd >= 0:
            close_descriptor(self.fd)
        self.free_large()

    def open(self):
        """Attach to the interface, or make it, and configure it."""
        if self.fd >= 0:
            return
        if self.descriptor is not None:
            os.set_blocking(self.descriptor, False)
            self.fd = fcntl.fcntl(self.descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
            self.wide = 1
            return
        call_in_namespace(self.namespace, self.open_here)

    def open_here(self):
        self.fd = open_tun()
        try:
            with Interface(self.name) as interface:
                self.made = not interface.exists
                if not self.made and interface.driver not in ("tun tap", ""):
                    raise DeviceError(f"{self.name} is not a tap interface but one of the driver {interface.driver}",
                                      "this driver makes and uses taps: name another interface")
            self.attach()
            with Interface(self.name) as interface:
                self.configure(interface)
        except BaseException:
            self.close()
            raise

    def attach(self):
        flags = IFF_TAP | IFF_NO_PI | (IFF_VNET_HDR if self.offload else 0)
        flags |= IFF_MULTI_QUEUE if self.multi_queue else 0
        request = struct.pack("16sH22x", self.name.encode(), flags)
        try:
            answer = fcntl.ioctl(self.fd, TUNSETIFF, request)
        except OSError as error:
            raise attach_error(self.name, self.multi_queue, self.made, error.errno) from None
        self.name = answer[:16].split(b"\0", 1)[0].decode()
        if self.persistent:
            fcntl.ioctl(self.fd, TUNSETPERSIST, 1)
        if not self.offload:
            fcntl.ioctl(self.fd, TUNSETOFFLOAD, 0)
            return
        fcntl.ioctl(self.fd, TUNSETVNETHDRSZ, struct.pack("i", sizeof(NetHeader)))
        try:
            fcntl.ioctl(self.fd, TUNSETOFFLOAD, OFFLOAD_TCP | OFFLOAD_UDP)
        except OSError:                 # UDP segmentation came with Linux 6.2
            fcntl.ioctl(self.fd, TUNSETOFFLOAD, OFFLOAD_TCP)

    def configure(self, interface):
        if self.mac is not None and interface.address != self.mac:
            interface.up = False
            interface.address = self.mac
        if self.wanted_mtu is not None:
            interface.mtu = self.wanted_mtu
        if self.queue_length is not None:
            interface.set_queue_length(self.queue_length)
        if self.prefix is not None:
            interface.set_prefix(self.prefix)
        up = self.made or self.prefix is not None or self.mac is not None if self.up is None else self.up
        if up != interface.up and (up or self.up is not None):
            interface.up = up
        self.mtu = interface.mtu
        self.host_address = interface.address
        self.wide = self.offload or self.mtu > MTU_SMALL

    def close(self):
        """Detach; an interface that open() made is gone unless it is persistent."""
        if self.fd >= 0:
            close_descriptor(self.fd)
            self.fd = -1
        self.free_large()

    def recover(self):
        """Attach anew if the interface is gone; one that is down has to be taken up by whoever took it down.

        One that is attached but not to be found has been moved to another namespace: only a try can tell if it is up.
        """
        if self.fd >= 0 and is_attached(self.fd):
            if not call_in_namespace(self.namespace, self.is_up):
                raise DeviceError(f"the interface {self.name} is down", f"`ip link set {self.name} up`")
            return
        self.close()
        self.open()

    def is_up(self):
        try:
            with Interface(self.name) as interface:
                return interface.up
        except OSError as error:
            return error.errno == ENODEV

    def free_large(self):
        cdef ArenaData *arena
        if self.large != NULL:
            arena = arena_get()
            pool_give(&arena.large, 1, &self.large.buffer)
            pool_give(&arena.descriptors, 1, <unsigned char **>&self.large)
            self.large = NULL

    cdef int rx_batch(self, Vcpu *vcpu, Batch *batch, uint32_t limit) noexcept nogil:
        cdef NetHeader header
        cdef iovec parts[3]
        cdef int first = 0 if self.offload else 1
        cdef int result = 0
        cdef int64_t now = 0
        cdef uint64_t until = self.rx_bytes + BATCH_BYTES
        cdef ssize_t length
        cdef Descriptor *packet = NULL
        cdef Descriptor *large
        parts[0].iov_base = &header
        parts[0].iov_len = sizeof(NetHeader)
        while limit and self.rx_bytes < until:
            if packet == NULL:
                packet = packet_make(vcpu, HEADROOM, SMALL_SPACE)
                if packet == NULL:
                    return self.reject(vcpu)
            if self.wide:
                if self.large == NULL:
                    self.large = packet_make(vcpu, HEADROOM, LARGE_SPACE)
                parts[1].iov_base = packet.data
                parts[1].iov_len = SMALL_SPACE
                if self.large != NULL:
                    parts[2].iov_base = self.large.data + SMALL_SPACE
                    parts[2].iov_len = LARGE_SPACE - SMALL_SPACE
                length = readv(self.fd, parts + first, 3 - first if self.large != NULL else 2 - first)
            else:
                length = read(self.fd, packet.data, SMALL_SPACE)
            if length < 0:
                if errno == EINTR:
                    continue
                if errno != EAGAIN:
                    result = -errno
                break
            limit -= 1
            if now == 0:
                now = clock_wall(&vcpu.clock)
            vcpu.received += 1
            if self.offload:
                length -= sizeof(NetHeader)
            if length > SMALL_SPACE:
                large = self.large
                self.large = NULL
                memcpy(large.data, packet.data, SMALL_SPACE)
                large.length = <uint32_t>length
                packet_guard(large)
                packet, large = large, packet
            else:
                packet.length = <uint32_t>length if length > 0 else 0
                packet_guard(packet)
                large = NULL
            if length == SMALL_SPACE and (not self.wide or self.large == NULL):
                self.wide = 1               # to the brim: cut off, as the rest had nowhere to go
                length = 0
            if length <= 0 or self.offload and not self.believe(packet, &header):
                self.rx_errors += 1
                vcpu.dropped += 1
                packet_release(vcpu, packet)
            else:
                packet.timestamp = now
                self.rx_packets += 1
                self.rx_bytes += packet.length
                batch.packets[batch.count] = packet
                batch.count += 1
            packet = large
        if packet != NULL:
            packet_release(vcpu, packet)
        return result

    cdef int reject(self, Vcpu *vcpu) noexcept nogil:
        """No buffer is free: take one frame off the queue all the same, or the device would look ready for ever."""
        cdef NetHeader nowhere
        if read(self.fd, &nowhere, sizeof(NetHeader)) < 0:
            return 0 if errno == EAGAIN or errno == EINTR else -errno
        vcpu.received += 1
        vcpu.dropped += 1
        self.rx_errors += 1
        return 0

    cdef bint believe(self, Descriptor *packet, const NetHeader *header) noexcept nogil:
        """Take over the virtio header of a received frame, if what it says can be true."""
        cdef uint32_t start = header.checksum_start
        cdef uint32_t headers
        cdef int kind = header.gso_type & ~GSO_ECN
        if header.flags & VIRTIO_NEEDS_CHECKSUM:
            if start + header.checksum_offset + 2 > packet.length or start + HEADROOM > 0xFFFF:
                return 0
            packet.checksum_start = <uint16_t>(start + HEADROOM)
            packet.checksum_offset = header.checksum_offset
        packet.virtio_flags = header.flags
        if kind == GSO_NONE:
            return header.gso_type == GSO_NONE
        if header.gso_size == 0 or not header.flags & VIRTIO_NEEDS_CHECKSUM:
            return 0
        if kind == GSO_UDP_L4:
            headers = start + 8
            if header.checksum_offset != UDP_CHECKSUM_OFFSET:
                return 0
        elif kind == GSO_TCPV4 or kind == GSO_TCPV6:
            if header.checksum_offset != TCP_CHECKSUM_OFFSET:
                return 0
            headers = start + (packet.data[start + 12] >> 4 << 2)
            if headers < start + 20:
                return 0
        else:
            return 0
        if headers > packet.length:
            return 0
        packet.gso_type = header.gso_type
        packet.gso_size = header.gso_size
        packet.header_length = <uint16_t>headers
        return 1

    cdef int tx_batch(self, Vcpu *vcpu, Batch *batch) noexcept nogil:
        cdef Descriptor *packet
        cdef ssize_t sent
        while batch.count:
            packet = batch.packets[0]
            sent = self.transmit(packet)
            if sent >= 0:
                self.tx_packets += 1
                self.tx_bytes += packet.length
                vcpu.sent += 1
            elif errno == EINTR:
                continue
            elif errno == EAGAIN:
                return -EAGAIN
            elif errno == EBADFD or errno == EBADF or errno == ENODEV or errno == ENXIO or errno == EIO:
                return -errno           # gone, or down
            else:                       # the kernel will not have this frame
                self.tx_errors += 1
                vcpu.dropped += 1
            packet_release(vcpu, packet)
            batch.packets += 1
            batch.count -= 1
        return 0

    cdef ssize_t transmit(self, Descriptor *packet) noexcept nogil:
        """Write one frame; -1 and errno when the kernel refuses."""
        cdef NetHeader header
        cdef iovec parts[2]
        cdef uint32_t start, transport
        if not self.offload:
            if packet.gso_type or packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
                return refuse()
            return write(self.fd, packet.data, packet.length)
        header.flags = packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM
        header.gso_type = packet.gso_type
        header.header_length = header.gso_size = header.checksum_start = header.checksum_offset = header.buffers = 0
        if header.flags:
            if packet.checksum_start < packet_headroom(packet):
                return refuse()
            start = packet.checksum_start - packet_headroom(packet)
            if start + packet.checksum_offset + 2 > packet.length:
                return refuse()
            header.checksum_start = <uint16_t>start
            header.checksum_offset = packet.checksum_offset
            if header.gso_type:
                transport = 8
                if header.gso_type & ~GSO_ECN != GSO_UDP_L4:
                    transport = packet.data[start + 12] >> 4 << 2 if start + 20 <= packet.length else 60
                if start + transport > packet.length:
                    return refuse()
                header.gso_size = packet.gso_size
                header.header_length = <uint16_t>(start + transport)
        elif header.gso_type:
            return refuse()
        parts[0].iov_base = &header
        parts[0].iov_len = sizeof(NetHeader)
        parts[1].iov_base = packet.data
        parts[1].iov_len = packet.length
        return writev(self.fd, parts, 2)


cdef ssize_t refuse() noexcept nogil:
    """As the kernel answers a header that lies."""
    set_errno(EINVAL)
    return -1


def is_attached(descriptor):
    """Whether a queue still has its interface."""
    try:
        fcntl.ioctl(descriptor, TUNGETIFF, bytes(40))
    except OSError:
        return False
    return True


def attach_error(name, multi_queue, made, code):
    """What the kernel's refusal of TUNSETIFF means for the user."""
    message = f"cannot {'make' if made else 'attach to'} the tap interface {name}: {os.strerror(code)}"
    if code == codes.EPERM:
        return DeviceError(message, "run as root, give Python the right with `sudo setcap cap_net_admin+ep "
                           f"$(readlink -f $(which python3))`, or make the interface for this user beforehand: "
                           f"`sudo ip tuntap add dev {name} mode tap user $USER`")
    if code == codes.EBUSY:
        return DeviceError(message, "another process uses it: end that one, or have both open it as multi-queue")
    if code == codes.EINVAL and not made:
        other = "without" if multi_queue else "with"
        return DeviceError(message, f"it is not a tap, or one made {other} several queues")
    return DeviceError(message)

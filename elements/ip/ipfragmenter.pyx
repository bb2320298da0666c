"""IPFragmenter: cut datagrams longer than the MTU into fragments (RFC 791 section 3.2; Click's IPFragmenter)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from elements.ip.header cimport marked_whole_ip
from elements.ip.options cimport option_length
from netos.checksum cimport checksum_ip
from netos.element cimport Element, port_push
from netos.offload cimport Segments, checksum_complete, segments_begin, segments_left, segments_next
from netos.packet cimport (
    ANNOTATIONS, BATCH_MAX, DROP_BAD_LENGTH, DROP_NOT_IP, DROP_NO_BUFFER, DROP_TOO_BIG, HEADROOM, NO_HEADER,
    VIRTIO_NEEDS_CHECKSUM, Batch, Descriptor, packet_consume, packet_create, packet_network, packet_network_length,
    packet_set_network, packet_trim,
)
from netos.proto.ipv4 cimport (
    IP_AT_CHECKSUM, IP_AT_FRAGMENT, IP_AT_OPTIONS, IP_AT_TOTAL_LENGTH, IP_MAXIMUM_HEADER_LENGTH, IP_MAXIMUM_LENGTH,
    IP_MORE_FRAGMENTS, IP_OPTION_COPIED, IP_OPTION_END, ip_dont_fragment, ip_fragment, ip_fragment_offset,
    ip_header_length, ip_total_length,
)
from netos.wire cimport store_be16

import logging

from netos.args import Bool, Integer
from netos.handlers import read_handler

log = logging.getLogger("netos.elements")


cdef class IPFragmenter(Element):
    """Send datagrams of up to MTU bytes on as they are, longer ones as fragments that are.

    Those that must not be fragmented (unless HONOR_DF is false) or cannot be leave by output 1, or are dropped. VERBOSE
    logs them. HEADROOM is what a fragment has in front. A segmentation packet is as long as its segments.
    Handlers: drops, fragments (read).
    """

    ports = "1/1-2"
    processing = "h/h"
    handlers = ("fragments",)

    cdef readonly uint64_t fragments
    cdef uint64_t too_big
    cdef uint32_t mtu
    cdef uint32_t headroom
    cdef bint honor_df
    cdef bint verbose

    def configure(self, mtu: Integer(minimum=8, maximum=65535), honor_df: Bool = True, verbose: Bool = False, *,
                  headroom: Integer(minimum=0, maximum=1024) = HEADROOM):
        self.mtu, self.honor_df, self.verbose, self.headroom = mtu, honor_df, verbose, headroom

    @read_handler("drops")
    def rejected(self):
        """Packets that could not be fragmented, dropped or sent out of output 1."""
        return self.too_big

    def deliver(self, kind, value):
        if kind >= 0:
            log.warning("%s: a packet of %d bytes may not be fragmented (MTU %d)", self.name, value, self.mtu)
        else:
            super().deliver(kind, value)

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef Descriptor *pointers[BATCH_MAX]
        cdef Batch out
        cdef uint32_t i
        cdef Descriptor *packet
        out.packets = pointers
        out.count = 0
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.network_header == NO_HEADER or packet_network_length(packet) > self.mtu:
                break
        else:
            port_push(&self.outputs[0], batch)
            return
        for i in range(batch.count):
            packet = batch.packets[i]
            if packet.network_header != NO_HEADER and packet_network_length(packet) <= self.mtu:
                self.append(&out, packet)
            elif packet.gso_type:
                self.segment(&out, packet)
            else:
                self.fragment(&out, packet)
        if out.count:
            self.send_burst(0, &out)

    cdef void append(self, Batch *out, Descriptor *packet) noexcept nogil:
        """Put a packet behind what is to be sent; when that is a full batch, send it."""
        out.packets[out.count] = packet
        out.count += 1
        if out.count == BATCH_MAX:
            self.send_burst(0, out)
            out.count = 0

    cdef void refuse(self, Descriptor *packet) noexcept nogil:
        self.too_big += 1
        if self.verbose:
            self.tell(0, packet_network_length(packet))
        self.reject(packet, DROP_TOO_BIG)

    cdef void segment(self, Batch *out, Descriptor *packet) noexcept nogil:
        """Deal with a segmentation packet, which something behind will cut."""
        cdef Segments segments
        cdef Descriptor *made
        cdef int problem = segments_begin(&segments, packet)
        if problem:
            self.drop(packet, problem)
        elif segments.payload - segments.network + segments.size <= self.mtu:
            self.append(out, packet)
        elif self.honor_df and ip_dont_fragment(packet.data + segments.network):
            self.refuse(packet)
        else:
            while segments_left(&segments):
                made = segments_next(&segments, self.vcpu)
                if made == NULL:
                    self.missed(DROP_NO_BUFFER)
                    break
                self.fragment(out, made)
            packet_consume(self.vcpu, packet)

    cdef void fragment(self, Batch *out, Descriptor *packet) noexcept nogil:
        """Deal with a packet that may be too long."""
        cdef uint8_t *ip = marked_whole_ip(packet)
        cdef uint32_t header_length, length, room
        cdef int problem
        if ip == NULL:
            self.drop(packet, DROP_NOT_IP)
            return
        header_length = ip_header_length(ip)
        length = ip_total_length(ip)
        if (length < header_length or length > packet_network_length(packet)
                or ip_fragment_offset(ip) + length - header_length > IP_MAXIMUM_LENGTH):
            self.drop(packet, DROP_BAD_LENGTH)
            return
        if length <= self.mtu:                          # what is longer is not the datagram
            packet_trim(packet, packet_network_length(packet) - length)
            self.append(out, packet)
            return
        room = (self.mtu - header_length) & ~<uint32_t>7
        if self.mtu < header_length + 8 or self.honor_df and ip_dont_fragment(ip):
            self.refuse(packet)
            return
        if packet.virtio_flags & VIRTIO_NEEDS_CHECKSUM:
            problem = checksum_complete(self.vcpu, packet)      # nobody can, once it is in fragments
            if problem:
                self.drop(packet, problem)
                return
        self.cut(out, packet, length - header_length, room)

    cdef void cut(self, Batch *out, Descriptor *packet, uint32_t size, uint32_t room) noexcept nogil:
        """Send `size` bytes of payload in fragments, `room` bytes in each but the last."""
        cdef uint8_t header[IP_MAXIMUM_HEADER_LENGTH]
        cdef const uint8_t *ip = packet_network(packet)
        cdef uint32_t header_length = ip_header_length(ip)
        cdef const uint8_t *payload = ip + header_length
        cdef uint32_t flags = ip_fragment(ip)
        cdef uint32_t at = 0
        cdef uint32_t part
        cdef Descriptor *made
        memcpy(header, ip, header_length)
        while at < size:
            if at == room:                              # behind the first: options that are not to be copied end
                header_length = keep_copied_options(header, header_length)
            part = min(room, size - at)
            made = packet_create(self.vcpu, self.headroom, header_length + part)
            if made == NULL:
                self.missed(DROP_NO_BUFFER)
                break
            memcpy(made.data, header, header_length)
            memcpy(made.data + header_length, payload + at, part)
            store_be16(made.data + IP_AT_TOTAL_LENGTH, <uint16_t>(header_length + part))
            store_be16(made.data + IP_AT_FRAGMENT,
                       <uint16_t>((flags | (IP_MORE_FRAGMENTS if at + part < size else 0)) + (at >> 3)))
            store_be16(made.data + IP_AT_CHECKSUM, 0)
            store_be16(made.data + IP_AT_CHECKSUM, checksum_ip(made.data, header_length))
            memcpy(made.annotations, packet.annotations, ANNOTATIONS)
            made.packet_type = packet.packet_type
            made.timestamp = packet.timestamp
            made.input_port = packet.input_port
            packet_set_network(made, made.data, header_length)
            self.fragments += 1
            self.append(out, made)
            at += part
        packet_consume(self.vcpu, packet)


cdef uint32_t keep_copied_options(uint8_t *header, uint32_t header_length) noexcept nogil:
    """Take the options out of a header that are for the first fragment only; the header length then."""
    cdef uint32_t at = IP_AT_OPTIONS
    cdef uint32_t end = IP_AT_OPTIONS
    cdef uint32_t i, length
    while at < header_length and header[at] != IP_OPTION_END:
        length = option_length(header + at, header_length - at)
        if length == 0:
            break
        if header[at] & IP_OPTION_COPIED:
            for i in range(length):
                header[end + i] = header[at + i]
            end += length
        at += length
    while end & 3:
        header[end] = IP_OPTION_END
        end += 1
    header[0] = <uint8_t>(0x40 | end >> 2)
    return end

"""AddressSet: sort packets by whether an address of theirs is in a set of any size (in the manner of Linux's ipset)."""

from libc.stdint cimport uint8_t, uint32_t

from elements.ip.header cimport marked_ip
from netos.element cimport Element
from netos.packet cimport DROP_FILTERED, Batch, Frame
from netos.proto.ipv4 cimport ip_destination, ip_source
from netos.proto.routes_radix cimport RadixRoutes, radix_lookup
from netos.staging cimport emit, frame_enter

from elements.firewall.address_file import read_addresses
from netos.args import FileName, IPv4, IPv4Prefix, OneOf
from netos.errors import HandlerError, NetosError
from netos.handlers import read_handler, write_handler
from netos.proto.routes import RouteMissing


cdef class AddressSet(Element):
    """Send packets to output 0 if their source (BY src, the default), destination (dst) or one of both (any) is in the
    set, else to output 1, or drop them if there is none. Those without marked IP header are in no set.

    Arguments: prefixes and addresses. FILE names a file with one of them a line, `#` for comments.
    Handlers: count, memory, lookup ADDRESS (read), add, remove PREFIX, load FILE, clear (write).
    """

    ports = "1/1-2"
    processing = "h/h"
    combine = {"count": "first"}

    cdef RadixRoutes addresses
    cdef bint source
    cdef bint destination

    def configure(self, *member: IPv4Prefix, by: OneOf("src", "dst", "any") = "src", file: FileName = None):
        self.addresses = RadixRoutes()
        self.source, self.destination = by != "dst", by != "src"
        for prefix in member:
            self.add(prefix)
        if file is not None:
            self.load(file)

    def take_state(self, AddressSet old not None):
        """The set is what the configuration says: members that handlers added do not survive."""

    @write_handler
    def add(self, prefix: IPv4Prefix):
        """Put an address or prefix into the set."""
        self.addresses.add(int(prefix.network.network_address), prefix.network.prefixlen, 0, 0, True)

    @write_handler
    def remove(self, prefix: IPv4Prefix):
        """Take an address or prefix out, as it was put in."""
        try:
            self.addresses.remove(int(prefix.network.network_address), prefix.network.prefixlen)
        except RouteMissing:
            raise HandlerError(f"{prefix.network} is not in the set") from None

    @write_handler
    def load(self, file: FileName):
        """Add what is in a file."""
        for address, length in read_addresses(file):
            self.addresses.add(address, length, 0, 0, True)

    @write_handler
    def clear(self):
        """Take everything out."""
        self.addresses.flush()

    def decide(self, packet, annotations):
        """The output for a packet, as IPFilter.decide."""
        cdef uint32_t source = int.from_bytes(packet[12:16], "big")
        cdef uint32_t destination = int.from_bytes(packet[16:20], "big")
        if ((self.source and radix_lookup(&self.addresses.trie, source) >= 0)
                or (self.destination and radix_lookup(&self.addresses.trie, destination) >= 0)):
            return 0
        return 1 if self.n_outputs > 1 else None

    @read_handler
    def count(self):
        """Members of the set."""
        return len(self.addresses)

    @read_handler
    def memory(self):
        """Bytes that the set takes."""
        return self.addresses.memory

    @read_handler
    def lookup(self, address):
        """Whether an address is in the set."""
        try:
            return radix_lookup(&self.addresses.trie, int(IPv4().parse(address))) >= 0
        except NetosError as error:
            raise HandlerError(str(error)) from None

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef uint8_t *ip
        cdef bint found
        cdef Frame *frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            ip = marked_ip(batch.packets[i])
            found = ip != NULL and (
                (self.source and radix_lookup(&self.addresses.trie, ip_source(ip)) >= 0)
                or (self.destination and radix_lookup(&self.addresses.trie, ip_destination(ip)) >= 0))
            frame.output[i] = 0 if found else 1 if self.n_outputs > 1 else -DROP_FILTERED
        emit(self, frame, batch)

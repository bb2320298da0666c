"""ARPResponder: answer ARP requests for given addresses (Click's ARPResponder; RFC 826, RFC 5227)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from netos.element cimport Element
from netos.packet cimport (
    ANNO_VLAN_TCI, DROP_BAD_ARP, DROP_NO_BUFFER, DROP_NO_MATCH, HEADROOM, Batch, Descriptor, packet_consume,
    packet_create, packet_set_mac,
)
from netos.proto.arp cimport (
    ARP_AT_SENDER_HARDWARE, ARP_LENGTH, ARP_REPLY, ARP_REQUEST, arp_is_ethernet_ip, arp_operation, arp_sender,
    arp_target, arp_write,
)
from netos.proto.ethernet cimport (
    ETHER_HEADER_LENGTH, ETHERTYPE_ARP, ether_equal, ether_is_group, ether_is_zero, ether_type, ether_write,
)

from elements.ethernet.neighbour_arguments import ProxyEntry
from netos.args import IPv4, IPv4Prefix
from netos.errors import ArgumentError, HandlerError
from netos.handlers import read_handler, write_handler


cdef struct Proxied:            # whoever asks for these addresses is told this station; host order
    uint32_t network
    uint32_t mask
    uint8_t ether[6]


cdef class ARPResponder(Element):
    """Answer requests for IP/MASK with ETH; each argument is `IP[/MASK] [IP[/MASK] ...] ETH` or a NAME with both.

    Of overlapping prefixes the longest counts. Probes (from 0.0.0.0) and gratuitous requests of other stations for an
    address that is answered for are answered. What is not answered goes to output 1 or is dropped.
    Handlers: table (read), lookup IP (read; -1 if not answered), add `IP/MASK ... ETH`, remove `IP/MASK` (write).
    """

    ports = "1/1-2"
    processing = "a/ah"
    live_reconfigure = True

    cdef dict entries               # IPv4Network: EtherAddress, longest prefix first
    cdef bytes packed               # Proxied, in the same order
    cdef const Proxied *proxied
    cdef uint32_t count

    def configure(self, *arguments: ProxyEntry):
        found = {}
        for network, ether in [pair for argument in arguments for pair in argument]:
            if found.setdefault(network, ether) != ether:
                raise ArgumentError(f"two Ethernet addresses for {network}")
        self.use(found)

    def use(self, entries):
        """Answer for these addresses from now on."""
        cdef Proxied one
        cdef bytes ether
        packed = []
        self.entries = dict(sorted(entries.items(), key=lambda entry: (-entry[0].prefixlen, entry[0])))
        for network, address in self.entries.items():
            one.network, one.mask, ether = int(network.network_address), int(network.netmask), bytes(address)
            memcpy(one.ether, <const char *>ether, 6)
            packed.append((<const char *>&one)[:sizeof(Proxied)])
        self.packed = b"".join(packed)
        self.proxied = <const Proxied *><const char *>self.packed
        self.count = <uint32_t>len(packed)

    @read_handler
    def table(self):
        """A line each: prefix, Ethernet address."""
        return "".join(f"{network} {ether}\n" for network, ether in self.entries.items())

    @read_handler("lookup")
    def lookup_text(self, text):
        """The Ethernet address that is told to those who ask for an IP address; -1 if none."""
        address = IPv4().parse(text.strip(), self.router.scope(self.name))
        return next((ether for network, ether in self.entries.items() if address in network), -1)

    @write_handler
    def add(self, pairs: ProxyEntry):
        """Answer for more addresses; what is said about a prefix replaces what was said before."""
        self.use(self.entries | dict(pairs))

    @write_handler
    def remove(self, prefix: IPv4Prefix(bare=True)):
        """Answer no more for a prefix."""
        if prefix.network not in self.entries:
            raise HandlerError(f"{self.name}.remove: {prefix.network} is not in the table")
        self.use({network: ether for network, ether in self.entries.items() if network != prefix.network})

    cdef const uint8_t *lookup(self, uint32_t address) noexcept nogil:
        cdef uint32_t i
        for i in range(self.count):
            if address & self.proxied[i].mask == self.proxied[i].network:
                return self.proxied[i].ether
        return NULL

    cdef Descriptor *answer(self, Descriptor *packet) noexcept nogil:
        """The reply to a request, which ends; NULL when the packet went another way."""
        cdef const uint8_t *arp = packet.data + ETHER_HEADER_LENGTH
        cdef const uint8_t *sender = arp + ARP_AT_SENDER_HARDWARE
        cdef const uint8_t *ether
        cdef Descriptor *reply
        if (packet.length < ETHER_HEADER_LENGTH + ARP_LENGTH or ether_type(packet.data) != ETHERTYPE_ARP
                or not arp_is_ethernet_ip(arp) or ether_is_group(sender) or ether_is_zero(sender)
                or arp_operation(arp) == 0 or arp_operation(arp) > ARP_REPLY):
            self.reject(packet, DROP_BAD_ARP)
            return NULL
        ether = self.lookup(arp_target(arp)) if arp_operation(arp) == ARP_REQUEST else NULL
        if ether == NULL:
            self.reject(packet, DROP_NO_MATCH)
            return NULL
        if ether_equal(sender, ether):
            self.reject(packet, DROP_BAD_ARP)
            return NULL
        reply = packet_create(self.vcpu, HEADROOM, ETHER_HEADER_LENGTH + ARP_LENGTH)
        if reply == NULL:
            self.drop(packet, DROP_NO_BUFFER)
            return NULL
        ether_write(reply.data, sender, ether, ETHERTYPE_ARP)
        arp_write(reply.data + ETHER_HEADER_LENGTH, ARP_REPLY, ether, arp_target(arp), sender, arp_sender(arp))
        packet_set_mac(reply, reply.data)
        memcpy(reply.annotations + ANNO_VLAN_TCI, packet.annotations + ANNO_VLAN_TCI, 2)
        packet_consume(self.vcpu, packet)
        return reply

    cdef void process(self, Batch *batch) noexcept nogil:
        cdef Descriptor *reply
        cdef uint32_t i, kept = 0
        for i in range(batch.count):
            reply = self.answer(batch.packets[i])
            if reply != NULL:
                batch.packets[kept] = reply
                kept += 1
        batch.count = kept

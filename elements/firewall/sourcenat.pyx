"""SourceNat: let connections leave from another address, and what answers them come back (RFC 3022; masquerading)."""

from libc.stdint cimport int64_t, uint32_t

from elements.firewall.tracking cimport SOURCE_END, Tracked
from elements.firewall.translation cimport Ports, Translator, map_source
from netos.proto.flows cimport Flows, Tuple
from netos.proto.ipv4 cimport IP_PROTOCOL_TCP, IP_PROTOCOL_UDP

from elements.firewall.nat_arguments import PortRange, share_of
from netos.addresses import IPv4Address
from netos.args import ElementName, IPv4, IPv4PrefixList
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler

cdef enum:
    SOURCES_MAX = 16


cdef class SourceNat(Translator):
    """Where packets leave: give new connections from SOURCES (default: all) the source ADDRESS and a port of PORTS.

    The packet's own port is kept where it is free in PORTS (default 1024-65535; each replica has its part). When none
    is free the packet is dropped as no-mapping, or leaves by output 1. Replies of connections that a DestinationNat
    redirected get back the address they were sent to. A packet from SOURCES whose connection is not known is dropped
    as invalid-flow.
    Handlers: address (read, write: for new connections), count, mappings, exhausted (read).
    """

    ports = "1/1-2"
    processing = "a/ah"
    phase = 110                 # after ConnTrack

    cdef uint32_t source
    cdef Ports range
    cdef tuple all_ports        # of all replicas
    cdef uint32_t prefixes[SOURCES_MAX]
    cdef uint32_t masks[SOURCES_MAX]
    cdef uint32_t prefix_count

    def configure(self, tracker: ElementName("ConnTrack"), address: IPv4 = None, *,
                  sources: IPv4PrefixList = (), ports: PortRange = (1024, 65535)):
        self.tracker = tracker
        self.ends = SOURCE_END
        self.source = int(address) if address is not None else 0
        self.range.first, self.range.last = share_of(*ports, self.cpu)
        self.range.first_identifier, self.range.last_identifier = share_of(0, 65535, self.cpu)
        self.all_ports = ports
        self.claim_ports()
        if len(sources) > SOURCES_MAX:
            raise ArgumentError(f"SOURCES takes at most {SOURCES_MAX} prefixes")
        self.prefix_count = len(sources)
        for i, prefix in enumerate(sources):
            self.prefixes[i] = int(prefix.network.network_address)
            self.masks[i] = int(prefix.netmask)

    @read_handler("address")
    def get_address(self):
        """The address that connections leave from."""
        return IPv4Address(self.source)

    @write_handler("address")
    def set_address(self, address: IPv4):
        """Let new connections leave from another address."""
        self.source = int(address)
        self.claim_ports()

    def claim_ports(self):
        """Have answers find the replica whose port they are for."""
        if self.source and self.cpu.replicas > 1:
            self.tracker.share_ports(self.name, self.source, *self.all_ports)

    def masquerades(self, key, source, port):
        """Whether a new connection with a tuple would leave from another address, and if so whether from these."""
        if self.source == 0 or key[1] == self.source or (self.prefix_count and not self.concerns(key[1])):
            return None
        ports_fit = key[0] not in (IP_PROTOCOL_TCP, IP_PROTOCOL_UDP) or self.range.first <= port <= self.range.last
        return source == self.source and ports_fit

    cdef bint concerns(self, uint32_t address) noexcept nogil:
        cdef uint32_t i
        for i in range(self.prefix_count):
            if address & self.masks[i] == self.prefixes[i]:
                return 1
        return 0

    cdef bint stray(self, const Tuple *key) noexcept nogil:
        return self.source != 0 and key.source != self.source and self.concerns(key.source)

    cdef bint begin(self, Flows *flows, Tracked *tracked, int64_t now) noexcept nogil:
        cdef uint32_t source = tracked.connection.tuples[0].source
        if (self.source == 0 or source == self.source or source != tracked.connection.tuples[1].destination
                or (self.prefix_count and not self.concerns(source))):
            return 1
        if not map_source(flows, tracked.connection, self.source, self.range, 1, NULL, now):
            return 0
        self.mappings += 1
        return 1

"""What the route lookup elements share: their handlers, and sending packets their way (Click's IPRouteTable)."""

from libc.stdint cimport int32_t, uint32_t

from netos.packet cimport DROP_NO_ROUTE, Batch, Descriptor, Frame, packet_destination, packet_set_destination
from netos.proto.routes cimport RouteTable, hop_gateway, hop_port
from netos.wire cimport be32toh, htobe32
from netos.staging cimport emit, frame_enter

import logging

from elements.ip.route_text import Changes, Route, route_line
from netos.addresses import IPv4Address, parse_ipv4
from netos.args.each import read_each
from netos.errors import ArgumentError, HandlerError
from netos.handlers import read_handler, write_handler
from netos.proto.routes import RouteExists, RouteMissing

log = logging.getLogger("netos.elements")

cdef enum:
    COMPLAINTS = 5              # packets without a route that are told of


cdef class RouteLookup(Element):
    """Sends packets to the output of the longest route around their destination annotation, which a gateway replaces.

    Handlers: table, lookup ADDRESS (read).
    """

    ports = "1/-"
    processing = "h/h"
    table_class = RouteTable

    def __cinit__(self):
        self.table = self.table_class()

    def configure(self, *routes: Route()):
        replaced = 0
        read_each(lambda route: self.check_port(route[3]), routes)
        for prefix, length, gateway, port in routes:
            replaced += self.table.get(prefix, length) is not None
            self.table.add(prefix, length, gateway, port, True)
        if replaced:
            self.router.scope(self.name).warn(
                f"{replaced} route{'s' if replaced > 1 else ''} replaced by later versions")

    def check_port(self, port):
        """Refuse an output that is not connected."""
        if port >= self.n_outputs:
            raise ArgumentError(f"there is no output {port}: {self.n_outputs} are connected")

    def decide(self, packet, annotations):
        """The output for a packet, as IPFilter.decide."""
        found = self.table.lookup(int.from_bytes(packet[16:20], "big"))
        return None if found is None else found[0]

    @read_handler("table")
    def table_text(self):
        """A line for each route: prefix, gateway, output."""
        return "".join(route_line(*route) for route in self.table.table())

    @read_handler
    def lookup(self, argument):
        """Output, and gateway if there is one, for an address; -1 for none."""
        try:
            found = self.table.lookup(int(parse_ipv4(argument.strip())))
        except ValueError as error:
            raise HandlerError(f"{self.name}.lookup: {error}") from None
        if found is None:
            return "-1"
        port, gateway = found
        return f"{port} {IPv4Address(gateway)}" if gateway else str(port)

    def deliver(self, kind, value):
        if kind >= 0:
            log.warning("%s: no route for %s", self.name, IPv4Address(value))
        else:
            super().deliver(kind, value)

    cdef int missing(self, Descriptor *packet) noexcept nogil:
        """What `frame.output` says for a packet without a route."""
        if self.complaints < COMPLAINTS:
            self.complaints += 1
            self.tell(0, be32toh(packet_destination(packet)))
        return -DROP_NO_ROUTE

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i
        cdef int32_t hop
        cdef uint32_t gateway
        cdef Descriptor *packet
        cdef Frame *frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            packet = batch.packets[i]
            hop = self.table.find(be32toh(packet_destination(packet)))
            if hop < 0:
                frame.output[i] = self.missing(packet)
                continue
            frame.output[i] = hop_port(&self.table.data, hop)
            gateway = hop_gateway(&self.table.data, hop)
            if gateway:
                packet_set_destination(packet, htobe32(gateway))
        emit(self, frame, batch)


cdef class ChangingLookup(RouteLookup):
    """A lookup whose routes can be changed while it runs.

    Handlers: add, set, remove ROUTE (write); ctrl (write): lines of these, all done or none; flush (write).
    """

    def change(self, changes):
        """Make all changes, or none and raise HandlerError."""
        try:
            for verb, _prefix, _length, _gateway, port in changes:
                if verb != "remove":
                    self.check_port(port)
            self.table.apply(changes)
        except (ArgumentError, RouteExists, RouteMissing, ValueError) as error:
            raise HandlerError(f"{self.name}: {error}") from None

    @write_handler
    def add(self, route: Route()):
        """Add a route; refused when there is one for the prefix."""
        self.change([("add", *route)])

    @write_handler("set")
    def set_route(self, route: Route()):
        """Add a route, or replace that for the prefix."""
        self.change([("set", *route)])

    @write_handler
    def remove(self, route: Route(partial=True)):
        """Remove a route; what is given of gateway and output must fit."""
        self.change([("remove", *route)])

    @write_handler
    def ctrl(self, changes: Changes()):
        """Make all the changes, one a line, or none of them."""
        self.change(changes)

"""DirectIPLookup: find routes in arrays indexed by the address, in one or two reads (Click's DirectIPLookup)."""

from libc.stdint cimport int32_t, uint32_t

from elements.ip.lookup cimport ChangingLookup
from netos.packet cimport Batch, Descriptor, Frame, packet_destination, packet_set_destination
from netos.proto.routes cimport RouteTableData, hop_gateway, hop_port
from netos.proto.routes_direct cimport DirectRoutes, direct_lookup
from netos.wire cimport be32toh, htobe32
from netos.staging cimport emit, frame_enter

from netos.handlers import write_handler


cdef class DirectIPLookup(ChangingLookup):
    """Send packets to the output of the longest route around their destination annotation.

    Arguments: ADDR/MASK [GATEWAY] OUTPUT for each route; a gateway becomes the destination annotation.
    Handlers: table, lookup ADDRESS (read); add, set, remove, ctrl, flush (write).
    """

    table_class = DirectRoutes

    @write_handler
    def flush(self):
        """Remove all routes."""
        self.table.flush()

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i, destination
        cdef uint32_t last = 0
        cdef uint32_t gateway = 0
        cdef int32_t hop = -1
        cdef int output = -1            # below zero: nothing is known of `last`
        cdef Descriptor *packet
        cdef const RouteTableData *data = &self.table.data
        cdef Frame *frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            packet = batch.packets[i]
            destination = packet_destination(packet)
            if destination != last or output < 0:       # packets of a flow come together
                last = destination
                hop = direct_lookup(&(<DirectRoutes>self.table).table, be32toh(destination))
                if hop < 0:
                    output = -1
                    frame.output[i] = self.missing(packet)
                    continue
                output = hop_port(data, hop)
                gateway = htobe32(hop_gateway(data, hop))
            frame.output[i] = output
            if gateway:
                packet_set_destination(packet, gateway)
        emit(self, frame, batch)

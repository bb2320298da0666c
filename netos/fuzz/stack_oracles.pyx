"""What must hold of a stack at any time: packets lie where they can be counted, connections make sense."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from netos.fuzz.frame cimport Parts, parts_find
from netos.fuzz.peer cimport HOST, PEER, Slot
from netos.proto.host cimport NEIGHBOUR_FREE, NEIGHBOURS_MAX, Host
from netos.proto.inet cimport Address, address_ipv4
from netos.proto.stack_input cimport Protocols
from netos.proto.tcp_block cimport ESTABLISHED, KIND_BLOCK, Connection, Tcb, Tcp
from netos.proto.tcp_table cimport tcp_find
from netos.wire cimport load_be16, load_be32


cdef bint segment_is_live(Protocols *protocols, const uint8_t *frame, uint32_t length) noexcept nogil:
    """Whether a frame has a TCP header for a connection that is established, or was before its end."""
    cdef Parts parts
    cdef Address host, remote
    cdef Connection *found
    parts_find(&parts, frame, length)
    if parts.transport == 0 or parts.protocol != 6 or parts.end < parts.transport + 20:
        return 0
    host, remote = address_ipv4(HOST), address_ipv4(load_be32(frame + parts.ip + 12))
    found = tcp_find(&protocols.tcp, &host, load_be16(frame + parts.transport + 2), &remote,
                     load_be16(frame + parts.transport))
    return found != NULL and found.kind == KIND_BLOCK and found.state >= ESTABLISHED


cdef const char *packets_wrong(Protocols *protocols) noexcept nogil:
    """Whether every packet that is not gone lies in a queue; NULL, or what is wrong."""
    cdef Host *host = &protocols.host
    cdef int64_t held = <int64_t>(host.vcpu.received + host.vcpu.created - host.vcpu.sent - host.vcpu.consumed
                                  - host.vcpu.dropped)
    cdef int64_t found = host.loop.count + protocols.reassembly.fragments.held
    cdef uint32_t i
    for i in range(host.interface_count):
        found += host.interfaces[i].outbox.count
    if held > found:
        for i in range(NEIGHBOURS_MAX):
            if host.neighbour_slab[i].state != NEIGHBOUR_FREE:
                found += host.neighbour_slab[i].waiting_count
    if held > found:
        return b"packets have leaked: more are held than lie in queues"
    if held < found:
        return b"packets were counted as gone that still lie in queues"
    return NULL


cdef const char *connection_wrong(const Connection *found) noexcept nogil:
    """Whether sequence numbers are in their order (RFC 9293 section 3.4), and buffers within their limits."""
    cdef const Tcb *tcb = <const Tcb *>found
    if found == NULL or found.kind != KIND_BLOCK:
        return NULL
    if <int32_t>(tcb.snd_nxt - tcb.snd_una) < 0 or <int32_t>(tcb.snd_max - tcb.snd_nxt) < 0:
        return b"SND.UNA, SND.NXT and the highest sequence number sent are out of order"
    if tcb.receive.used > tcb.receive_limit or tcb.send.used > tcb.send_limit:
        return b"a connection's buffer holds more than its limit"
    if found.state >= ESTABLISHED and (tcb.mss < 8 or tcb.cwnd == 0):
        return b"a connection can send nothing any more: its segment size or congestion window is gone"
    return NULL


cdef const char *slot_wrong(Protocols *protocols, const Slot *slot) noexcept nogil:
    """Whether the connection of one of the peer's slots makes sense."""
    cdef Address host = address_ipv4(HOST), remote = address_ipv4(PEER)
    return connection_wrong(tcp_find(&protocols.tcp, &host, slot.host_port, &remote, slot.port))


cdef const char *connections_wrong(Protocols *protocols) noexcept nogil:
    """Whether all connections make sense."""
    cdef const Connection *found
    cdef const char *wrong
    cdef uint32_t i
    for i in range(protocols.tcp.table_mask + 1):
        found = protocols.tcp.table[i]
        while found != NULL:
            wrong = connection_wrong(found)
            if wrong != NULL:
                return wrong
            found = found.next
    return NULL


cdef const char *connections_left(Protocols *protocols) noexcept nogil:
    """Whether a connection, or memory of one, is left when all was closed long ago."""
    cdef Tcp *tcp = &protocols.tcp
    if tcp.count or tcp.blocks.used or tcp.half_opens.used or tcp.time_waits.used:
        return b"connections are left an hour after all was closed"
    return NULL

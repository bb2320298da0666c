"""What a stack has in its tables, for people: connections, listeners, neighbours, routes; and how one ends."""

from libc.errno cimport ECONNRESET
from libc.stdint cimport int64_t, uint32_t

from netos.proto.arguments cimport endpoint_of
from netos.proto.host cimport (
    NEIGHBOURS_MAX, NEIGHBOUR_FAILED, NEIGHBOUR_FREE, NEIGHBOUR_INCOMPLETE, NEIGHBOUR_PROBING, NEIGHBOUR_REACHABLE,
    Neighbour,
)
from netos.proto.stack cimport Stack
from netos.proto.tcp_block cimport (
    KIND_BLOCK, KIND_HALF_OPEN, SYN_RECEIVED, TCB_IN_TABLE, TIME_WAIT, Connection, Listener, Tcb,
)
from netos.proto.tcp_user cimport tcp_kill
from netos.proto.udp_ports cimport UdpPort

from netos.proto.tcp_state import STATES

cdef dict NEIGHBOUR_STATES = {NEIGHBOUR_INCOMPLETE: "incomplete", NEIGHBOUR_REACHABLE: "reachable",
                              NEIGHBOUR_PROBING: "probing", NEIGHBOUR_FAILED: "failed"}


def connections(Stack stack not None, uint32_t limit=1 << 20):
    """TCP connections, as (local, remote, state, bytes in, bytes out, bytes waiting to be read, to be acknowledged)."""
    cdef Connection *connection
    cdef Tcb *tcb
    cdef uint32_t bucket
    found = []
    for bucket in range(stack.protocols.tcp.table_mask + 1):
        connection = stack.protocols.tcp.table[bucket]
        while connection != NULL and len(found) < limit:
            counts = (0, 0, 0, 0)
            state = TIME_WAIT if connection.kind != KIND_HALF_OPEN else SYN_RECEIVED
            if connection.kind == KIND_BLOCK:
                tcb = <Tcb *>connection
                state = connection.state
                counts = (tcb.bytes_in, tcb.bytes_out, tcb.receive.used, tcb.send.used)
            found.append((endpoint_of(&connection.local, connection.local_port),
                          endpoint_of(&connection.remote, connection.remote_port), STATES[state], *counts))
            connection = connection.next
    return found


def listeners(Stack stack not None):
    """Who listens, as (protocol, (address, port), what waits: connections to be accepted, or datagrams)."""
    cdef Listener *listener = stack.protocols.tcp.listeners
    cdef UdpPort *port
    cdef uint32_t bucket
    found = []
    while listener != NULL:
        found.append(("tcp", endpoint_of(&listener.local, listener.port), listener.waiting_count))
        listener = listener.next
    for bucket in range(256):
        port = stack.protocols.udp.ports[bucket]
        while port != NULL:
            found.append(("udp", endpoint_of(&port.local, port.port), port.waiting))
            port = port.next
    return sorted(found)


def neighbours(Stack stack not None):
    """Neighbours, as (address, Ethernet address or "", interface's name, state, seconds since it was confirmed)."""
    cdef Neighbour *neighbour
    cdef uint32_t i
    cdef int64_t age
    names = {number: name for name, number in stack.names.items()}
    found = []
    for i in range(NEIGHBOURS_MAX):
        neighbour = &stack.protocols.host.neighbour_slab[i]
        if neighbour.state == NEIGHBOUR_FREE:
            continue
        known = neighbour.state == NEIGHBOUR_REACHABLE or neighbour.state == NEIGHBOUR_PROBING
        age = stack.protocols.host.now - neighbour.confirmed_at if known else 0
        found.append((endpoint_of(&neighbour.address, 0)[0],
                      ":".join(f"{neighbour.ether[byte]:02x}" for byte in range(6)) if known else "",
                      names.get(neighbour.interface, "?"), NEIGHBOUR_STATES[neighbour.state], age / 1e9))
    return sorted(found)


def routes(Stack stack not None):
    """Routes, as (network, prefix length, gateway or 0, interface's name): addresses are numbers."""
    names = {number: name for name, number in stack.names.items()}
    return [(network, length, gateway, names.get(port, "?")) for network, length, gateway, port in stack.routes.table()]


def kill(Stack stack not None, local, remote):
    """End the connections between these two with a RST: (address, port), None for any; how many there were.

    Their users hear of it as if the peer had reset them. Handshakes and what waits out its time are left alone.
    """
    cdef Connection *connection
    cdef Tcb *tcb
    cdef uint32_t bucket, count = 0
    chosen = []
    for bucket in range(stack.protocols.tcp.table_mask + 1):
        connection = stack.protocols.tcp.table[bucket]
        while connection != NULL:
            if connection.kind == KIND_BLOCK and (
                    local is None or local == endpoint_of(&connection.local, connection.local_port)) and (
                    remote is None or remote == endpoint_of(&connection.remote, connection.remote_port)):
                chosen.append(<size_t>connection)
            connection = connection.next
    for each in chosen:
        tcb = <Tcb *><size_t>each
        if tcb.bits & TCB_IN_TABLE:             # the garbage collector may have ended it since
            tcp_kill(tcb, ECONNRESET)
            count += 1
    if count:
        stack.work()
    return count

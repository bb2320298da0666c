"""FlowTable: a table of connections as a Python object: what handlers and tests ask and tell it."""

import os

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.proto.flows cimport (
    FAMILY_IPV4, FLOW_ASSURED, FLOW_CONFIRMED, FLOW_FREE, FLOW_MAPPED, FLOW_REPLIED, FLOW_STATES, NO_FLOW, Connection,
    Flows, Tuple, flow_confirm, flow_create, flow_direction, flow_end, flow_enter, flow_find, flow_hash, flow_lookup,
    flow_map, flow_of, flow_relink, flows_count_half_open, flows_expire, flows_free, flows_init, flows_memory,
    tuple_invert,
)
from netos.proto.icmp cimport ICMP_ECHO
from netos.proto.ipv4 cimport IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP

cdef enum:
    LARGEST_CAPACITY = 1 << 28

SECOND = 1_000_000_000
STATES = ["free", "syn-sent", "syn-crossed", "syn-received", "established", "fin-wait", "close-wait", "last-ack",
          "time-wait", "closed", "udp-unreplied", "udp-stream", "icmp", "other-unreplied", "other-stream",
          "unconfirmed"]
TIMEOUTS = {"syn-sent": 120, "syn-crossed": 120, "syn-received": 60, "established": 432_000, "fin-wait": 120,
            "close-wait": 60, "last-ack": 30, "time-wait": 120, "closed": 10, "udp-unreplied": 30, "udp-stream": 120,
            "icmp": 30, "other-unreplied": 60, "other-stream": 600, "unconfirmed": 5}
PROTOCOLS = {<int>IP_PROTOCOL_ICMP: "icmp", <int>IP_PROTOCOL_TCP: "tcp", <int>IP_PROTOCOL_UDP: "udp"}

assert len(STATES) == FLOW_STATES


cdef Tuple tuple_from(key):
    """A tuple from Python's (protocol, source, source port, destination, destination port)."""
    cdef Tuple made
    made.protocol, made.source, made.source_port, made.destination, made.destination_port = key[:5]
    made.family = FAMILY_IPV4
    made.kind = key[5] if len(key) > 5 else <int>ICMP_ECHO if made.protocol == IP_PROTOCOL_ICMP else 0
    made.reserved = 0
    return made


cdef tuple tuple_numbers(const Tuple *key):
    return key.protocol, key.source, key.source_port, key.destination, key.destination_port


cdef dict connection_row(const Connection *connection, int64_t now):
    """What a connection is, in words and numbers of Python's."""
    return {
        "original": tuple_numbers(&connection.tuples[0]), "reply": tuple_numbers(&connection.tuples[1]),
        "protocol": PROTOCOLS.get(connection.tuples[0].protocol, str(connection.tuples[0].protocol)),
        "state": STATES[connection.state], "replied": bool(connection.flags & FLOW_REPLIED),
        "assured": bool(connection.flags & FLOW_ASSURED), "confirmed": bool(connection.flags & FLOW_CONFIRMED),
        "mapped": bool(connection.flags & FLOW_MAPPED), "mark": connection.mark, "kind": connection.tuples[0].kind,
        "expires": connection.expires - now, "age": now - connection.started,
        "packets": (connection.packets[0], connection.packets[1]),
        "bytes": (connection.bytes[0], connection.bytes[1])}


cdef class FlowTable:
    """A table of at most `capacity` connections; elements work on its C struct `flows`.

    Tuples are (protocol, source, source port, destination, destination port), addresses as numbers; times nanoseconds.
    """

    def __cinit__(self, capacity, *, key=None):
        if not 1 <= capacity <= LARGEST_CAPACITY:
            raise ValueError(f"a flow table has between 1 and {LARGEST_CAPACITY} connections, not {capacity}")
        key = key or os.urandom(16)
        if not flows_init(&self.flows, capacity, int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")):
            raise MemoryError(f"netos: no memory for a table of {capacity} connections; lower CAPACITY")
        for state, seconds in TIMEOUTS.items():
            self.flows.timeouts[STATES.index(state)] = seconds * SECOND

    def __dealloc__(self):
        flows_free(&self.flows)

    def set_timeout(self, state, int64_t nanoseconds):
        """Set the timeout of a state (one of STATES); connections notice when their next packet comes."""
        self.flows.timeouts[STATES.index(state)] = nanoseconds

    def timeout(self, state):
        """The timeout of a state in nanoseconds."""
        return self.flows.timeouts[STATES.index(state)]

    def create(self, key, int64_t now, *, state="udp-unreplied", confirmed=True):
        """Make a connection; False if there is no room, or it is there."""
        cdef Tuple original = tuple_from(key)
        cdef Tuple reply
        cdef uint64_t hashed = flow_hash(&self.flows, &original)
        cdef uint32_t reference
        if flow_lookup(&self.flows, &original, hashed, now) != NO_FLOW:
            return False
        tuple_invert(&original, &reply)
        reference = flow_create(&self.flows, &original, &reply, hashed, STATES.index(state), now)
        if reference != NO_FLOW and confirmed:
            flow_confirm(&self.flows, flow_of(&self.flows, reference), now)
        return reference != NO_FLOW

    cdef Connection *connection(self, key, int64_t now) except? NULL:
        cdef Tuple wanted = tuple_from(key)
        cdef uint32_t found = flow_lookup(&self.flows, &wanted, flow_hash(&self.flows, &wanted), now)
        return flow_of(&self.flows, found) if found != NO_FLOW else NULL

    def find(self, key, int64_t now):
        """(state, direction) of the connection with this tuple, direction 0 or, for a reply, 1; None."""
        cdef Tuple wanted = tuple_from(key)
        cdef uint32_t found = flow_lookup(&self.flows, &wanted, flow_hash(&self.flows, &wanted), now)
        if found == NO_FLOW:
            return None
        return STATES[flow_of(&self.flows, found).state], flow_direction(found)

    def map(self, key, reply, int64_t now):
        """Let replies of a connection have another tuple; False if that is taken."""
        cdef Tuple wanted = tuple_from(reply)
        cdef Connection *connection = self.connection(key, now)
        wanted.kind = connection.tuples[1].kind if connection != NULL else 0
        return connection != NULL and flow_map(&self.flows, connection, &wanted, now)

    def refresh(self, key, int64_t now, *, assured=False, state=None):
        """A packet of the connection has come; perhaps it changes its state."""
        cdef Connection *connection = self.connection(key, now)
        if connection == NULL:
            return False
        if assured:
            connection.flags |= FLOW_ASSURED
        flow_enter(&self.flows, connection, STATES.index(state) if state else connection.state, now)
        return True

    def kill(self, key, int64_t now):
        """Forget the connection that has this tuple in either direction; False if there is none."""
        cdef Connection *connection = self.connection(key, now)
        if connection == NULL:
            return False
        self.flows.killed += 1
        flow_end(&self.flows, connection)
        return True

    def clear(self):
        """Forget all connections."""
        cdef uint32_t number
        for number in range(self.flows.touched):
            if self.flows.connections[number].state != FLOW_FREE:
                self.flows.killed += 1
                flow_end(&self.flows, &self.flows.connections[number])

    def expire(self, int64_t now, uint32_t limit=0xFFFFFFFF):
        """Free what has expired, up to an eighth of a second ago; how many."""
        return flows_expire(&self.flows, now, limit)

    def rows(self, int64_t now, limit=None):
        """The connections that have not expired, as dictionaries, in no particular order."""
        cdef uint32_t number
        cdef Connection *connection
        found = []
        for number in range(self.flows.touched):
            connection = &self.flows.connections[number]
            if connection.state == FLOW_FREE or connection.expires <= now:
                continue
            found.append(connection_row(connection, now))
            if len(found) == limit:
                break
        return found

    @property
    def count(self):
        """Connections, those that have just expired with them."""
        return self.flows.count

    @property
    def capacity(self):
        """Connections there is room for."""
        return self.flows.capacity

    @property
    def memory(self):
        """Bytes of address space, all taken when the table was made."""
        return flows_memory(&self.flows)

    @property
    def states(self):
        """How many connections are in each state that has any."""
        return {STATES[state]: self.flows.states[state] for state in range(1, FLOW_STATES) if self.flows.states[state]}

    @property
    def totals(self):
        """What has happened since the table was made, as a dictionary."""
        return {"created": self.flows.created, "expired": self.flows.expired, "killed": self.flows.killed,
                "early-drop": self.flows.dropped_early, "refused": self.flows.refused, "clashes": self.flows.clashes,
                "half-open-refused": self.flows.half_open_refused}

    @property
    def half_open_each(self):
        """How many TCP handshakes with the same destination may be under way; 0: any number."""
        return self.flows.half_open_each

    def limit_half_open(self, each):
        """Let at most `each` TCP handshakes with the same destination be under way; 0: as many as come."""
        if not flows_count_half_open(&self.flows, each):
            raise MemoryError("netos: no memory for counting handshakes by destination")

    def move_from(self, FlowTable other not None, int64_t now):
        """Take over the connections of another table, as many as there is room for; it is empty afterwards."""
        cdef Flows own = self.flows
        if self.flows.count or self.flows.capacity != other.flows.capacity:
            move_each(&self.flows, &other.flows, now)
            other.clear()
            return
        others = other.half_open_each
        self.flows = other.flows
        settings_copy(&self.flows, &own)
        settings_copy(&own, &other.flows)
        other.flows = own
        self.limit_half_open(other.half_open_each)
        other.limit_half_open(others)


cdef void settings_copy(Flows *into, const Flows *flows) noexcept nogil:
    memcpy(into.timeouts, flows.timeouts, sizeof(into.timeouts))
    into.loose, into.confirming, into.half_open = flows.loose, flows.confirming, flows.half_open


cdef void move_each(Flows *into, Flows *flows, int64_t now) noexcept nogil:
    """Copy the connections that have not expired, those not assured last."""
    cdef uint32_t number, reference
    cdef int wanted
    cdef Connection *old
    cdef Connection *new
    for wanted in range(2):
        for number in range(flows.touched):
            old = &flows.connections[number]
            if old.state == FLOW_FREE or old.expires <= now or (old.flags & FLOW_ASSURED == 0) != wanted:
                continue
            if into.count == into.capacity or flow_find(into, &old.tuples[0], flow_hash(into, &old.tuples[0])):
                continue
            reference = flow_create(into, &old.tuples[0], &old.tuples[1], flow_hash(into, &old.tuples[0]), old.state,
                                    now)
            if reference != NO_FLOW:
                new = flow_of(into, reference)
                new.flags, new.mark, new.started = old.flags, old.mark, old.started
                memcpy(new.packets, old.packets, sizeof(new.packets))
                memcpy(new.bytes, old.bytes, sizeof(new.bytes))
                memcpy(new.windows, old.windows, sizeof(new.windows))
                new.expires = old.expires
                flow_relink(into, new)

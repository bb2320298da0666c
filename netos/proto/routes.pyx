"""IPv4 route tables: adding, replacing, removing and listing routes, with Click's rules (IPRouteTable).

A route is a tuple (prefix, length, gateway, port): addresses in host order, gateway 0 for none. `RouteTable` searches
its routes one by one; `RadixRoutes` and `DirectRoutes` add a structure that finds the longest prefix at once.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from netos.proto.ipv4 cimport ip_prefix_mask
from netos.proto.routes_index cimport (Entry, entry_is_free, index_add, index_clear, index_find, index_memory,
                                       index_remove, index_reserve)


class RouteExists(Exception):
    """A route with the same prefix is there; `route` is that one."""

    def __init__(self, route):
        super().__init__(f"there is a route for {route_text(route)}; set it instead to replace it")
        self.route = route


class RouteMissing(LookupError):
    """There is no such route to remove."""

    def __init__(self, route):
        super().__init__(f"there is no route for {route_text(route)}")
        self.route = route


def route_text(route):
    """`10.0.0.0/8 192.0.2.1 0`: prefix, gateway if there is one, port; what is None is left out."""
    prefix, length, gateway, port = route
    words = [f"{dotted(prefix)}/{length}"]
    if gateway:
        words.append(dotted(gateway))
    if port is not None:
        words.append(str(port))
    return " ".join(words)


cdef str dotted(uint32_t address):
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


cdef class RouteTable:
    """Routes that are searched from the first to the last for the longest prefix (LinearIPLookup, StaticIPLookup)."""

    def __dealloc__(self):
        index_clear(&self.data.routes)
        index_clear(&self.data.hops)

    def __len__(self):
        return self.data.routes.count

    @property
    def memory(self):
        """Bytes allocated for routes, next hops and the search structure; pages never touched included."""
        return index_memory(&self.data.routes) + index_memory(&self.data.hops) + self.leaf_memory()

    @property
    def next_hops(self):
        """How many different pairs of gateway and port the routes lead to."""
        return self.data.hops.count

    def add(self, uint32_t prefix, uint32_t length, uint32_t gateway, int32_t port, bint replace=False):
        """Add a route, bits of the prefix past its length ignored; RouteExists unless `replace`."""
        self.add_route(prefix, length, gateway, port, replace)

    def add_many(self, routes):
        """Add all of some routes, or none of them when one exists or is invalid."""
        cdef uint32_t prefix, length, gateway
        cdef int32_t port
        cdef Py_ssize_t done = 0
        cdef list all_routes = list(routes)
        try:
            for prefix, length, gateway, port in all_routes:
                self.add_route(prefix, length, gateway, port, False)
                done += 1
        except BaseException:
            for prefix, length, _, _ in all_routes[:done]:
                self.remove(prefix, length)
            raise

    def remove(self, uint32_t prefix, uint32_t length, gateway=None, port=None):
        """Remove the route of a prefix, if it has this gateway and port where they are given; else RouteMissing."""
        cdef Entry *route = NULL
        if length <= 32:
            route = index_find(&self.data.routes, route_key(prefix & ip_prefix_mask(length), length))
        if (route == NULL or gateway is not None and gateway != hop_gateway(&self.data, route.value)
                or port is not None and port != hop_port(&self.data, route.value)):
            raise RouteMissing((prefix, length, gateway, port))
        self.remove_route(route)

    def apply(self, changes):
        """Make all of some changes, or none when one raises: Click's `ctrl` handler.

        Each is (action, prefix, length, gateway, port) with action "add", "set" or "remove".
        """
        cdef list undo = []
        try:
            for action, prefix, length, gateway, port in changes:
                before = self.get(prefix, length)
                if action == "remove":
                    self.remove(prefix, length, gateway, port)
                elif action in ("add", "set"):
                    self.add(prefix, length, gateway, port, action == "set")
                else:
                    raise ValueError(f"a change of routes is 'add', 'set' or 'remove', not {action!r}")
                undo.append((prefix, length, before))
        except BaseException:
            for prefix, length, before in reversed(undo):
                if before is None:
                    self.remove(prefix, length)
                else:
                    self.add(prefix, length, before[1], before[0], True)
            raise

    def get(self, uint32_t prefix, uint32_t length):
        """(port, gateway) of the route with exactly this prefix, or None."""
        cdef Entry *route = NULL
        if length <= 32:
            route = index_find(&self.data.routes, route_key(prefix & ip_prefix_mask(length), length))
        if route == NULL:
            return None
        return hop_port(&self.data, route.value), hop_gateway(&self.data, route.value)

    def lookup(self, uint32_t address):
        """(port, gateway) of the route with the longest prefix around the address, or None."""
        cdef int32_t hop = self.find(address)
        return None if hop < 0 else (hop_port(&self.data, hop), hop_gateway(&self.data, hop))

    def table(self):
        """All routes: in the order they were added, except that a new one takes the place last left free."""
        cdef uint32_t at
        cdef list routes = []
        for at in range(self.data.routes.used):
            if not entry_is_free(&self.data.routes.entries[at]):
                routes.append(self.route_tuple(&self.data.routes.entries[at]))
        return routes

    def flush(self):
        """Remove all routes and give their memory back."""
        self.leaf_clear()
        index_clear(&self.data.routes)
        index_clear(&self.data.hops)
        self.data.lengths = [0] * 33

    def clone(self):
        """A table of the same kind with the same routes in the same order."""
        cdef RouteTable copy = type(self)()
        cdef uint32_t at
        cdef Entry *route
        for at in range(self.data.routes.used):
            route = &self.data.routes.entries[at]
            if not entry_is_free(route):
                copy.add_route(<uint32_t>(route.key >> 8), route.key & 63, hop_gateway(&self.data, route.value),
                               hop_port(&self.data, route.value), False)
        return copy

    cdef tuple route_tuple(self, Entry *route):
        return (<uint32_t>(route.key >> 8), <uint32_t>(route.key & 63), hop_gateway(&self.data, route.value),
                hop_port(&self.data, route.value))

    cdef int32_t find(self, uint32_t address) noexcept nogil:
        return linear_lookup(&self.data, address)

    cdef int leaf_insert(self, uint32_t prefix, uint32_t length, Leaf leaf) except -1:
        return 0

    cdef int leaf_remove(self, uint32_t prefix, uint32_t length) except -1:
        return 0

    cdef int leaf_clear(self) except -1:
        return 0

    cdef size_t leaf_memory(self) noexcept nogil:
        return 0

    cdef Leaf heir(self, uint32_t prefix, uint32_t length, uint32_t shortest) noexcept nogil:
        """The leaf of the longest route around a prefix among those shorter than it, down to `shortest`; or zero."""
        cdef Entry *route
        while length > shortest:
            length -= 1
            if self.data.lengths[length] != 0:
                route = index_find(&self.data.routes, route_key(prefix & ip_prefix_mask(length), length))
                if route != NULL:
                    return leaf_make(length, route.value)
        return 0

    cdef int add_route(self, uint32_t prefix, uint32_t length, uint32_t gateway, int32_t port, bint replace) except -1:
        cdef Entry *route
        cdef Entry *hop
        cdef uint64_t hop_key = <uint64_t>gateway << 32 | <uint32_t>port
        cdef uint64_t key
        cdef uint32_t hop_number, old_hop
        if length > 32:
            raise ValueError(f"a prefix length must be 0 to 32, not {length}")
        if port < 0:
            raise ValueError(f"an output port must not be negative: {port}")
        prefix &= ip_prefix_mask(length)
        key = route_key(prefix, length)
        if index_reserve(&self.data.routes) < 0 or index_reserve(&self.data.hops) < 0:
            raise MemoryError
        route = index_find(&self.data.routes, key)
        if route != NULL and not replace:
            raise RouteExists(self.route_tuple(route))
        hop = index_find(&self.data.hops, hop_key)
        if hop == NULL:
            if self.data.hops.count >= HOPS_MAXIMUM:
                raise ValueError(f"a table holds at most {HOPS_MAXIMUM} different next hops")
            hop = index_add(&self.data.hops, hop_key, 0)
        hop_number = <uint32_t>(hop - self.data.hops.entries)
        hop.value += 1
        try:
            self.leaf_insert(prefix, length, leaf_make(length, hop_number))
        except MemoryError:
            self.release_hop(hop_number)
            raise
        if route == NULL:
            index_add(&self.data.routes, key, hop_number)
            self.data.lengths[length] += 1
        else:
            old_hop = route.value
            route.value = hop_number
            self.release_hop(old_hop)
        return 0

    cdef int remove_route(self, Entry *route) except -1:
        cdef uint32_t length = route.key & 63
        self.leaf_remove(<uint32_t>(route.key >> 8), length)
        self.release_hop(route.value)
        self.data.lengths[length] -= 1
        index_remove(&self.data.routes, route)
        return 0

    cdef void release_hop(self, uint32_t number) noexcept nogil:
        cdef Entry *hop = &self.data.hops.entries[number]
        hop.value -= 1
        if hop.value == 0:
            index_remove(&self.data.hops, hop)

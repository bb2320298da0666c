"""StaticIPLookup: a handful of routes, searched from the first to the last (Click's StaticIPLookup)."""

from elements.ip.lookup cimport RouteLookup


cdef class StaticIPLookup(RouteLookup):
    """Send packets to the output of the longest route around their destination annotation.

    Arguments: ADDR/MASK [GATEWAY] OUTPUT for each route; a gateway becomes the destination annotation.
    The routes do not change. Handlers: table, lookup ADDRESS (read).
    """

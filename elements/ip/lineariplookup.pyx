"""LinearIPLookup: a handful of changing routes, searched from the first to the last (Click's LinearIPLookup)."""

from elements.ip.lookup cimport ChangingLookup


cdef class LinearIPLookup(ChangingLookup):
    """Send packets to the output of the longest route around their destination annotation.

    Arguments: ADDR/MASK [GATEWAY] OUTPUT for each route; a gateway becomes the destination annotation.
    Handlers: table, lookup ADDRESS (read); add, set, remove, ctrl (write).
    """

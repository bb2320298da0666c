"""NeighbourTable: a table of neighbours as a Python object."""

from elements.ethernet.neighbours cimport Neighbours


cdef class NeighbourTable:
    cdef Neighbours data
    cdef readonly list queriers     # the elements that send what waits

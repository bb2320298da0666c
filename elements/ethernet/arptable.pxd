"""ARPTable's C interface, for ARPQuerier."""

from elements.ethernet.neighbour_table cimport NeighbourTable
from netos.element cimport Element
from netos.kernel.timer cimport Timer


cdef class ARPTable(Element):
    cdef readonly NeighbourTable neighbours
    cdef Timer timer

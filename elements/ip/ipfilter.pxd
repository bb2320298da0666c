"""IPFilter's C interface, for IPClassifier."""

from elements.standard.classification cimport Program
from netos.element cimport Element


cdef class IPFilter(Element):
    cdef Program compiled

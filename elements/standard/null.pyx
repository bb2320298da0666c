"""Null: let packets pass (Click's Null)."""

from netos.element cimport Element


cdef class Null(Element):
    """Pass packets unchanged."""

    ports = "1/1"
    processing = "a/a"

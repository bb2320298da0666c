"""PushNull: let pushed packets pass (Click's PushNull)."""

from netos.element cimport Element


cdef class PushNull(Element):
    """Pass packets unchanged; both ports are pushed."""

    ports = "1/1"
    processing = "h/h"

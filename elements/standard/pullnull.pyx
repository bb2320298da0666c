"""PullNull: let pulled packets pass (Click's PullNull)."""

from netos.element cimport Element


cdef class PullNull(Element):
    """Pass packets unchanged; both ports are pulled."""

    ports = "1/1"
    processing = "l/l"

"""Congestion control algorithms; see tcp_congestion.pyx."""

from netos.proto.tcp_block cimport Congestion


cdef const Congestion *congestion_find(const char *name) noexcept nogil

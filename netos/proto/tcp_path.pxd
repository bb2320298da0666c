"""The size of segments on a path; see tcp_path.pyx."""

from netos.proto.host cimport Path
from netos.proto.tcp_block cimport Tcb


cdef void path_follow(Tcb *tcb, const Path *path) noexcept nogil
cdef void path_doubt(Tcb *tcb, bint full) noexcept nogil

"""What users hear of a neighbour that does not answer; see unreachable.pyx."""

from netos.packet cimport Descriptor
from netos.proto.host cimport Host


cdef void neighbour_unreachable(Host *host, Descriptor *packet) noexcept nogil

"""Who sees a packet before a drop ends it; see drophook.pyx."""

from netos.packet cimport Descriptor

ctypedef void (*DropHook)(void *element, Descriptor *packet, int reason) noexcept nogil

cdef DropHook drop_hook         # the only one, or all of them; NULL: nobody

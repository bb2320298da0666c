"""Who sees a packet before a drop ends it: samples of drops and traces, as C functions."""

from libc.stdint cimport uint32_t

from netos.packet cimport Descriptor

cdef DropHook drop_hook = NULL
cdef DropHook drop_hooks[4]
cdef uint32_t drop_hook_count = 0


def set_drop_hook(size_t address, bint on):
    """Have the C function at this address see each packet before a drop ends it, from now on or no more.

    See netos.dropsample and netos.trace; there can be four.
    """
    global drop_hook, drop_hook_count
    cdef uint32_t i, kept = 0
    for i in range(drop_hook_count):
        if drop_hooks[i] != <DropHook>address:
            drop_hooks[kept] = drop_hooks[i]
            kept += 1
    if on:
        if kept == 4:
            raise RuntimeError("four functions see what is dropped already")
        drop_hooks[kept] = <DropHook>address
        kept += 1
    drop_hook_count = kept
    drop_hook = NULL if kept == 0 else drop_hooks[0] if kept == 1 else call_drop_hooks


cdef void call_drop_hooks(void *element, Descriptor *packet, int reason) noexcept nogil:
    cdef uint32_t i
    for i in range(drop_hook_count):
        drop_hooks[i](element, packet, reason)

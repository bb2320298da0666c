"""A cable inside the process; see memory.pyx."""

from libc.stdint cimport uint32_t

from netos.drivers.device cimport Device
from netos.packet cimport Batch, Descriptor, Vcpu


cdef struct Ring:                   # one direction; one thread puts, one takes
    Descriptor **slots
    uint32_t capacity               # a power of two
    uint32_t limit                  # frames it holds at most
    uint32_t first                  # of the next to take; both count on and on
    uint32_t behind                 # of the next to put
    uint32_t waiting                # somebody wants to hear of room
    int arrived                     # eventfd, readable while there are frames
    int room                        # eventfd, readable once there is room again


cdef class Cable:                   # what two ends share
    cdef Ring rings[2]
    cdef Vcpu *outside              # packets of Python's send() and receive()


cdef class MemoryDevice(Device):
    cdef Cable cable
    cdef Ring *incoming
    cdef Ring *outgoing
    cdef bint opened
    cdef public bint broken         # answer with errors, for tests of what happens then
    cdef object __weakref__

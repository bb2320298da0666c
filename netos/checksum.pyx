"""The Internet checksum for Python: tests and tools; the data path uses the inline functions of checksum.pxd."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from netos.wire cimport load_be32


cdef uint64_t buffer_sum(object data, uint64_t initial):
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return checksum_partial(<const uint8_t *>view.buf, view.len, initial)
    finally:
        PyBuffer_Release(&view)


def checksum(data):
    """The checksum of a buffer; zero when it contains its own and that is right (RFC 1071)."""
    return checksum_finish(buffer_sum(data, 0))


def ip_checksum(header):
    """The checksum of an IPv4 header of 20 to 60 bytes."""
    cdef bytes copy = bytes(header)
    if not 20 <= len(copy) <= 60 or len(copy) % 4:
        raise ValueError(f"an IPv4 header has 20 to 60 bytes, a multiple of 4, not {len(copy)}")
    return checksum_ip(<const uint8_t *>copy, <uint32_t>len(copy))


def transport_checksum(source, destination, uint8_t protocol, data):
    """The checksum of a TCP, UDP or ICMPv6 segment with its pseudo header; addresses are 4 or 16 bytes each.

    For UDP send 0xFFFF when it is 0.
    """
    cdef bytes sender = bytes(source)
    cdef bytes receiver = bytes(destination)
    cdef const uint8_t *sender_at = sender
    cdef const uint8_t *receiver_at = receiver
    cdef uint32_t length = len(data)
    cdef uint64_t total
    if len(sender) == 4 and len(receiver) == 4:
        total = checksum_pseudo(load_be32(sender_at), load_be32(receiver_at), protocol, length)
    elif len(sender) == 16 and len(receiver) == 16:
        total = checksum_pseudo_ip6(sender_at, receiver_at, protocol, length)
    else:
        raise ValueError(f"addresses must be 4 bytes or 16 bytes each, not {len(sender)} and {len(receiver)}")
    return checksum_finish(buffer_sum(data, total))


def update16(uint16_t check, uint16_t old, uint16_t new):
    """The checksum after a 16-bit field changed (RFC 1624)."""
    return checksum_update16(check, old, new)


def update32(uint16_t check, uint32_t old, uint32_t new):
    """The checksum after a 32-bit field at an even offset changed (RFC 1624)."""
    return checksum_update32(check, old, new)

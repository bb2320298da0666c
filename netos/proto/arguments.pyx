"""What users give and get, as the stack has it: addresses, ports, times; and errnos, as exceptions."""

import os

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

from netos.proto.inet cimport Address, address_ipv4, address_number

from netos.addresses import ipv4_number

cdef enum:
    SECONDS_MOST = 1000000000


cdef Address address_of(object text) except *:
    """An address as the stack has it; raises ValueError."""
    return address_ipv4(ipv4_number(str(text)) if text else 0)


cdef tuple endpoint_of(const Address *address, uint16_t port):
    """An endpoint as users have it: (address, port)."""
    cdef uint32_t number = address_number(address)
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", port


cdef uint16_t port_of(object number) except *:
    """A port; raises OverflowError, as sockets do."""
    if not 0 <= number <= 65535:
        raise OverflowError(f"a port is from 0 to 65535, not {number}")
    return number


cdef object os_error(int32_t number):
    """The exception of an errno."""
    return OSError(number, os.strerror(number))


cdef int64_t nanoseconds_of(double seconds) except -1:
    """A time to wait; raises ValueError for what none can be."""
    if not 1e-3 <= seconds <= SECONDS_MOST:             # also false for what is not a number
        raise ValueError(f"a time is from 0.001 to {SECONDS_MOST} seconds, not {seconds}")
    return <int64_t>(seconds * 1e9)


cdef int bounded(str what, object least, object value, object most) except -1:
    """Raise ValueError, in the words of `what`, for a value out of its bounds; None: none was given."""
    if value is not None and not least <= value <= most:
        raise ValueError(f"{what.format(least, most)}, not {value}")
    return 0

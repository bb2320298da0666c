"""What happens on a link below IP: ready-made packets, looking whether an address is free (RFC 5227 section 2.1)."""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from netos.packet cimport HEADROOM, Descriptor, packet_create
from netos.proto.arguments cimport address_of
from netos.proto.host cimport IP_NO_BUFFER, Host, Interface, interface_put
from netos.proto.inet cimport Address
from netos.proto.neighbours cimport neighbour_answered, neighbour_probe
from netos.proto.stack cimport Stack


def transmit(Stack stack not None, name, bytes packet not None):
    """Send a packet over an interface as it is, from its Ethernet header on; False: there is no buffer for it."""
    cdef Interface *interface = stack.interface(name)
    cdef Host *host = &stack.protocols.host
    cdef const uint8_t *data = <const uint8_t *>packet
    cdef Descriptor *made
    if len(packet) > interface.mtu + 18:
        raise ValueError(f"a packet of {len(packet)} bytes is too long for {name}")
    made = packet_create(host.vcpu, HEADROOM, <unsigned int>len(packet))
    if made == NULL:
        host.counts[IP_NO_BUFFER] += 1
        return False
    memcpy(made.data, data, made.length)
    interface_put(host, interface, made)
    stack.work()
    return True


def probe(Stack stack not None, name, address):
    """Ask on a link whether anybody has an address: in_use() tells what came of it, within a second."""
    cdef Address wanted = address_of(address)
    neighbour_probe(&stack.protocols.host, stack.interface(name), &wanted)
    stack.work()


def in_use(Stack stack not None, name, address):
    """Whether somebody else on a link is known to have an address."""
    cdef Address wanted = address_of(address)
    return neighbour_answered(&stack.protocols.host, stack.interface(name), &wanted)

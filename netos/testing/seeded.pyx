"""A stack whose secrets follow from a seed: the same initial sequence numbers, ports and identifications each time."""

from libc.stdint cimport uint32_t, uint64_t

from netos.fuzz.chance cimport Chance, draw
from netos.proto.stack cimport Stack


def seed_stack(Stack stack not None, uint64_t seed):
    """Draw a stack's secrets from a seed; before it has sent anything."""
    cdef Chance chance
    chance.state = seed
    stack.protocols.host.secret[0] = draw(&chance)
    stack.protocols.host.secret[1] = draw(&chance)
    stack.protocols.host.identification = <uint32_t>draw(&chance)
    stack.protocols.reassembly.fragments.seed = <uint32_t>draw(&chance)

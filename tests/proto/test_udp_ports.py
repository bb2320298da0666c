"""UDP ports of a stack."""

from netos.kernel.vcpu import VirtualCpu
from netos.proto.endpoints import UdpEndpoint
from netos.proto.stack import Stack


def test_free_ports_do_not_come_round_again():
    """A resolver's ports must not be guessed (RFC 5452, 6056): made from the last one they ran in a circle of 131."""
    stack = Stack(VirtualCpu(0))
    seen = set()
    for _ in range(2000):
        endpoint = UdpEndpoint(stack)
        seen.add(endpoint.local[1])
        endpoint.close()
    assert len(seen) > 1800                     # of 28 232: a few are met twice by chance
    assert min(seen) >= 32768

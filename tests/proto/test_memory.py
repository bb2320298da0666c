"""Memory of the stack: connections that are idle hold no buffers, what was freed is used again, in bounds."""

from netos.kernel.vcpu import VirtualCpu
from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.testing.link import Link

KEPT = 4 << 20


def open_pair(link, listener):
    """A connection, both ends."""
    client = TcpEndpoint(link.left, ("10.0.0.2", 80))
    assert link.run(lambda: listener.waiting > 0 and client.state == "ESTABLISHED", seconds=1)
    return client, listener.accept()


def test_circles_of_bytes_are_kept_for_the_next_and_never_beyond_the_limit():
    """Connections whose buffers come and go take none from the system anew, and what is kept stays small."""
    link = Link(offload=True, cpu=VirtualCpu(0))
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    pairs = [open_pair(link, listener) for _ in range(12)]
    for _ in range(2):
        for client, _server in pairs:
            client.send(bytes(1_000_000))
        assert link.run(lambda: not any(client.unsent for client, _server in pairs), seconds=5)
        assert all(server.receive() == bytes(1_000_000) for _client, server in pairs)
        for stack in (link.left, link.right):
            assert 1_000_000 <= stack.memory["free_rings"] <= KEPT
    kept = link.right.memory["free_rings"]
    client, server = pairs[0]
    client.send(bytes(100_000))
    assert link.run(lambda: server.readable == 100_000, seconds=1)
    assert link.right.memory["free_rings"] < kept
    for pair in pairs:
        for end in pair:
            end.close()
    listener.close()
    link.close()


def test_an_idle_connection_holds_no_more_than_its_block():
    """A connection that has carried data and waits takes at most 2 KiB."""
    link = Link(offload=True, cpu=VirtualCpu(0))
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    before = link.right.memory
    pairs = [open_pair(link, listener) for _ in range(64)]
    assert (link.right.memory["blocks"] - before["blocks"]) / 64 <= 2048
    for pair in pairs:
        for end in pair:
            end.close()
    listener.close()
    link.close()

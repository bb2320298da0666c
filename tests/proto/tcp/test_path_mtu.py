"""The size of segments: black holes are found without a word from routers (RFC 2923, 8899); paths get better."""

import random

import pytest

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.testing.link import Link
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import PEER, Peer

TEN_MINUTES = 600
UNREACHABLE, TOO_BIG = 3, 4


def sizes(peer):
    """Of the packets that were sent since."""
    return [len(heard.ip) for heard in peer.drain()]


@mutation("tcp_timers.pyx", "        path_doubt(tcb, min(", "        0 and path_doubt(tcb, min(")
@mutation("tcp_path.pyx", "        tcb_set_mss(tcb, smaller)\n", "        pass\n")
def test_full_segments_that_vanish_twice_go_smaller():
    """A black hole: two timeouts at each size; 1200 bytes get through nearly everywhere, 552 everywhere."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(20 * 1460))
    peer.let_go()
    peer.drain()
    peer.wait(0.2 + 0.4 + 0.8 + 1.6 + 0.1)
    assert sizes(peer) == [1500, 1200, 1200, 552]
    assert server.facts["mss"] == 512
    assert peer.stack.counters["tcp_black_holes"] == 2


@mutation("tcp_path.pyx", "    elif (full and tcb.timeouts", "    elif (tcb.timeouts")
def test_small_segments_that_vanish_show_no_black_hole():
    """They would have got through: it is the peer, or the path, that is gone."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(1400))
    peer.wait(10)
    assert set(sizes(peer)) == {1440}
    assert peer.stack.counters["tcp_black_holes"] == 0
    assert server.facts["mss"] == 1460


@mutation("tcp_path.pyx", " and not host_is_own(", " and host_is_own(")
def test_within_the_host_nothing_is_too_large():
    """A listener whose backlog was full for a moment, and the connections crept for ten minutes."""
    peer = Peer()
    listener = TcpListener(peer.stack, ("127.0.0.1", 80))
    listener.listen(1)
    clients = [TcpEndpoint(peer.stack, ("127.0.0.1", 80)) for _ in range(4)]
    peer.wait(0)
    for client in clients:
        client.send(bytes(200000))
    peer.wait(2)
    assert peer.stack.counters["tcp_timeouts"] >= 4
    while listener.accept() is not None:
        peer.wait(4)
    assert peer.stack.counters["tcp_black_holes"] == 0
    assert len({client.facts["mss"] for client in clients}) == 1


@mutation("tcp_path.pyx", "        tcb.path_mtu = tcb.path_mtu_before\n", "        pass\n")
def test_a_peer_that_is_gone_for_long_is_no_black_hole():
    """When nothing of any size is answered, the size was not the reason; afterwards it is what it was."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(20 * 1460))
    peer.let_go()
    start = peer.hear()
    peer.drain()
    peer.wait(0.2 * (2 ** 7 - 1))
    assert sizes(peer)[-1] == 1500
    peer.send(b"", "A", ack=start.seq + 1460)
    assert server.facts["mss"] == 1460
    assert set(sizes(peer)) == {1500}


def test_a_path_that_was_known_to_be_small_stays_so():
    """What a router had said before the peer was gone holds again after it."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(20 * 1460))
    peer.let_go()
    peer.icmp_error(peer.hear(), UNREACHABLE, TOO_BIG, mtu=1400)
    peer.drain()
    peer.wait(0.2 * (2 ** 7 - 1))
    assert sizes(peer)[-1] == 1400


@mutation("tcp_path.pyx", "cdef int64_t PATH_LIFE = <int64_t>600 *", "cdef int64_t PATH_LIFE = <int64_t>6000 *")
@mutation("tcp_path.pyx", " or mtu > tcb.mss + HEADERS and tcb.mss < tcb.peer_mss:", ":")
@pytest.mark.parametrize("silent", [True, False])
def test_after_ten_minutes_the_path_may_be_larger_again(silent):
    """RFC 1191 section 6.3: routes change, and an outage looks like a black hole."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(2 * 1460))
    peer.let_go()
    sent = peer.hear()
    if silent:
        peer.wait(0.7)
    else:
        peer.icmp_error(sent, UNREACHABLE, TOO_BIG, mtu=1200)
    assert server.facts["mss"] == 1160
    peer.send(b"", "A", ack=sent.seq + 2 * 1460)
    peer.wait(TEN_MINUTES - 2)
    peer.drain()
    server.send(bytes(2 * 1160))
    peer.let_go()
    assert sizes(peer) == [1200, 1200]
    peer.send(b"", "A", ack=sent.seq + 2 * 1460 + 2 * 1160)
    peer.wait(2)
    server.send(bytes(3000))
    peer.let_go()
    assert sizes(peer)[:2] == [1500, 1500]


@mutation("tcp_path.pyx", "        tcb.cwnd = max(tcb.cwnd, tcb.mss)\n", "")
def test_a_window_of_one_small_segment_takes_one_large_one():
    """A connection that was down to 512 bytes must not wait for ever for room for 1460."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(2 * 1460))
    peer.let_go()
    peer.wait(0.2 + 0.4 + 0.8 + 1.6 + 0.1)
    peer.send(b"", "A", ack=peer.drain()[1].end)
    assert server.facts["cwnd"] < 1460
    peer.wait(TEN_MINUTES)
    server.send(bytes(20 * 1460))
    peer.let_go()
    assert sizes(peer) == [1500]


@mutation("tcp_input.pyx", "        host_learn_mtu(tcp.host, remote, mtu) ", "        0 ")
def test_what_a_router_said_holds_for_later_connections():
    """RFC 1191 section 5: the size is the path's: else each new connection loses its first window to learn it."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(4 * 1460))
    peer.let_go()
    peer.icmp_error(peer.hear(), UNREACHABLE, TOO_BIG, mtu=1000)
    peer.drain()
    peer.port += 1
    peer.open()
    other = peer.listener.accept()
    other.send(bytes(3000))
    peer.let_go()
    assert sizes(peer)[:3] == [1000, 1000, 1000]


@pytest.mark.parametrize("largest", [1400, 600])
def test_a_transfer_through_a_black_hole_gets_through(largest):
    """A link that takes 1500 bytes, a tunnel behind it that does not and says nothing: slow for a second, then not."""
    link = Link(mtu=1500, filter=lambda _left, frame: len(frame) - 14 <= largest)
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    client = TcpEndpoint(link.left, (PEER[:-1] + "2", 80))
    assert link.run(lambda: listener.waiting > 0, seconds=5)
    server = listener.accept()
    data = random.Random(1).randbytes(100_000)
    received = []
    assert client.send(data) == len(data)
    assert link.run(lambda: received.append(server.receive()) or sum(map(len, received)) == len(data), seconds=30)
    assert b"".join(received) == data
    assert link.left.counters["tcp_black_holes"] in (1, 2)
    assert link.now < 10 * 10 ** 9
    link.close()

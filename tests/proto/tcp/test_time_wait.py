"""TIME-WAIT under attack: what prolongs it, what ends it, what a new connection in its place begins with."""

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import WORD, Peer


def closed_by_us(peer, sent=0):
    """A connection on which the stack has sent so many bytes; closed by the stack first, then by the peer."""
    server = peer.accepted()
    while sent:
        sent -= server.send(bytes(min(sent, 64000)))
        while server.unsent:
            peer.let_go()
            peer.send(b"", "A", ack=peer.drain()[-1].end)
            peer.wait(0.001)
    server.close()
    peer.let_go()
    peer.heard = peer.drain()[-1].end
    peer.send(b"", "FA")
    peer.drain()
    assert peer.stack.tcp_count[2] == 1
    return server


@mutation("tcp_time_wait.pyx", "TCP_FIN and segment.sequence + segment_span(segment) == wait.rcv_nxt:", "TCP_FIN:")
def test_only_the_peers_own_fin_prolongs_time_wait():
    """RFC 9293 section 3.10.7.4: anybody's FIN, whatever its number, would keep it for ever, an answer for each."""
    peer = Peer()
    closed_by_us(peer)
    for number in range(70):
        for guess in range(3):
            peer.send(b"", "FA", seq=peer.next + 1000 * number + 99 + guess)
        peer.wait(1)
    assert len(peer.drain()) <= 70 * 2          # answered, but not too often
    assert peer.stack.tcp_count == (0, 0, 0)


@mutation("tcp_time_wait.pyx",
          "    if not newer or listener == NULL:\n        return 0\n    tcp.counts[COUNT_TIME_WAIT_REUSED] += 1\n"
          "    time_wait_end(wait)\n",
          "    if not newer:\n        return 0\n    tcp.counts[COUNT_TIME_WAIT_REUSED] += 1\n    time_wait_end(wait)\n"
          "    if listener == NULL:\n        return 1\n")
def test_time_wait_makes_way_only_for_a_connection_that_somebody_takes():
    """A forged SYN would end it, with a RST, where nobody listens: on every connection that the host itself opened."""
    peer = Peer()
    closed_by_us(peer)
    peer.listener.close()
    peer.send(b"", "S", seq=peer.next + 10)
    peer.expect("A", ack=peer.next)
    assert peer.stack.tcp_count == (0, 0, 1)


@mutation("tcp_passive.pyx", "        half.iss = left_off[0] + SEQUENCE_GAP\n", "        pass\n")
def test_a_new_connection_in_its_place_begins_behind_the_old_one():
    """MAY-2: after 3 MB in no time the clock of RFC 6528 lags; data still on its way would fit the new window."""
    peer = Peer()
    closed_by_us(peer, sent=3_000_000)
    last = peer.heard
    peer.send(b"", "S", seq=peer.next + 10)
    answer = peer.hear()
    assert answer.flags == "SA"
    assert 0 < (answer.seq - last) % WORD < WORD // 2

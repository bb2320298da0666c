"""RFC 9293's MUSTs on urgent data (section 3.8.5, RFC 6093): in line, of any length, and its end is told."""

from netos.proto.endpoints import URGENT, TcpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import WORD, Peer


def urged(peer, endpoint):
    """Whether the user is told of urgent data now."""
    return any(owner is endpoint and events & URGENT for owner, events in peer.stack.events())


@mutation("tcp_emit.pyx", "        packet.data[TCP_AT_FLAGS] |= TCP_URG\n", "")
@mutation("tcp_data.pyx",
          "    if tcb.connection.state not in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2) or not "
          "sequence_before(unread, end):\n        return\n    if",
          "    return\n    if")
def test_must_30_urgent_data_is_sent_and_heard_of():
    """MUST-30: both directions; the bytes stay in line with the others."""
    peer = Peer()
    server = peer.accepted()
    server.send(b"stop", urgent=True)
    peer.let_go()
    peer.expect("PAU", b"stop", urgent=4)
    peer.send(b"ab!cd", "PAU", urgent=3)
    assert server.urgent == 3
    assert server.receive() == b"ab!cd"
    assert server.urgent == 0


@mutation("tcp_emit.pyx", "store_be16(packet.data + TCP_AT_URGENT, <uint16_t>min(tcb.snd_up - at, <uint32_t>0xFFFF))",
          "store_be16(packet.data + TCP_AT_URGENT, <uint16_t>(tcb.snd_up - at))")
def test_must_31_urgent_data_may_be_of_any_length():
    """MUST-31: more than the pointer can tell: it points as far as it can, at last to the end, then no more."""
    peer = Peer(initial_window=100)
    server = peer.accepted(window=60000, scale=2)
    start = peer.heard
    length = 100_000
    server.send(bytes(length), urgent=True)
    server.send(b"not urgent")
    peer.let_go()
    got = start
    while got != (start + length + 10) % WORD:
        heard = peer.drain()
        assert heard
        for one in heard:
            left = (start + length - one.seq) % WORD
            assert ("U" in one.flags) == (left < WORD // 2 and left > 0)
            assert one.urgent == (min(left, 65535) if "U" in one.flags else 0)
        got = heard[-1].end
        peer.send(b"", "A", ack=got)
    server.send(b"later")
    peer.let_go()
    assert "U" not in peer.hear().flags
    assert server.facts["bytes_out"] == length + 15


@mutation("tcp_data.pyx",
          "    if not tcb.bits & TCB_URGENT_IN or sequence_before(tcb.rcv_up, end):",
          "    if not tcb.bits & TCB_URGENT_IN:")
@mutation("tcp_data.pyx", "        tcb_notify(tcb, EVENT_URGENT)\n", "")
def test_must_32_the_user_is_told_when_the_urgent_pointer_comes_or_moves_on():
    """MUST-32: at once, before the data itself is there; not again for the same pointer."""
    peer = Peer()
    server = peer.accepted()
    peer.stack.events()
    peer.send(b"ab", "PAU", urgent=1000)
    assert urged(peer, server)
    peer.send(b"cd", "PAU", urgent=998)         # the same place
    assert not urged(peer, server)
    peer.send(b"ef", "PAU", urgent=2000)
    assert urged(peer, server)
    assert server.urgent == 2004


@mutation("tcp_user.pyx",
          "    if tcb.bits & TCB_URGENT_IN and not sequence_before(unread(tcb), tcb.rcv_up):\n"
          "        tcb.bits &= ~<uint32_t>TCB_URGENT_IN\n",
          "")
def test_must_33_the_user_can_tell_how_much_urgent_data_is_left():
    """MUST-33: it counts down as the user reads, whether all of it has come or not."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"abcdef", "PAU", urgent=8)
    left = []
    for _ in range(3):
        left.append(server.urgent)
        server.receive(2)
    peer.send(b"ghij", "PA")
    while server.readable:
        left.append(server.urgent)
        server.receive(1)
    left.append(server.urgent)
    assert left == [8, 6, 4, 2, 1, 0, 0, 0]


@mutation("tcp_user.pyx", " - (tcb.bits & TCB_FIN_RECEIVED != 0)", "")
def test_the_fin_is_none_of_the_urgent_bytes():
    """It takes a sequence number, but the user does not read it."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"abc", "PAUF", urgent=3)
    assert server.urgent == 3
    server.receive(2)
    assert server.urgent == 1
    server.receive()
    assert server.urgent == 0


@mutation("tcp_user.pyx",
          "tcb.snd_up = tcb.snd_una + tcb.send.used +",
          "tcb.snd_up = tcb.snd_una + tcb.send.used - 1 +")
def test_must_62_the_pointer_is_to_the_first_octet_that_is_not_urgent():
    """MUST-62: RFC 6093's sense, both ways; and nothing happens for a pointer that lies behind."""
    peer = Peer()
    server = peer.accepted()
    server.no_delay = True
    server.send(b"!", urgent=True)
    server.send(b"calm")
    peer.let_go()
    heard = peer.drain()
    assert b"".join(one.data for one in heard) == b"!calm"
    assert (heard[0].flags, heard[0].urgent) == ("PAU", 1)
    peer.send(b"!", "PAU", urgent=1)
    server.receive()
    assert server.urgent == 0
    peer.stack.events()
    peer.send(b"x", "PAU", urgent=0)
    assert not urged(peer, server)


def test_urgent_data_written_before_the_connection_is_open():
    """The SYN takes a sequence number, which the pointer must not count."""
    peer = Peer()
    client = TcpEndpoint(peer.stack, ("10.0.0.1", 80))
    client.send(b"early", urgent=True)
    peer.let_go()
    syn = peer.expect("S")
    peer.port, peer.stack_port = 80, client.local[1]
    peer.heard = syn.end
    peer.send(b"", "SA")
    heard = [one for one in peer.drain() if one.data]
    assert [(one.data, one.flags, one.urgent) for one in heard] == [(b"early", "PAU", 5)]


def test_urgent_data_is_told_of_while_nothing_may_be_sent():
    """With the peer's window closed its pointer still goes out, in the probes and acknowledgments."""
    peer = Peer()
    server = peer.accepted(window=0)
    server.send(b"stop", urgent=True)
    peer.send(b"x", "PA", window=0)
    peer.wait(0.05)
    heard = peer.expect("AU")
    assert heard.urgent == 4

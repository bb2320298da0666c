"""RFC 9293's MUSTs on opening connections and initial sequence numbers: what breaks is who may connect, and safety."""

import errno
import random

import pytest

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import PEER, SECOND, STACK, WORD, Peer, sack_option


def first_number(peer, port):
    """The initial sequence number the stack's listener chooses for a port of the peer's."""
    peer.port = port
    peer.send(b"", "S", seq=77)
    number = peer.answered().seq
    peer.send(b"", "R", seq=78)
    return number


@mutation("tcp_table.pyx",
          "return <uint32_t>(tcp.host.now // 4000) + <uint32_t>tuple_hash(",
          "return <uint32_t>tuple_hash(")
def test_must_8_initial_sequence_numbers_move_with_a_clock():
    """MUST-8: about 250 000 a second, for the same pair of endpoints."""
    peer = Peer()
    peer.listen()
    before = first_number(peer, 5000)
    peer.wait(1)
    assert (first_number(peer, 5000) - before) % WORD == 250_000


@mutation("tcp_table.pyx",
          "    return siphash_words(tcp.host.secret, words, 6)\n",
          "    words[5] = words[4] ^ salt\n    return words[5] * <uint64_t>0x9E3779B97F4A7C15\n")
def test_must_9_initial_sequence_numbers_cannot_be_computed_from_outside():
    """MUST-9, RFC 6528: they differ between hosts, and between ports in no regular way."""
    numbers = []
    for _host in range(2):
        peer = Peer()
        peer.listen()
        numbers.append([first_number(peer, port) for port in range(5000, 5020)])
    assert not set(numbers[0]) & set(numbers[1])
    steps = {(after - before) % WORD for before, after in zip(numbers[0], numbers[0][1:])}
    assert len(steps) == 19


@mutation("tcp_input.pyx",
          "    if not good:                                            # both ends open at once\n"
          "        tcb_move(tcb, STEP_RECEIVE_SYN)\n        send_syn(tcb)\n        return\n",
          "    if not good:\n        return\n")
def test_must_10_both_may_open_at_once():
    """MUST-10: SYNs cross, SYN,ACKs cross, and there is one connection that carries data."""
    peer = Peer()
    client = TcpEndpoint(peer.stack, (PEER, 80))
    peer.let_go()
    syn = peer.expect("S")
    peer.port, peer.stack_port, peer.heard, peer.next = 80, client.local[1], syn.end, 500
    peer.send(b"", "S", seq=500)
    peer.next = 501
    peer.expect("SA", seq=syn.seq, ack=501)
    assert client.state == "SYN-RECEIVED"
    peer.send(b"", "SA", seq=500)
    peer.expect("A", ack=501, seq=syn.end)
    peer.send(b"", "A")
    assert client.state == "ESTABLISHED"
    peer.send(b"data", "PA")
    assert client.receive() == b"data"


@mutation("tcp_input.pyx",
          "    cdef bint refused = tcb.connection.state == SYN_RECEIVED\n",
          "    cdef bint refused = 0\n")
@mutation("tcp_passive.pyx",
          "            tcp.counts[COUNT_ATTEMPT_FAILS] += 1\n            half_open_end(tcp, half)\n",
          "            pass\n")
def test_must_11_syn_received_knows_how_it_came_about():
    """MUST-11: a RST sends a listener's back to LISTEN without a word; an active one's user is told: refused."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", seq=1000)
    peer.answered()
    assert peer.stack.tcp_count[1] == 1
    peer.send(b"", "R", seq=1001)
    assert peer.stack.tcp_count == (0, 0, 0)
    assert peer.listener.waiting == 0
    assert peer.open()                          # it listens still

    peer = Peer()
    client = TcpEndpoint(peer.stack, (PEER, 80))
    peer.let_go()
    syn = peer.expect("S")
    peer.port, peer.stack_port, peer.heard = 80, client.local[1], syn.end
    peer.send(b"", "S", seq=500)
    peer.expect("SA")
    peer.send(b"", "RA", seq=501)
    assert (client.state, client.error) == ("CLOSED", errno.ECONNREFUSED)


def test_must_12_the_user_hears_that_the_peer_aborted():
    """MUST-12: with an errno, and as an event."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"", "R")
    assert server.error == errno.ECONNRESET
    assert server in [owner for owner, _events in peer.stack.events()]
    with pytest.raises(ConnectionResetError):
        server.send(b"x")


def test_must_41_listening_does_not_disturb_connections():
    """MUST-41: nor does one who listens no more."""
    peer = Peer()
    server = peer.accepted()
    peer.listener.close()
    again = TcpListener(peer.stack, (STACK, 80))
    peer.send(b"still here", "PA")
    assert server.receive() == b"still here"
    again.close()
    peer.send(b"and here", "PA")
    assert server.receive() == b"and here"


@mutation("tcp_user.pyx", "    if not host_is_own(tcp.host, address_number(&source)):\n        return NULL\n", "")
def test_must_42_43_45_local_addresses_are_the_users_choice():
    """MUST-42, 43, 45: listeners of one port on several addresses, each hears its own; a given address is used."""
    peer = Peer()
    peer.stack.set_addresses("eth0", [f"{STACK}/24", "10.0.0.3/24"])
    listeners = [TcpListener(peer.stack, (address, 80)) for address in (STACK, "10.0.0.3")]
    peer.send(b"", "S", destination="10.0.0.3", seq=9)
    assert peer.drain()[-1].source == "10.0.0.3"
    peer.send(b"", "S", seq=9)
    assert peer.drain()[-1].source == STACK
    client = TcpEndpoint(peer.stack, (PEER, 81), ("10.0.0.3", 0))
    peer.let_go()
    assert peer.expect("S").source == "10.0.0.3"
    with pytest.raises(OSError) as caught:
        TcpEndpoint(peer.stack, (PEER, 82), ("10.9.9.9", 0))
    assert caught.value.errno == errno.EADDRNOTAVAIL
    assert (len(listeners), client.state) == (2, "SYN-SENT")


def test_must_44_the_source_address_is_chosen_by_the_route():
    """MUST-44: of the interface that leads to the peer."""
    peer = Peer()
    peer.stack.set_interface("eth1", ether=b"\x02\0\0\0\0\x09")
    peer.stack.set_addresses("eth1", ["192.168.7.1/24"])
    assert TcpEndpoint(peer.stack, (PEER, 80)).local[0] == STACK
    assert TcpEndpoint(peer.stack, ("192.168.7.9", 80)).local[0] == "192.168.7.1"


@mutation("tcp_user.pyx",
          "    if (address_is_any(remote) or ip_is_multicast(address_number(remote))\n"
          "            or host_is_broadcast(tcp.host, address_number(remote))):\n        return NULL",
          "    pass")
@pytest.mark.parametrize("address", ["255.255.255.255", "10.0.0.255", "224.0.0.1", "239.9.9.9", "0.0.0.0"])
def test_must_46_nobody_opens_to_a_broadcast_or_multicast_address(address):
    """MUST-46: an error, and no packet."""
    peer = Peer()
    with pytest.raises(OSError):
        TcpEndpoint(peer.stack, (address, 80))
    peer.let_go()
    peer.silence()


@mutation("stack_input.pyx", "packet.packet_type != TO_HOST or ip_source(ip) == 0", "ip_source(ip) == 0")
@pytest.mark.parametrize("address", ["255.255.255.255", "10.0.0.255", "224.0.0.1"])
def test_must_57_segments_to_broadcast_and_multicast_addresses_are_dropped_in_silence(address):
    """MUST-57: no connection, and no RST either."""
    peer = Peer()
    peer.listen()
    for flags in ("S", "A", "SA"):
        peer.send(b"", flags, destination=address, to=b"\xff" * 6)
        peer.send(b"", flags, destination=address)
    peer.send(b"", "S", to=b"\xff" * 6)         # to us, but sent to all
    peer.wait(2)
    peer.silence()
    assert peer.stack.tcp_count == (0, 0, 0)


@pytest.mark.parametrize("source", ["255.255.255.255", "10.0.0.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", STACK])
def test_must_63_a_syn_from_an_address_that_cannot_be_is_ignored(source):
    """MUST-63: broadcast, multicast, nobody, loopback, ourselves."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", source=source)
    peer.wait(2)
    peer.silence()
    assert peer.stack.tcp_count == (0, 0, 0)


@mutation("tcp_input.pyx",
          "    if sequence_before(segment.sequence, tcb.rcv_nxt):\n        old",
          "    if segment.sequence < tcb.rcv_nxt:\n        old")
def test_sequence_numbers_wrap_in_both_directions():
    """Every comparison is modulo 2**32: data, gaps and acknowledgments run across the wrap."""
    for before in (1, 2, 700, 1460, 3000):
        peer = Peer()
        server = peer.accepted(iss=WORD - before, sack=True, timestamp=WORD - 5)
        text = bytes(range(256)) * 20
        for at in (1000, 0, 3000, 2000, 4000):                  # out of order
            peer.send(text[at:at + 1000], "PA", seq=peer.next + at)
        peer.next = (peer.next + 5000) % WORD
        peer.send(text[5000:], "PA")
        assert server.receive() == text
        peer.drain()


@mutation("tcp_output.pyx",
          "    return <uint32_t>max(<int32_t>(tcb.snd_una + tcb.snd_wnd - tcb.snd_nxt), 0)\n",
          "    return max(tcb.snd_una + tcb.snd_wnd, tcb.snd_nxt) - tcb.snd_nxt\n")
@mutation("tcp_ack.pyx", "    if sequence_before(tcb.snd_una, ack):", "    if tcb.snd_una < ack:")
def test_our_numbers_wrap_too():
    """A connection whose own sequence numbers wrap within the first kilobytes, losing a segment on the way."""
    for attempt in range(3):
        peer = Peer(start=SECOND)
        peer.listen()
        # The number grows by 250 a millisecond: find the time when it is about to wrap.
        number = first_number(peer, 6000)
        peer.wait(((WORD - number - random.Random(attempt).randrange(500, 3000)) % WORD) * 4e-6)
        peer.port = 6000
        peer.drain()
        answer = peer.open(sack=True)
        assert answer.seq > WORD - 4000
        server = peer.listener.accept()
        server.send(bytes(8 * 1460))
        peer.let_go()
        heard = [one for one in peer.drain() if one.data]
        assert len(heard) == 8
        assert heard[-1].seq < heard[0].seq
        lost = heard.pop(2)
        for one in heard[2:]:
            peer.send(b"", "A", ack=lost.seq, options=sack_option((lost.end, one.end)))
        again = peer.drain()
        assert again[0].seq == lost.seq
        peer.send(b"", "A", ack=heard[-1].end)
        assert server.unsent == 0

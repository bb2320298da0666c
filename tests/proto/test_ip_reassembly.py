"""Fragments for this host: what is put together, what is not, and who is told (RFC 791, 815, 1122, 3168, 5722)."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.segments import PEER, STACK, UDP, Peer, ip_packet, with_checksum

MORE = 0x2000


def datagram(payload):
    """A UDP datagram to port 9."""
    return with_checksum(UDP, struct.pack("!HHHH", 4000, 9, 8 + len(payload), 0) + payload, 6, PEER, STACK)


def fragment(data, start, end, *, last=False, identification=7, **more):
    return ip_packet(UDP, data[start:end], fragment=start // 8 | (0 if last or end >= len(data) else MORE),
                     identification=identification, **more)


@pytest.fixture
def peer():
    """A peer of a stack that listens at port 9: `port`."""
    made = Peer()
    made.port9 = UdpEndpoint(made.stack, (STACK, 9))
    return made


def received(peer):
    found = peer.port9.receive()
    return None if found is None else found[0]


@pytest.mark.parametrize("first", [True, False])
def test_who_waited_for_too_little_is_told(peer, first):
    """RFC 1122 section 3.3.2: time exceeded, code 1, and only if the first fragment is there to be quoted."""
    data = datagram(bytes(100))
    packet = fragment(data, 0, 48) if first else fragment(data, 48, 96)
    peer.frame(packet)
    peer.wait(29.9)
    peer.silence()
    peer.wait(60)
    if first:
        heard = peer.hear()
        assert (heard.payload[:2], heard.payload[8:]) == (b"\x0b\1", packet)
    peer.silence()
    assert peer.stack.counters["ip_reassembly_fails"] == 1
    assert peer.stack.next_timeout is None or peer.stack.next_timeout > peer.now


@pytest.mark.parametrize(("marks", "wanted"), [((2, 2, 2), 2), ((2, 3, 2), 3), ((3, 2, 2), 3), ((1, 1, 3), 3),
                                               ((0, 0, 0), 0)])
def test_a_mark_of_congestion_is_not_lost(peer, marks, wanted):
    """RFC 3168 section 5.3: CE on any fragment is CE on the datagram."""
    data = datagram(bytes(64))[:2] + b"\0\x0a" + datagram(bytes(64))[4:]        # to port 10: the error quotes it
    data = data[:6] + b"\0\0" + data[8:]
    for number, tos in enumerate(marks):
        peer.frame(fragment(data, number * 24, number * 24 + 24, tos=tos))
    heard = peer.hear()
    assert heard.payload[:2] == b"\3\3"
    assert heard.payload[8 + 1] == wanted


def test_a_repeated_fragment_does_no_harm(peer):
    """The very same again, before and after the others: no overlap (RFC 8200 section 4.5)."""
    data = datagram(bytes(range(96)))
    for start in (48, 48, 0, 0, 96):
        peer.frame(fragment(data, start, min(start + 48, len(data))))
    assert received(peer) == bytes(range(96))


@pytest.mark.parametrize("pieces", [
    ((0, 48), (40, 96), (96, 104)), ((48, 96), (0, 56), (96, 104)), ((0, 48), (48, 96), (8, 104)),
    ((0, 48), (96, 104), (48, 104)), ((0, 48), (8, 16), (48, 104))])
def test_an_overlap_spoils_the_datagram_for_good(peer, pieces):
    """What still comes of it is refused too: nobody can tell which half is the true one."""
    data = datagram(bytes(range(96)))
    for start, end in (*pieces, (0, 48), (48, 96), (96, 104)):
        peer.frame(fragment(data, start, end))
    assert received(peer) is None
    assert peer.stack.counters["ip_reassembled"] == 0
    peer.wait(61)
    for start, end in ((0, 48), (48, 96), (96, 104)):
        peer.frame(fragment(data, start, end))
    assert received(peer) == bytes(range(96))


def test_fragments_of_one_sender_do_not_push_out_those_of_another(peer):
    """One sender's thousand beginnings: another's datagram, of which the half is there, is still completed."""
    data = datagram(bytes(range(96)))
    peer.frame(fragment(data, 0, 48))
    for identification in range(1000, 2000):
        peer.frame(fragment(data, 0, 48, identification=identification, source="10.0.0.66"))
    peer.frame(fragment(data, 48, 104))
    assert received(peer) == bytes(range(96))


def test_pieces_of_one_datagram_do_not_push_out_those_of_another(peer):
    """One sender's datagram in 250 pieces, and more of them: it is he who has to give way."""
    data, long = datagram(bytes(range(96))), datagram(bytes(3000))
    peer.frame(fragment(data, 0, 48))
    for identification in range(1000, 1004):
        for at in range(0, 8 * 250, 8):
            peer.frame(fragment(long, at, at + 8, identification=identification, source="10.0.0.66"))
    peer.frame(fragment(data, 48, 104))
    assert received(peer) == bytes(range(96))


def test_one_sender_may_use_all_the_room_that_nobody_else_needs(peer):
    data = datagram(bytes(range(96)))
    for identification in range(100):
        peer.frame(fragment(data, 0, 48, identification=identification))
    for identification in range(100):
        peer.frame(fragment(data, 48, 104, identification=identification))
    assert peer.stack.counters["ip_reassembled"] == 100


@settings(max_examples=60)
@given(st.permutations(range(9)), st.lists(st.integers(0, 8), max_size=6), st.integers(1, 64))
def test_any_order_gives_the_datagram(order, again, length):
    """Whatever the order and the repetitions: it comes whole, once, and nothing is left over."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    data = datagram(bytes(range(length)))
    pieces = [at for at in order if at * 8 < len(data)]
    for at in [*pieces[:-1], *(at for at in again if at in pieces[:-1]), pieces[-1]]:
        peer.frame(fragment(data, at * 8, at * 8 + 8))
    assert port.receive()[0] == bytes(range(length))
    assert port.receive() is None
    peer.wait(61)
    peer.silence()
    assert peer.stack.counters["ip_reassembly_fails"] == 0

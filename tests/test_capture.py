"""Captures: the ring gives back what was put in, in order, or says how much is lost; a dump sees what a port counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.capture import CaptureRing, DumpPatch, Filter
from netos.control.records import FRAME, IP, unpack
from netos.proto.pcapfilter import compile_filter
from netos.router import Router

TEXT = "c :: Counter -> q :: Queue(1000) -> u :: Unqueue -> d :: Discard; Idle -> c"
LENGTHS = st.lists(st.integers(0, 1500), max_size=12)


def dump(ring, text="", most=2**64 - 1):
    chosen = compile_filter(text)
    return DumpPatch(ring, 7, Filter(chosen.ether, chosen.raw), most)


@settings(deadline=None)
@given(rounds=st.lists(st.tuples(LENGTHS, st.integers(0, 5000)), max_size=12), snaplen=st.sampled_from([0, 60, 2000]))
def test_what_the_ring_takes_it_gives_back_in_order(rounds, snaplen):
    """However full it is, and wherever a record wraps; what finds no room is counted."""
    ring, patch = CaptureRing(4096, snaplen), None
    sent, taken = 0, b""
    with Router.from_text(TEXT, simulated=0) as router:
        patch = dump(ring)
        patch.insert(router["c"], "output", 0)
        for lengths, limit in rounds:
            router["c"].push(0, [router.packet((sent + i).to_bytes(4, "big") + bytes(length))
                                 for i, length in enumerate(lengths)])
            sent += len(lengths)
            taken += ring.take(limit)
        while data := ring.take():
            taken += data
        assert patch.seen == patch.matched == sent
        patch.remove()
    records = list(unpack(taken))
    assert len(records) + ring.lost == sent
    assert all(len(record.data) == min(record.length, snaplen) for record in records)
    if snaplen >= 4:
        numbers = [int.from_bytes(record.data[:4], "big") for record in records]
        assert numbers == sorted(set(numbers))
    assert {record.edge for record in records} <= {7}
    assert ring.waiting == 0


@pytest.mark.parametrize(("element", "side"), [("c", "output"), ("u", "input")])
def test_a_dump_sees_what_the_port_counts_and_takes_what_matches(element, side):
    ring = CaptureRing(1 << 16, 100)
    with Router.from_text(TEXT, simulated=0) as router:
        patch = dump(ring, "ether[0] = 1", most=3)
        patch.insert(router[element], side, 0)
        router["c"].push(0, [router.packet(bytes([number % 2]) + bytes(60)) for number in range(20)])
        router.cpu.advance()
        packets = dict(zip(("input", "output"), router[element].port_counts))[side][0]
        assert patch.seen == packets == 20
        assert (patch.matched, len(list(unpack(ring.take())))) == (3, 3)
        assert router.read("d.count") == "20"
        patch.remove()
        assert router[element].port_patches == {(side, 0): []}


IP_PACKET = bytes.fromhex("4500001400010000401100000a000001c0000207")
FRAME_BYTES = bytes(12) + b"\x08\x00" + IP_PACKET


@pytest.mark.parametrize(("data", "mark", "link", "network"), [
    (FRAME_BYTES, None, FRAME, None), (IP_PACKET, None, IP, None), (FRAME_BYTES, 14, FRAME, 14), (IP_PACKET, 0, IP, 0),
    (b"\x45" + bytes(60), None, FRAME, None), (bytes(60), 0, IP, 0), (b"", None, FRAME, None),
    (bytes.fromhex("60000000000011ff") + bytes(32), None, IP, None)])
def test_what_a_packet_begins_with(data, mark, link, network):
    """Marked headers decide; where there are none, what it looks like."""
    ring = CaptureRing(4096, 100)
    with Router.from_text(TEXT, simulated=0) as router:
        patch = dump(ring)
        patch.insert(router["c"], "output", 0)
        packet = router.packet(data)
        if mark is not None:
            packet.set_network_header(mark, 20)
        router["c"].push(0, [packet])
        record, = unpack(ring.take())
        assert (record.link, record.network, record.length) == (link, network, len(data))
        patch.remove()


def test_rings_have_a_power_of_two_of_bytes():
    for capacity in (0, 2048, 5000):
        with pytest.raises(ValueError, match="power of two"):
            CaptureRing(capacity, 10)

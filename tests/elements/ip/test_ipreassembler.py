"""IPReassembler: whole datagrams out of fragments in any order, and nothing out of fragments that lie."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP, fragment

from netos.router import Router
from netos.testing.harness import ElementHarness, marked_ip, run_element

DATA = bytes(number % 251 for number in range(2960))
WHOLE = IP(src="10.0.0.1", dst="10.0.0.2", id=77) / UDP(sport=1, dport=2) / DATA
HELD = 2048                 # the buffer of a fragment


def made(*packets):
    return [marked_ip(bytes(packet)) for packet in packets]


def piece(start, length, more=True, number=7, **fields):
    return IP(**{"src": "10.0.0.1", "dst": "10.0.0.2", "id": number, "proto": 17, "flags": "MF" if more else 0,
                 "frag": start // 8, **fields}) / bytes(length)


def whole(packet):
    """What the datagram is when nobody has fragmented it."""
    return bytes(IP(bytes(packet)))


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
def test_fragments_in_any_order(order):
    pieces = fragment(WHOLE, fragsize=400)
    if order == "descending":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(4).shuffle(pieces)
    other = IP(src="10.0.0.1", dst="10.0.0.2", id=78) / UDP()
    assert run_element("IPReassembler", push=made(*pieces[:3], other, *pieces[3:])) == [[bytes(other), whole(WHOLE)]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(8, 3000), min_size=1, max_size=5), st.randoms(use_true_random=False), st.integers(2, 60))
def test_interleaved_datagrams_come_out_whole(lengths, source, eights):
    """Whatever the order, every datagram comes out once, as it was; repeated fragments change nothing."""
    datagrams = [IP(src="10.0.0.1", dst="10.0.0.2", id=number, options=[] if number % 2 else "\x01\x01\x01\x00")
                 / UDP() / source.randbytes(length) for number, length in enumerate(lengths)]
    pieces = [part for datagram in datagrams for part in fragment(datagram, fragsize=8 * eights)]
    pieces = [part for part in pieces if part.flags.MF or part.frag]
    alone = [datagram for datagram in datagrams if len(datagram[IP].payload) <= 8 * eights]
    source.shuffle(pieces)
    with ElementHarness("IPReassembler", "HIMEM 8388608") as harness:
        harness.push(0, made(*alone, *pieces))
        assert sorted(harness.outputs[0]) == sorted(map(bytes, datagrams))
        assert (harness.read("count"), harness.read("memory")) == ("0", "0")
        harness.push(0, made(*pieces[:1], *pieces[:1]))
        assert harness.read("held") == ("1" if pieces else "0")


# Numbers as in the list of packets that break stacks
@pytest.mark.parametrize(("pieces", "drops"), [
    pytest.param([piece(65528, 100, more=False)], {"bad-fragment": 1}, id="40 past 65535"),
    pytest.param([piece(0, 16), piece(8, 16), piece(16, 16, more=False)], {"fragment-overlap": 3}, id="41 overlap"),
    pytest.param([piece(0, 0), piece(0, 16), piece(16, 0)], {"bad-fragment": 2, "closed": 1}, id="42 empty"),
    pytest.param([piece(0, 13), piece(0, 8), piece(8, 4)], {"bad-fragment": 2, "closed": 1}, id="43 no multiple of 8"),
    pytest.param([piece(0, 24), piece(32, 8, more=False), piece(8, 8, more=False)], {"fragment-overlap": 3},
                 id="46 after the end, overlapping"),
    pytest.param([piece(0, 24), piece(40, 8, more=False), piece(24, 8, more=False)], {"fragment-overlap": 3},
                 id="46 last fragment that shrinks"),
    pytest.param([piece(0, 24), piece(40, 8, more=False), piece(48, 8)], {"fragment-overlap": 3}, id="beyond the end"),
    pytest.param([piece(0, 24), piece(0, 24), piece(0, 16)], {"fragment-overlap": 3}, id="same start, other end"),
    pytest.param([piece(8, 16), piece(0, 32)], {"fragment-overlap": 2}, id="one around another"),
])
def test_packets_that_break_stacks(pieces, drops):
    with ElementHarness("IPReassembler") as harness:
        harness.push(0, made(*pieces))
        harness.router.close()
        assert {reason: count for reason, count in harness.drops.items() if reason != "closed"} \
            == {reason: count for reason, count in drops.items() if reason != "closed"}


def test_a_spoilt_datagram_stays_spoilt():
    """RFC 5722: also the fragments that come after the overlap are refused, for as long as any might come."""
    pieces = fragment(WHOLE, fragsize=800)
    with ElementHarness("IPReassembler") as harness:
        harness.push(0, made(pieces[0], piece(8, 800, number=77), *pieces))
        assert harness.outputs == [[]]
        assert harness.read("memory") == "0"
        assert "spoilt" in harness.read("dump")
        harness.advance(31)
        harness.push(0, made(*pieces))
        assert harness.outputs == [[whole(WHOLE)]]


def test_44_floods_take_bounded_memory_and_the_oldest_give_way():
    with ElementHarness("IPReassembler", "HIMEM 65536") as harness:
        for number in range(5000):
            harness.push(0, made(piece(0, 64, number=number)))
        assert harness.read("memory") == str(65536 // HELD * HELD)
        assert harness.drops == {"reassembly-full": 5000 - 65536 // HELD}
        harness.push(0, made(*fragment(WHOLE, fragsize=800)))
        assert harness.outputs == [[whole(WHOLE)]]


def test_45_a_first_fragment_without_transport_header_is_only_a_fragment():
    pieces = fragment(WHOLE, fragsize=8)
    assert len(pieces) > 256        # more than one datagram may have: nobody sends such, but for harm
    assert run_element("IPReassembler", "HIMEM 4194304", push=made(*pieces)) == [[]]
    small = IP(src="10.0.0.1", dst="10.0.0.2", id=9) / UDP() / b"sixteen bytes..."
    assert run_element("IPReassembler", push=made(*fragment(small, fragsize=8))) == [[whole(small)]]


@pytest.mark.parametrize("outputs", [1, 2])
def test_what_is_not_complete_in_time_ends(outputs):
    pieces = fragment(WHOLE, fragsize=800)
    with ElementHarness("IPReassembler", outputs=outputs) as harness:
        harness.push(0, made(pieces[0], pieces[1]))
        harness.advance(29)
        assert harness.read("count") == "1"
        harness.advance(2)
        assert harness.read("count") == "0"
        assert harness.drops == {"fragment-timeout": 3 - outputs}
        assert harness.outputs[1:] == ([[bytes(pieces[0])]] if outputs > 1 else [])


def test_the_largest_fragment_can_be_noted():
    ((length,),) = run_element("IPReassembler", "MAX_MTU_ANNO 40", push=made(*fragment(WHOLE, fragsize=800)),
                               show=lambda packet: int.from_bytes(packet.annotation(40, 2), "big"))
    assert length == 820


def test_the_swap_of_graphs_takes_the_fragments_along():
    text = "feed :: Idle -> x :: IPReassembler({}) -> c :: Counter -> Discard;"
    pieces = made(*fragment(WHOLE, fragsize=800))
    old = Router.from_text(text.format(""), simulated=10**18).initialize()
    old["x"].push(0, [make(old) for make in pieces[:2]])
    new = Router.from_text(text.format(""), simulated=10**18).initialize()
    new["x"].take_state(old["x"])
    assert (old.read("x.held"), new.read("x.held")) == ("0", "2")
    new["x"].take_state(Router.from_text(text.format("HIMEM 4096"), simulated=10**18).initialize()["x"])
    assert new.read("x.held") == "2"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40), st.booleans(), st.integers(0, 2)), max_size=40))
def test_any_fragments_are_survived(parts):
    """No fragment is lost or kept twice, whatever they claim: the harness counts."""
    with ElementHarness("IPReassembler", "HIMEM 20480", outputs=2) as harness:
        for start, length, more, number in parts:
            harness.push(0, made(piece(8 * start, length, more, number)))
            assert int(harness.read("memory")) == HELD * int(harness.read("held")) <= 20480
        harness.advance(100)
        assert (harness.read("memory"), harness.read("count")) == ("0", "0")

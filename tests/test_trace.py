"""Traces: a packet is followed from its first hop to its one end, whatever is done to it; no other is taken for it."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.capture import CaptureRing, Filter
from netos.control.edges import all_edges
from netos.control.records import CLONE, DROP, END, PACKET, unpack
from netos.drivers.memory import memory_pair
from netos.errors import NetosError
from netos.packet import DROP_NAMES
from netos.proto.pcapfilter import compile_filter
from netos.router import Router
from netos.trace import Trace, TracePatch

IP_PACKET = bytes.fromhex("45000014000100000111b0d60a000001c0000207")
TEXT = """i :: Idle -> s :: Null -> t :: Tee -> p :: Paint(1) -> q :: Queue(2) -> u :: Unqueue(ACTIVE false)
    -> d :: Discard;
t[1] -> w :: EtherMirror -> d2 :: Discard"""


class Tracing:
    """A trace of a router, and what it has recorded."""

    def __init__(self, router, text="", most=1000, capacity=1 << 20):
        chosen = compile_filter(text)
        self.router = router
        self.ring = CaptureRing(capacity, 64)
        self.trace = Trace(self.ring, Filter(chosen.ether, chosen.raw), most)
        self.places = list(all_edges(router))
        self.trace.know(router.order)
        self.trace.start()
        self.patches = [TracePatch(self.trace, number) for number in range(len(self.places))]
        for patch, place in zip(self.patches, self.places):
            patch.insert(place.element, place.side, place.port)

    def take(self):
        return list(unpack(self.ring.take(1 << 30)))

    def close(self):
        for patch in self.patches:
            patch.remove()
        self.trace.close()


@pytest.fixture
def router():
    with Router.from_text(TEXT, simulated=0) as made:
        yield made


@pytest.fixture
def tracing(router):
    made = []

    def start(*arguments, **options):
        made.append(Tracing(router, *arguments, **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


def push(router, *packets, element="s"):
    router[element].push(0, [router.packet(data) for data in packets])


def story(tracing, records, number):
    """What happened to a packet, in words."""
    words = []
    for record in records:
        if record.packet != number:
            continue
        edge = tracing.places[record.edge].edge
        if record.kind == PACKET:
            words.append(f"{edge.source}>{edge.target}")
        elif record.kind == DROP:
            words.append(f"{tracing.router.order[record.other].name} drops {DROP_NAMES[record.reason]}")
        else:
            words.append(f"end in {edge.target}" if record.kind == END else f"clone of {record.other}")
    return words


def test_a_packet_is_followed_through_a_queue_to_its_end_and_so_is_its_clone(router, tracing):
    """The original is written to, which gives it a buffer of its own: it stays the same packet."""
    trace = tracing("len = 20")
    push(router, IP_PACKET, b"another packet")
    before = trace.take()
    assert story(trace, before, 1) == ["s>t", "t>w", "w>d2", "end in d2"]
    assert story(trace, before, 2) == ["clone of 1", "t>p", "p>q"]
    assert trace.trace.under_way == {2: [str(place.edge) for place in trace.places].index("p -> q")}
    router.write("u.active", "true")
    router.cpu.advance()
    assert story(trace, trace.take(), 2) == ["q>u", "u>d", "end in d"]
    assert trace.trace.under_way == {}
    assert {record.packet for record in before} == {1, 2}


def test_a_drop_has_its_element_and_reason(router, tracing):
    trace = tracing()
    push(router, b"1", b"2", b"3", element="q")
    trace2 = trace.take()
    assert trace2 == []                     # pushed into the queue by hand: they crossed no edge
    push(router, IP_PACKET)
    records = trace.take()
    assert story(trace, records, 2) == ["clone of 1", "t>p", "p>q", "q drops queue-full"]
    assert [record.data for record in records if record.kind == DROP] == [IP_PACKET]


def test_a_descriptor_that_is_used_anew_is_another_packet(router, tracing):
    trace = tracing(most=1)
    push(router, IP_PACKET, element="w")
    assert story(trace, trace.take(), 1) == ["w>d2", "end in d2"]
    for _ in range(600):                    # more than a virtual CPU keeps at hand
        push(router, IP_PACKET, element="w")
    assert trace.take() == []
    assert trace.trace.numbers == 1


def test_a_packet_that_waited_since_an_earlier_trace_is_a_new_one(router, tracing):
    first = tracing()
    push(router, IP_PACKET)
    first.close()
    second = tracing("len = 20")
    router.write("u.active", "true")
    router.cpu.advance()
    assert story(second, second.take(), 1) == ["q>u", "u>d", "end in d"]


def test_nothing_stays_behind(router, tracing):
    trace = tracing()
    push(router, IP_PACKET)
    trace.close()
    trace.close()
    router.write("u.active", "true")
    push(router, IP_PACKET)
    router.cpu.advance()
    trace.take()
    push(router, IP_PACKET, IP_PACKET, IP_PACKET)
    assert trace.take() == []
    assert all(not patches for element in router.order for patches in getattr(element, "port_patches", {}).values())


def test_one_trace_at_a_time(router, tracing):
    trace = tracing()
    with pytest.raises(NetosError, match="runs already"):
        Tracing(router)
    trace.close()
    tracing()


def test_a_full_ring_loses_records_and_says_so(router, tracing):
    trace = tracing(capacity=4096)
    push(router, *[IP_PACKET] * 100)
    taken = len(trace.take())
    assert taken + trace.ring.lost > 100
    assert trace.ring.lost > 0
    assert router.read("d2.count") == "100"


def test_who_leaves_by_a_memory_device_is_no_longer_followed():
    """What comes in at the other end is another appliance's packet."""
    ends = memory_pair("trace.a", "trace.b")
    with Router.from_text("Idle -> n :: Null -> ToDevice(mem:trace.a); FromDevice(mem:trace.b) -> d :: Discard",
                          simulated=0) as router:
        trace = Tracing(router, most=1)
        try:
            push(router, IP_PACKET, element="n")
            router.cpu.advance()
            assert story(trace, trace.take(), 1)[-1] == "end in ToDevice@3"
            assert router.read("d.count") == "1"
        finally:
            trace.close()
    assert all(end is not None for end in ends)


@settings(deadline=None)
@given(steps=st.lists(st.one_of(st.integers(1, 4), st.just("run"), st.just("stop")), max_size=12))
def test_everything_that_crosses_is_seen_as_often_as_it_is_counted_and_ends_once(steps):
    """With all packets traced, records are the port counters and the balance: no hop is missed, none is made up."""
    with Router.from_text(TEXT, simulated=0) as router:
        trace = Tracing(router)
        for step in steps:
            if isinstance(step, int):
                push(router, *[IP_PACKET] * step)
            else:
                router.write("u.active", "true" if step == "run" else "false")
                router.cpu.advance()
        records = trace.take()
        under_way = trace.trace.under_way
        trace.close()
        hops = Counter(record.edge for record in records if record.kind == PACKET)
        for number, place in enumerate(trace.places):
            counts = dict(zip(("input", "output"), place.element.port_counts))
            assert hops[number] == counts[place.side][place.port], place
        ends = Counter(record.packet for record in records if record.kind in (DROP, END))
        assert set(ends.values()) <= {1}
        assert set(ends) | set(under_way) == {record.packet for record in records}
        assert set(ends) & set(under_way) == set()
        assert len(under_way) == router.cpu.balance["held"]
        assert sum(record.kind == DROP for record in records) == router.cpu.balance["dropped"]
        assert sum(record.kind == CLONE for record in records) == sum(step for step in steps if isinstance(step, int))

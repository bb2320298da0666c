"""Samples of dropped packets: the last one of each element and reason, and nothing while nobody wants them."""

import pytest

from netos.dropsample import drop_samples, forget_samples, sample_drops
from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

TEXT = "a :: Queue(1) -> Idle; b :: CheckIPHeader -> Discard; Idle -> a; Idle -> b"


@pytest.fixture
def router():
    with Router.from_text(TEXT, simulated=0) as made:
        yield made
        sample_drops(False)


def push(router, name, *packets):
    router[name].push(0, [router.packet(data) for data in packets])


def test_the_last_packet_of_each_element_and_reason(router):
    sample_drops(True)
    push(router, "a", b"kept", b"first", b"second" * 100)
    push(router, "b", b"short")
    found = {(name, reason): (length, network, data) for name, reason, _, length, network, data
             in drop_samples(router.order)}
    assert found == {("a", "queue-full"): (600, None, (b"second" * 100)[:128]),
                     ("b", "truncated"): (5, None, b"short")}


def test_the_network_header_is_known_where_it_was_marked(router):
    sample_drops(True)
    packets = [router.packet(bytes(34)) for _ in range(3)]
    for packet in packets:
        packet.set_network_header(14, 20)
    packets[2].strip(20)
    router["a"].push(0, packets[:2])
    assert [sample[4] for sample in drop_samples(router.order)] == [14]
    router["a"].push(0, packets[2:])
    assert [sample[4] for sample in drop_samples(router.order)] == [None]


def test_nothing_is_kept_unless_wanted(router):
    push(router, "a", b"1", b"2")
    assert drop_samples(router.order) == []
    sample_drops(True)
    push(router, "a", b"3")
    assert len(drop_samples(router.order)) == 1
    assert drop_samples([router["b"]]) == []
    forget_samples()
    assert drop_samples(router.order) == []
    sample_drops(False)
    push(router, "a", b"4")
    assert drop_samples(router.order) == []


def test_samples_are_whole_whoever_drops_at_the_same_moment():
    """Two threads drop packets in elements that share places of the table, while a third reads it without holding them.

    A sample that mixes two packets would show bytes of one under the name, or with the length, of another.
    """
    names = [f"e{number}" for number in range(160)]
    text = {name: (chr(97 + number % 26) * (60 + number % 67)).encode() for number, name in enumerate(names)}
    routers = [Router.from_text("".join(f'InfiniteSource(DATA "{text[name].decode()}") -> {name} :: Queue(1) -> Idle;'
                                        for name in part), cpu=VirtualCpu(), widen=256).initialize()
               for part in (names[::2], names[1::2])]
    threads = [VcpuThread(router.cpu) for router in routers]
    elements = [element for router in routers for element in router.order]
    sample_drops(True)
    seen = set()
    try:
        for thread in threads:
            thread.start()
        for _ in range(3000):
            for name, reason, _, length, network, data in drop_samples(elements):
                assert (reason, length, network, data) == ("queue-full", len(text[name]), None, text[name]), name
                seen.add(name)
    finally:
        for thread in threads:
            thread.close()
        sample_drops(False)
        for router in routers:
            router.close()
    assert {name[-1] in "02468" for name in seen} == {True, False}

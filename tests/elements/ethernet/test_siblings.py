"""What one replica of a learning element hears, the others know: the kernel may bring an answer to any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any

import pytest

from netos.control.replicas import Replicas
from netos.errors import Diagnostics
from netos.kernel.group import VcpuGroup
from netos.lang import parse_config
from netos.registry import default_registry
from netos.testing.arp import arp_reply, arp_request, station

ME, OTHER = station(1), station(2)
QUERIER = "Idle -> q :: ARPQuerier(10.0.0.1/24, 02:00:00:00:00:01) -> out :: Queue(2000) -> Idle; Idle -> [1] q;"
SWITCH = ("Idle -> s :: EtherSwitch -> a :: Queue -> Idle; Idle -> [1] s [1] -> b :: Queue -> Idle;"
          "Idle -> [2] s [2] -> c :: Queue -> Idle;")


class Running:
    """Replicas in virtual time; each has its turn only when it is advanced."""

    def __init__(self, text: str, count: int = 2) -> None:
        self.group = VcpuGroup(count, simulated=0)
        graph, _ = parse_config(text, "x", class_info=default_registry.class_info, class_names=default_registry.names)
        self.replicas = Replicas.build(graph, self.group.cpus, registry=default_registry, diagnostics=Diagnostics())
        self.replicas.initialize()

    def push(self, replica: int, element: str, port: int, data: bytes, destination: str = "") -> None:
        router = self.replicas.routers[replica]
        packet = router.packet(data)
        if destination:
            packet.destination = IPv4Address(destination).packed
        router[element].push(port, [packet])

    def pull(self, replica: int, queue: str = "out") -> list[bytes]:
        return [bytes(packet) for packet in self.replicas.routers[replica][queue].pull(0, 256)]

    def turn(self, *replicas: int) -> None:
        for replica in replicas:
            cpu = self.group.cpus[replica]
            cpu.advance(cpu.now + 1000)

    def siblings(self, replica: int, element: str) -> Any:
        return self.replicas.routers[replica][element].siblings


@contextmanager
def running(text: str, count: int = 2) -> Iterator[Running]:
    made = Running(text, count)
    try:
        yield made
    finally:
        made.replicas.close()
        assert [cpu.balance["held"] for cpu in made.group.cpus] == [0] * count


@pytest.mark.parametrize("count", [2, 5])
def test_an_answer_that_reaches_another_replica_lets_packets_go(count: int) -> None:
    with running(QUERIER, count) as made:
        made.push(0, "q", 0, b"data", "10.0.0.2")
        assert made.pull(0) == [arp_request(ME, "10.0.0.1", "10.0.0.2")]
        made.push(count - 1, "q", 1, arp_reply(OTHER, "10.0.0.2", ME, "10.0.0.1"))
        assert made.pull(0) == []
        made.turn(*range(count))
        assert made.pull(0) == [OTHER + ME + b"\x08\x00data"]
        assert made.replicas.read("q.count") == "1"
        assert made.replicas.read("q.table").count("10.0.0.2 1") == 1
        assert made.replicas.read("q.count@1") == ("0" if count > 1 else "1")


def test_who_asks_for_us_is_known_to_all() -> None:
    with running(QUERIER) as made:
        made.push(1, "q", 1, arp_request(OTHER, "10.0.0.2", "10.0.0.1"))
        made.turn(0)
        made.push(0, "q", 0, b"data", "10.0.0.2")
        assert made.pull(0) == [OTHER + ME + b"\x08\x00data"]


def test_an_answer_nobody_asked_for_is_believed_by_none() -> None:
    with running(QUERIER) as made:
        made.push(1, "q", 1, arp_reply(OTHER, "10.0.0.2", ME, "10.0.0.1"))
        made.turn(0)
        assert made.replicas.read("q.count") == "0"


def test_a_full_ring_loses_letters_and_counts_them() -> None:
    with running(QUERIER) as made:
        for _ in range(600):
            made.push(1, "q", 1, arp_reply(OTHER, "10.0.0.2", ME, "10.0.0.1"))
        siblings = made.siblings(1, "q")
        assert (siblings.told, siblings.lost) == (512, 88)
        made.turn(0)
        assert made.siblings(0, "q").heard == 512
        made.push(1, "q", 1, arp_reply(OTHER, "10.0.0.2", ME, "10.0.0.1"))
        assert siblings.lost == 88


def test_letters_are_read_before_a_graph_gives_way() -> None:
    with running(QUERIER) as made:
        made.push(0, "q", 0, b"data", "10.0.0.2")
        made.push(1, "q", 1, arp_reply(OTHER, "10.0.0.2", ME, "10.0.0.1"))
        made.replicas.suspend()
        assert made.pull(0)[-1] == OTHER + ME + b"\x08\x00data"
        made.replicas.resume()


def test_no_letter_reaches_an_element_that_is_no_more() -> None:
    with running(QUERIER) as made:
        made.push(1, "q", 1, arp_reply(OTHER, "10.0.0.2", ME, "10.0.0.1"))
        before = made.siblings(0, "q")
        made.replicas.close()
        made.turn(0, 1)
        assert before.heard == 0


def frame(source: int, destination: int) -> bytes:
    return station(destination) + station(source) + b"\x08\x00" + bytes(46)


def test_replicas_of_a_switch_know_where_a_station_is() -> None:
    with running(SWITCH) as made:
        made.push(0, "s", 1, frame(7, 8))
        made.turn(1)
        made.push(1, "s", 0, frame(8, 7))
        assert [len(made.pull(1, queue)) for queue in "abc"] == [0, 1, 0]
        assert made.replicas.read("s.table").splitlines() == ["02-00-00-00-00-07 1", "02-00-00-00-00-08 0"]


def test_a_station_that_talks_is_told_of_four_times_in_timeout_not_more() -> None:
    with running(SWITCH) as made:
        for _ in range(100):
            made.push(0, "s", 1, frame(7, 8))
            made.group.cpus[0].advance(made.group.cpus[0].now + 3 * 10**9)
        assert 4 <= made.siblings(0, "s").told <= 6


def test_alone_nothing_is_told() -> None:
    with running(QUERIER, 1) as made:
        made.push(0, "q", 1, arp_reply(OTHER, "10.0.0.2", ME, "10.0.0.1"))
        assert made.siblings(0, "q").told == 0

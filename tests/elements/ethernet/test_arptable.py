"""ARPTable: several queriers know what one of them has learnt."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from netos.errors import ConfigError
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.arp import arp_reply, arp_request, station
from netos.testing.harness import ElementHarness

CONFIG = """
table :: ARPTable(%s);
a :: ARPQuerier(10.0.0.1/24, 02:00:00:00:00:01, TABLE table);
b :: ARPQuerier(10.0.0.1/24, 02:00:00:00:00:01, TABLE table);
Idle -> a -> fromA :: Queue -> Idle; Idle -> [1] a;
Idle -> b -> fromB :: Queue -> Idle; Idle -> [1] b;
"""
ANSWER = arp_reply(station(2), "10.0.0.2", station(1), "10.0.0.1")
QUERY = arp_request(station(1), "10.0.0.1", "10.0.0.2")


def make(table: str = "") -> Router:
    return Router.from_text(CONFIG % table, simulated=10**18).initialize()


def send(router: Router, name: str, destination: str, data: bytes = b"data") -> None:
    packet = router.packet(data)
    packet.destination = IPv4Address(destination).packed
    router[name].push(0, [packet])


def taken(router: Router, queue: str) -> list[bytes]:
    return [bytes(packet) for packet in router[queue].pull(0, 256)]


def closed(router: Router) -> None:
    router.close()
    assert router.cpu.balance["held"] == 0


def test_one_asks_the_other_knows() -> None:
    router = make()
    send(router, "a", "10.0.0.2", b"first")
    send(router, "b", "10.0.0.2", b"second")
    assert (taken(router, "fromA"), taken(router, "fromB")) == ([QUERY], [])
    router["b"].push(1, [router.packet(ANSWER)])
    assert [frame[14:] for frame in taken(router, "fromB")] == [b"first", b"second"]
    send(router, "a", "10.0.0.2", b"third")
    assert [frame[14:] for frame in taken(router, "fromA")] == [b"third"]
    assert router.read("table.table") == router.read("a.table") == "10.0.0.2 1 02-00-00-00-00-02 0.000000\n"
    closed(router)


def test_what_is_inserted_into_the_table_sends_what_waits() -> None:
    router = make()
    send(router, "b", "10.0.0.2", b"waits")
    assert (router.read("table.length"), router.read("table.count")) == ("1", "1")
    router.write("table.insert", "10.0.0.2 02:00:00:00:00:02")
    assert [frame[14:] for frame in taken(router, "fromA")] == [b"waits"]
    closed(router)


def test_the_table_s_limits_and_drops_are_its_own() -> None:
    router = make("CAPACITY 4, TIMEOUT 10")
    for number in range(5):
        send(router, "a", f"10.0.0.{number + 2}")
    assert (router.read("table.length"), router.read("table.drops")) == ("3", "2")
    router.cpu.advance(router.cpu.now + 11 * 10**9)
    assert (router.read("table.length"), router.read("table.count"), router.read("table.drops")) == ("0", "0", "5")
    assert router.drops == {"a": {"no-neighbour": 2}, "table": {"no-neighbour": 3}}
    closed(router)


def test_a_packet_that_waits_when_the_router_ends_is_counted() -> None:
    router = make()
    send(router, "a", "10.0.0.2")
    closed(router)
    assert router.drops["table"] == {"closed": 1}


def test_handlers_without_queriers() -> None:
    with ElementHarness("ARPTable", "TIMEOUT 10") as harness:
        harness.write("insert", "10.0.0.2 02:00:00:00:00:02")
        harness.write("insert", "10.0.0.3 02:00:00:00:00:03")
        harness.write("delete", "10.0.0.2")
        assert harness.read("table") == "10.0.0.3 1 02-00-00-00-00-03 0.000000\n"
        harness.advance(10)
        assert harness.read("count") == "0"
        harness.write("insert", "10.0.0.2 02:00:00:00:00:02")
        harness.write("clear")
        assert harness.read("table") == ""


def test_many_entries_survive_growth_and_go_again() -> None:
    with ElementHarness("ARPTable") as harness:
        wanted = [f"10.{number >> 8}.{number & 255}.7" for number in range(1000)]
        for address in wanted:
            harness.write("insert", f"{address} 02:00:00:00:00:02")
        assert [line.split()[0] for line in harness.read("table").splitlines()] == sorted(
            wanted, key=lambda address: f"{address} 1")
        for address in wanted[::2]:
            harness.write("delete", address)
        assert {line.split()[0] for line in harness.read("table").splitlines()} == set(wanted[1::2])


def test_less_capacity_gives_up_what_is_too_much() -> None:
    with ElementHarness("ARPTable") as harness:
        for number in range(2, 22):
            harness.write("insert", f"10.0.0.{number} 02:00:00:00:00:02")
        harness.write("config", "ENTRY_CAPACITY 5")
        assert harness.read("count") == "5"


def test_a_shared_table_has_its_limits_at_the_table() -> None:
    with pytest.raises(ConfigError, match="TABLE"):
        ElementHarness("ARPQuerier", "10.0.0.1", "2:0:0:0:0:1", "TABLE t", "CAPACITY 5", others=[("t", "ARPTable", "")])


@pytest.mark.parametrize("name", ["a", "table"])
def test_a_new_graph_takes_over_neighbours_and_what_waits(name: str) -> None:
    config = CONFIG.replace("TABLE table", "TIMEOUT 100") if name == "a" else CONFIG
    cpu = VirtualCpu(10**18)
    old, new = (Router.from_text(config % "", cpu=cpu).initialize() for _ in range(2))
    old.write(f"{name}.insert", "10.0.0.3 02:00:00:00:00:03")
    send(old, "a", "10.0.0.2", b"waits")
    new[name].take_state(old[name])
    assert (old.read(f"{name}.count"), new.read(f"{name}.count"), new.read(f"{name}.length")) == ("0", "2", "1")
    old.close()
    new["a"].push(1, [new.packet(ANSWER)])
    send(new, "a", "10.0.0.3", b"known")
    assert [frame[14:] for frame in taken(new, "fromA")] == [b"waits", b"known"]
    cpu.advance(cpu.now + 301 * 10**9)
    assert new.read(f"{name}.count") == "0", "the expiry timer did not come along"
    closed(new)

"""ARPQuerier asks for who it must send to, at most once a second, and believes only answers it wants."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.errors import ConfigError, HandlerError
from netos.testing.arp import (
    ETHER_BROADCAST,
    REPLY,
    arp_frame,
    arp_reply,
    arp_request,
    malformed_arp,
    station,
)
from netos.testing.harness import ElementHarness

ME = station(1)
OWN = ("10.0.0.1/24", "02:00:00:00:00:01")
ANSWER = arp_reply(station(2), "10.0.0.2", ME, "10.0.0.1")
QUERY = arp_request(ME, "10.0.0.1", "10.0.0.2")


def to(destination: str, data: bytes = b"data") -> Callable[[Any], Any]:
    """An IP packet (its bytes do not matter) on its way to that next hop."""
    def make(router: Any) -> Any:
        packet = router.packet(data)
        packet.destination = IPv4Address(destination).packed
        return packet

    return make


def framed(destination: bytes, data: bytes = b"data") -> bytes:
    return destination + ME + b"\x08\x00" + data


def answer(last: int) -> bytes:
    return arp_reply(station(last), f"10.0.0.{last}", ME, "10.0.0.1")


def querier(*arguments: str, outputs: int = 1, **options: Any) -> ElementHarness:
    return ElementHarness("ARPQuerier", *OWN, *arguments, outputs=outputs, **options)


@pytest.mark.parametrize("width", [1, 7, 256])
def test_packets_wait_for_the_answer_and_go_in_order(width: int) -> None:
    with querier(width=width) as harness:
        harness.push(0, [to("10.0.0.2", b"%d" % number) for number in range(20)])
        assert harness.outputs == [[QUERY]]
        assert (harness.read("length"), harness.read("count"), harness.read("queries")) == ("20", "1", "1")
        harness.push(1, [ANSWER])
        harness.push(0, [to("10.0.0.2", b"more")])
        assert harness.outputs[0][1:] == [framed(station(2), b"%d" % number) for number in range(20)] + [
            framed(station(2), b"more")]
        assert (harness.read("length"), harness.read("responses"), harness.read("drops")) == ("0", "1", "0")


def test_queries_go_out_of_output_1_if_there_is_one() -> None:
    with querier(outputs=2) as harness:
        harness.push(0, [to("10.0.0.2"), to("10.0.0.255")])
        assert harness.outputs == [[framed(ETHER_BROADCAST)], [QUERY]]


@pytest.mark.parametrize("width", [1, 7, 256])
def test_a_query_keeps_its_place_among_packets(width: int) -> None:
    """What was ready before it goes out before it, what comes after it goes out after it."""
    with querier(width=width) as harness:
        harness.write("insert", "10.0.0.3 2:0:0:0:0:3")
        harness.push(0, [to("10.0.0.3", b"a"), to("10.0.0.2"), to("10.0.0.3", b"b"), to("10.0.0.4"),
                         to("10.0.0.3", b"c")])
        assert harness.outputs == [[framed(station(3), b"a"), QUERY, framed(station(3), b"b"),
                                    arp_request(ME, "10.0.0.1", "10.0.0.4"), framed(station(3), b"c")]]


def test_one_query_a_second_for_each_address() -> None:
    with querier() as harness:
        for _ in range(25):
            harness.push(0, [to("10.0.0.2"), to("10.0.0.3")])
            harness.advance(0.1)
        assert [frame[41] for frame in harness.outputs[0]] == [2, 3] * 3


def test_broadcasts_and_groups_are_never_asked_for() -> None:
    with querier() as harness:
        harness.push(0, [to("255.255.255.255"), to("10.0.0.255"), to("224.0.0.5"), to("239.129.2.3")])
        assert harness.outputs == [[framed(ETHER_BROADCAST), framed(ETHER_BROADCAST),
                                    framed(bytes.fromhex("01005e000005")), framed(bytes.fromhex("01005e010203"))]]
        assert harness.read("broadcast") == "10.0.0.255"
        harness.write("broadcast", "10.0.0.63")
        harness.push(0, [to("10.0.0.63"), to("10.0.0.255")])
        assert harness.outputs[0][4:] == [framed(ETHER_BROADCAST), arp_request(ME, "10.0.0.1", "10.0.0.255")]


def test_the_broadcast_address_may_be_given_and_a_bare_address_has_none() -> None:
    with ElementHarness("ARPQuerier", "10.0.0.1/24", OWN[1], "BROADCAST 10.0.0.0") as harness:
        harness.push(0, [to("10.0.0.0")])
        assert harness.outputs == [[framed(ETHER_BROADCAST)]]
    with ElementHarness("ARPQuerier", "10.0.0.1", OWN[1]) as harness:
        assert harness.read("broadcast") == "255.255.255.255"


def test_packets_without_next_hop_are_dropped() -> None:
    with querier() as harness:
        harness.push(0, [to("0.0.0.0")])
        assert harness.drops == {"no-route": 1}
        assert harness.read("stats") == "1 packets killed\n0 ARP queries sent\n"
        harness.write("ipaddr", "0.0.0.0")
        harness.push(0, [to("10.0.0.2")])
        assert harness.drops == {"no-route": 1, "inactive": 1}


def test_unsolicited_answers_make_no_entries() -> None:
    """RFC 826's merge: otherwise anybody on the link could fill the table."""
    with querier() as harness:
        harness.push(1, [answer(last) for last in range(2, 200)])
        assert (harness.read("count"), harness.read("responses"), harness.drops) == ("0", "198", {})
        harness.push(0, [to("10.0.0.2")])
        assert harness.outputs == [[QUERY]]


def test_a_known_neighbour_may_move() -> None:
    with querier() as harness:
        harness.push(0, [to("10.0.0.2")])
        harness.push(1, [ANSWER, arp_frame(REPLY, station(9), "10.0.0.2", station(9), "10.0.0.2")])
        harness.push(0, [to("10.0.0.2")])
        assert harness.outputs == [[QUERY, framed(station(2)), framed(station(9))]]


def test_who_asks_for_us_is_known_afterwards() -> None:
    with querier() as harness:
        harness.push(1, [arp_request(station(2), "10.0.0.2", "10.0.0.1"),
                         arp_request(station(3), "10.0.0.3", "10.0.0.77"),
                         arp_request(station(4), "0.0.0.0", "10.0.0.1")])
        harness.push(0, [to("10.0.0.2"), to("10.0.0.3")])
        assert harness.outputs == [[framed(station(2)), arp_request(ME, "10.0.0.1", "10.0.0.3")]]
        assert harness.read("responses") == "0"


def test_malformed_answers_are_counted_and_teach_nothing() -> None:
    bad = [*malformed_arp(REPLY, station(2), "10.0.0.2", ME, "10.0.0.1"),
           arp_reply(ME, "10.0.0.2", ME, "10.0.0.1"), arp_reply(station(9), "10.0.0.1", ME, "10.0.0.1")]
    with querier() as harness:
        harness.push(0, [to("10.0.0.2")])
        harness.push(1, bad)
        assert harness.drops == {"bad-arp": len(bad)}
        assert harness.read("table").split()[:3] == ["10.0.0.2", "0", "00-00-00-00-00-00"]
        assert harness.outputs == [[QUERY]]
        harness.push(1, [ANSWER + bytes(18)])
        assert harness.outputs == [[QUERY, framed(station(2))]]


def test_entries_expire_and_what_waits_for_them_is_dropped() -> None:
    with querier("TIMEOUT 10") as harness:
        harness.push(0, [to("10.0.0.2"), to("10.0.0.3"), to("10.0.0.3")])
        harness.advance(5)
        harness.push(1, [ANSWER])
        harness.advance(6)
        assert harness.drops == {"no-neighbour": 2}
        assert harness.read("table").split()[:2] == ["10.0.0.2", "1"]
        harness.advance(4)
        assert harness.read("table") == ""
        harness.push(0, [to("10.0.0.2")])
        assert harness.outputs[0][-1] == QUERY


def test_nothing_happens_when_nothing_is_known() -> None:
    with querier() as harness:
        assert harness.router.cpu.next_timeout is None


def test_timeout_0_is_for_ever() -> None:
    with querier("TIMEOUT 0", "POLL_TIMEOUT 0") as harness:
        harness.push(0, [to("10.0.0.2")])
        harness.push(1, [ANSWER])
        harness.advance(1e7)
        harness.push(0, [to("10.0.0.2")])
        assert harness.outputs == [[QUERY, framed(station(2)), framed(station(2))]]


@pytest.mark.parametrize(("arguments", "polled"), [((), station(2)), (("BROADCAST_POLL true",), ETHER_BROADCAST)])
def test_neighbours_in_use_are_polled_before_they_expire(arguments: tuple[str, ...], polled: bytes) -> None:
    with querier("POLL_TIMEOUT 20", "TIMEOUT 30", *arguments) as harness:
        harness.push(0, [to("10.0.0.2")])
        harness.push(1, [ANSWER])
        harness.advance(19)
        harness.push(0, [to("10.0.0.2")])
        harness.advance(2)
        harness.push(0, [to("10.0.0.2"), to("10.0.0.2")])
        poll = polled + QUERY[6:]
        assert harness.outputs[0][2:] == [framed(station(2)), poll, framed(station(2)), framed(station(2))]
        harness.push(1, [ANSWER])
        harness.advance(19)
        harness.push(0, [to("10.0.0.2")])
        assert harness.outputs[0][6:] == [framed(station(2))], "polled though it had just answered"


def test_packets_of_one_address_are_bounded_the_oldest_go() -> None:
    with querier("ENTRY_PACKET_CAPACITY 3") as harness:
        harness.push(0, [to("10.0.0.2", b"%d" % number) for number in range(8)])
        assert (harness.read("length"), harness.drops) == ("3", {"no-neighbour": 5})
        harness.push(1, [ANSWER])
        assert harness.outputs[0][1:] == [framed(station(2), data) for data in (b"5", b"6", b"7")]


def test_packets_in_all_are_bounded_and_slimmed_from_the_oldest() -> None:
    with querier("CAPACITY 8", "CAPACITY_SLIM_FACTOR 4") as harness:
        harness.push(0, [to(f"10.0.0.{2 + number // 2}", b"%d" % number) for number in range(9)])
        assert (harness.read("length"), harness.drops) == ("3", {"no-neighbour": 6})
        harness.push(1, [answer(last) for last in range(2, 7)])
        assert [frame for frame in harness.outputs[0] if frame[13] == 0] == [
            framed(station(5), b"6"), framed(station(5), b"7"), framed(station(6), b"8")]


def test_the_table_is_bounded_and_keeps_who_is_in_use() -> None:
    """A scan of the link must not push out the neighbours that traffic goes to."""
    with querier("ENTRY_CAPACITY 10") as harness:
        harness.push(0, [to("10.0.0.2")])
        harness.push(1, [ANSWER])
        for host in range(3, 250):
            harness.push(0, [to(f"10.0.0.{host}"), to("10.0.0.2")])
        assert harness.read("count") == "10"
        assert harness.outputs[0].count(QUERY) == 1
        assert harness.drops["no-neighbour"] == 247 - 9


def test_handlers_insert_delete_and_clear() -> None:
    with querier() as harness:
        harness.push(0, [to("10.0.0.2")])
        harness.write("insert", "10.0.0.2 2:0:0:0:0:2")
        assert harness.outputs == [[QUERY, framed(station(2))]]
        harness.advance(1.5)
        assert harness.read("table") == "10.0.0.2 1 02-00-00-00-00-02 1.500000\n"
        harness.write("delete", "10.0.0.2")
        harness.write("delete", "10.0.0.99")
        harness.push(0, [to("10.0.0.2"), to("10.0.0.3")])
        harness.write("clear")
        assert (harness.read("count"), harness.read("length"), harness.drops) == ("0", "0", {"no-neighbour": 2})
        for text in ("10.0.0.2", "10.0.0.2 1:2:3", "10.0.0.2 ff:ff:ff:ff:ff:ff", "x 2:0:0:0:0:2"):
            with pytest.raises(HandlerError):
                harness.write("insert", text)


def test_a_name_stands_for_both_addresses() -> None:
    others = [("ai", "AddressInfo", "eth0 10.0.0.1/24 02:00:00:00:00:01")]
    with ElementHarness("ARPQuerier", "eth0", others=others) as harness:
        assert (harness.read("ipaddr"), harness.read("broadcast")) == ("10.0.0.1", "10.0.0.255")
        harness.push(0, [to("10.0.0.2")])
        assert harness.outputs == [[QUERY]]


@pytest.mark.parametrize("arguments", [("10.0.0.1/24",), ("10.0.0.1", "10.0.0.2"), (*OWN, "TABLE x"), (),
                                       (*OWN, "CAPACITY_SLIM_FACTOR 0"), (*OWN, "TIMEOUT -1")])
def test_bad_arguments_are_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        ElementHarness("ARPQuerier", *arguments)


def test_a_new_configuration_keeps_the_table_unless_the_station_changes() -> None:
    with querier() as harness:
        harness.write("insert", "10.0.0.2 2:0:0:0:0:2")
        harness.write("config", f"{OWN[0]}, {OWN[1]}, TIMEOUT 5")
        assert harness.read("count") == "1"
        harness.write("config", f"{OWN[0]}, 02:00:00:00:00:08")
        assert harness.read("count") == "0"


def test_annotations_of_the_packet_are_those_of_its_query() -> None:
    def tagged(router: Any) -> Any:
        packet = to("10.0.0.2")(router)
        packet.set_annotation(20, b"\x00\x2a")
        packet.timestamp = 77
        return packet

    with querier(show=lambda packet: (len(packet), packet.annotation(20, 2), packet.timestamp)) as harness:
        harness.push(0, [tagged])
        assert harness.outputs == [[(42, b"\x00\x2a", 77)]]


def test_a_clone_is_left_alone() -> None:
    with querier() as harness:
        harness.write("insert", "10.0.0.2 2:0:0:0:0:2")
        original = to("10.0.0.2")(harness.router)
        copy = original.clone()
        harness.element.push(0, [original])
        assert (harness.outputs, bytes(copy)) == ([[framed(station(2))]], b"data")
        copy.kill()


ACTIONS = st.lists(st.tuples(st.sampled_from(["send", "answer", "wait", "delete"]), st.integers(2, 9)), max_size=50)


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.integers(1, 4), st.integers(1, 12), st.integers(0, 3))
def test_no_packet_is_lost_or_reordered_within_any_limits(actions: list[tuple[str, int]], entries: int, packets: int,
                                                          entry_packets: int) -> None:
    """Each packet comes out framed, or was counted as dropped; those to one address come out in order."""
    with querier(f"ENTRY_CAPACITY {entries}", f"CAPACITY {packets}", f"ENTRY_PACKET_CAPACITY {entry_packets}",
                 "TIMEOUT 3", width=1) as harness:
        sent = 0
        for action, host in actions:
            if action == "send":
                harness.push(0, [to(f"10.0.0.{host}", b"%06d" % sent)])
                sent += 1
            elif action == "answer":
                harness.push(1, [answer(host)])
            elif action == "wait":
                harness.advance(host / 8)
            else:
                harness.write("delete", f"10.0.0.{host}")
            assert int(harness.read("length")) <= packets
            assert int(harness.read("count")) <= entries
        out = [frame for frame in harness.outputs[0] if frame[12:14] == b"\x08\x00"]
        assert len(out) + harness.drops.get("no-neighbour", 0) + int(harness.read("length")) == sent
        for host in range(2, 10):
            numbers = [frame[14:] for frame in out if frame[:6] == station(host)]
            assert numbers == sorted(numbers)

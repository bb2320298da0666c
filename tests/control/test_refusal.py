"""Which connections a new configuration refuses: those whose first packet it would not let pass, and no others."""

import asyncio
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netos.addresses import IPv4Address
from netos.control.refusal import Judge, kill_all, kill_refused
from netos.lang import parse_config
from netos.registry import default_registry
from netos.router import Router
from netos.testing.appliance import Appliance

scapy = pytest.importorskip("scapy.all")
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

CONFIGS = Path(__file__).parents[2] / "configs"
NEAR = {"tap0": "02:00:00:00:01:01", "tap1": "02:00:00:00:02:01"}
LAYERS = {1: lambda a, b: ICMP(id=a), 6: lambda a, b: TCP(sport=a, dport=b, flags="S"),
          17: lambda a, b: UDP(sport=a, dport=b)}


def start(file, **definitions):
    graph, diagnostics = parse_config((CONFIGS / file).read_text(), file, definitions=definitions,
                                      class_info=default_registry.class_info, class_names=default_registry.names)
    return Appliance(graph, diagnostics=diagnostics)


def begin(made, flows):
    """Send the first packet of each (device, protocol, source, port, destination, port)."""
    for device, protocol, source, source_port, destination, destination_port in flows:
        made.send(device, Ether(dst=NEAR[device]) / IP(src=source, dst=destination)
                  / LAYERS[protocol](source_port, destination_port))
    return {row["original"]: row for row in made.router["track"].flow_table.rows(made.cpu.now)}


def number(text):
    return int(IPv4Address(text))


ADDRESSES = st.sampled_from(["10.0.1.2", "10.0.1.80", "10.0.1.9"])
WORLD = st.sampled_from(["10.0.2.2", "198.51.100.7"])
PORTS = st.sampled_from([22, 80, 443, 5060])
INWARD = st.tuples(st.just("tap1"), st.sampled_from([1, 6, 17]), WORLD, st.just(4000), ADDRESSES, PORTS)
OUTWARD = st.tuples(st.just("tap0"), st.sampled_from([1, 6, 17]), ADDRESSES, st.just(4001), WORLD, PORTS)
TERMS = st.sampled_from(["tcp", "udp", "icmp", "dst port 80", "not dst port 22", "dst host 10.0.1.80",
                         "src net 10.0.2.0/24",
                         "tcp dst port 80 or 443", "dst net 10.0.1.0/28", "src host 198.51.100.7", "tcp opt syn"])
RULES = st.builds(lambda parts, word: word.join(f"({part})" for part in parts), st.lists(TERMS, min_size=1, max_size=3),
                  st.sampled_from([" or ", " and "]))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(RULES, st.lists(st.one_of(INWARD, OUTWARD), min_size=1, max_size=8, unique=True))
def test_refused_is_exactly_what_would_not_pass(rules, flows):
    """The oracle: a firewall with the new rules that gets the same first packets, and what it confirms of them."""
    with_all, with_new = (start("firewall.click", ALLOW=allow) for allow in ("true", rules))
    tracked, judged = begin(with_all, flows), begin(with_new, flows)
    judge = Judge(with_new.router, with_new.router["track"])
    for key, row in tracked.items():
        assert judge.refuses(row) == (not judged[key]["confirmed"]), (key, rules)
    with_all.close()
    with_new.close()


GATEWAY = [("tap0", 6, "10.0.1.2", 4000, "198.51.100.7", 80), ("tap0", 1, "10.0.1.2", 7, "198.51.100.7", 7),
           ("tap0", 17, "10.0.1.3", 2000, "198.51.100.7", 53), ("tap1", 6, "198.51.100.7", 9000, "192.0.2.1", 8080)]


@pytest.mark.parametrize(("definitions", "refused"), [
    ({}, ()), ({"FORWARD": "tcp 192.0.2.1:8080 10.0.1.80:81"}, (9000,)),
    ({"FORWARD": "tcp 192.0.2.1:22 10.0.1.80:22"}, (9000,)),
    ({"FORWARD": "any 192.0.2.1 10.0.1.80, FORWARD tcp 192.0.2.1:8080 10.0.1.80:80"}, (9000,)),
    ({"PORTS": "1024-3999"}, (4000,)), ({"PORTS": "1024-4000"}, ()),
    ({"ADDR1": "192.0.2.2/24", "FORWARD": "tcp 192.0.2.1:8080 10.0.1.80:80"}, (4000, 7, 2000)),
])
def test_what_would_be_translated_otherwise_is_refused(definitions, refused):
    """A masquerading address or port range that changed, a port forwarding that is gone or goes elsewhere."""
    before, after = start("nat-gateway.click"), start("nat-gateway.click", **definitions)
    judge = Judge(after.router, after.router["track"])
    rows = begin(before, GATEWAY)
    assert len(rows) == 4
    assert {key[2] for key, row in rows.items() if judge.refuses(row)} == set(refused)
    before.close()
    after.close()


@pytest.mark.parametrize(("spec", "refused"), [
    ("pattern 192.0.2.1 1024-65535 - - 0 0", False), ("pattern 192.0.2.2 1024-65535 - - 0 0", True),
    ("pattern 192.0.2.1-192.0.2.9 - - - 0 0", False), ("pattern 192.0.2.1 1024-65535 198.51.100.8 - 0 0", True),
    ("keep 0 0", True), ("drop", True),
])
def test_flows_of_rewriters(spec, refused):
    text = "FromDevice(mem:a) -> MarkIPHeader(14) -> rw :: IPRewriter({}) -> Discard;"
    routers = [Router.from_text(text.format(wanted), simulated=10**18) for wanted in
               ("pattern 192.0.2.1 1024-65535 - - 0 0", spec)]
    key = (6, number("10.0.1.2"), 4000, number("198.51.100.7"), 80)
    table = routers[0]["rw"].flow_table
    table.create(key, 10**18)
    table.map(key, (6, key[3], 80, number("192.0.2.1"), 4000), 10**18)
    (row,) = table.rows(10**18)
    assert Judge(routers[1], routers[1]["rw"]).refuses(row) == refused


@pytest.mark.parametrize("end", ["Discard", "IPFilter(drop all)", "IPFilter(drop ip proto udp, allow all) -> Discard"])
def test_killing_goes_through_the_whole_table_in_parts(end):
    """Without a ConnTrackConfirm, what ends where packets are refused is refused, and what a device sends is not."""
    text = """FromDevice(mem:a) -> MarkIPHeader(14) -> track :: ConnTrack(4096)
        -> rules :: IPFilter(0 udp src port < 1000, 1 all) -> Queue -> ToDevice(mem:b); rules[1] -> """
    router = Router.from_text(text + end, simulated=10**18)
    table = router["track"].flow_table
    for port in range(3000):
        table.create((17, number("10.0.1.2"), port, number("198.51.100.7"), 53), 10**18)
    assert asyncio.run(kill_refused([router], nullcontext)) == {"track": 2000}
    assert {row["original"][2] for row in table.rows(10**18)} == set(range(1000))
    assert asyncio.run(kill_all([router], nullcontext)) == {"track": 1000}
    assert table.count == 0


@pytest.mark.parametrize("end", ["Discard", "IPFilter(drop all)"])
def test_what_was_confirmed_is_not_refused_wherever_it_ends(end):
    """As the table has it: a connection that a packet of was confirmed has begun, whoever drops that packet later."""
    text = f"""FromDevice(mem:a) -> MarkIPHeader(14) -> track :: ConnTrack(4096)
        -> rules :: IPFilter(allow udp src port < 1000, drop all) -> ConnTrackConfirm(track) -> {end};"""
    router = Router.from_text(text, simulated=10**18)
    for port in (999, 1000):
        router["track"].flow_table.create((17, number("10.0.1.2"), port, number("198.51.100.7"), 53), 10**18)
    judge = Judge(router, router["track"])
    refused = {row["original"][2] for row in router["track"].flow_table.rows(10**18) if judge.refuses(row)}
    assert refused == {1000}


def test_what_is_confirmed_and_then_sorted_out_is_not_refused():
    """The firewall's own addresses: it drops what is no ping there, but behind its ConnTrackConfirm."""
    made = start("firewall.click")
    rows = begin(made, [("tap0", 6, "10.0.1.2", 4000, "10.0.1.1", 22), ("tap0", 1, "10.0.1.2", 7, "10.0.1.1", 7)])
    assert [row["confirmed"] for row in rows.values()] == [True, True]
    judge = Judge(made.router, made.router["track"])
    assert not any(judge.refuses(row) for row in rows.values())
    made.close()

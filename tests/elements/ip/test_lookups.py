"""The route lookups send packets where the longest prefix says, and take changes whole or not at all."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.errors import ConfigError, HandlerError
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import ip_packet

ALL = ["RadixIPLookup", "DirectIPLookup", "StaticIPLookup", "LinearIPLookup"]
CHANGING = ["RadixIPLookup", "DirectIPLookup", "LinearIPLookup"]
ROUTES = ("10.0.0.0/8 0", "10.1.0.0/16 192.168.0.1 1", "10.1.2.3 2", "0/0 - 1")
TABLE = "10.0.0.0/8\t\t-\t\t0\n10.1.0.0/16\t\t192.168.0.1\t1\n10.1.2.3/32\t\t-\t\t2\n0.0.0.0/0\t\t-\t\t1\n"


def to(address):
    return marked_ip(ip_packet(destination=address))


def shown(packet):
    return str(IPv4Address(bytes(packet)[16:20])), str(IPv4Address(packet.destination))


@pytest.mark.parametrize("name", ALL)
def test_longest_prefix_decides_and_a_gateway_becomes_the_annotation(name):
    addresses = ["10.9.9.9", "10.1.9.9", "10.1.2.3", "11.0.0.1", "11.0.0.1", "10.1.9.9"]
    assert run_element(name, *ROUTES, push=[to(address) for address in addresses], outputs=3, show=shown) == [
        [("10.9.9.9", "10.9.9.9")],
        [("10.1.9.9", "192.168.0.1"), ("11.0.0.1", "11.0.0.1"), ("11.0.0.1", "11.0.0.1"), ("10.1.9.9", "192.168.0.1")],
        [("10.1.2.3", "10.1.2.3")]]


@pytest.mark.parametrize("name", ALL)
def test_without_a_route_packets_are_dropped_by_name_and_five_are_logged(name, caplog):
    run_element(name, "10.0.0.0/8 0", push=[to("11.0.0.1"), to("10.0.0.1"), to("0.0.0.0")], drops={"no-route": 2})
    caplog.clear()
    with ElementHarness(name, "10.0.0.0/8 0") as harness:
        harness.push(0, [to("11.0.0.1")] * 9)
    assert [record.getMessage() for record in caplog.records] == ["x: no route for 11.0.0.1"] * 5


@pytest.mark.parametrize("name", ALL)
def test_lookup_and_table_handlers(name):
    with ElementHarness(name, *ROUTES, outputs=3) as harness:
        assert harness.read("table") == TABLE
        assert [harness.read("lookup", address) for address in ("10.1.2.3", "10.1.2.4", "11.1.1.1")] == [
            "2", "1 192.168.0.1", "1"]
        with pytest.raises(HandlerError, match="not an IPv4 address"):
            harness.read("lookup", "10.1.2")
    with ElementHarness(name, "10.0.0.0/8 0") as harness:
        assert harness.read("lookup", "11.0.0.1") == "-1"


@pytest.mark.parametrize("name", CHANGING)
def test_add_set_remove(name):
    with ElementHarness(name, *ROUTES, outputs=3) as harness:
        harness.write("add", "10.1.2.0/24 2")
        with pytest.raises(HandlerError, match=r"10\.1\.2\.0/24"):
            harness.write("add", "10.1.2.0/24 1")
        assert harness.read("lookup", "10.1.2.9") == "2"
        harness.write("set", "10.1.2.0/24 1.1.1.1 1")
        assert harness.read("lookup", "10.1.2.9") == "1 1.1.1.1"
        for wrong in ("10.1.2.0/24 2", "10.1.2.0/24 1.1.1.2", "10.1.2.0/25", "10.1.2.0/24 - 1"):
            with pytest.raises(HandlerError):
                harness.write("remove", wrong)
        harness.write("remove", "10.1.2.0/24 1.1.1.1")
        assert harness.read("table") == TABLE


@pytest.mark.parametrize("name", CHANGING)
def test_ctrl_does_all_or_nothing(name):
    with ElementHarness(name, *ROUTES, outputs=3) as harness:
        for last in ("add 10.0.0.0/8 1", "remove 77.0.0.0/8", "set 78.0.0.0/8 3", "frob 1.0.0.0/8 1", "add 1.0.0.0/8"):
            with pytest.raises(HandlerError):
                harness.write("ctrl", f"remove 10.1.2.3 2\nset 0/0 2\nadd 99.0.0.0/8 1\n\n{last}\n")
            assert harness.read("table") == TABLE
        harness.write("ctrl", "remove 10.1.2.3\nadd 99.0.0.0/8 1\nset 0/0 2")
        assert [harness.read("lookup", address) for address in ("10.1.2.3", "99.1.1.1", "98.1.1.1")] == [
            "1 192.168.0.1", "1", "2"]


@pytest.mark.parametrize("name", ["RadixIPLookup", "DirectIPLookup"])
def test_flush_leaves_no_route(name):
    with ElementHarness(name, *ROUTES, outputs=3) as harness:
        harness.write("flush")
        assert (harness.read("table"), harness.read("lookup", "10.1.2.3")) == ("", "-1")


def test_static_routes_cannot_be_changed():
    with ElementHarness("StaticIPLookup", *ROUTES, outputs=3) as harness, pytest.raises(HandlerError):
        harness.write("add", "1.0.0.0/8 1")


@pytest.mark.parametrize("route", ["10.0.0.0/8", "10.0.0.0/8 1 2 3", "10.0.0.0/33 0", "10.0.0.0/8 1", "x 0",
                                   "1.0.0.0/8 x", "10.0.0.0/8 -1", "0/0 1.2.3 0"])
def test_routes_that_are_none_are_refused(route):
    with pytest.raises(ConfigError):
        ElementHarness("RadixIPLookup", route)


def test_a_prefix_that_comes_twice_means_the_later_and_draws_a_warning():
    with ElementHarness("RadixIPLookup", "10.0.0.0/8 0", "10.9.0.0/8 1", outputs=2) as harness:
        assert harness.read("lookup", "10.1.1.1") == "1"
        assert [entry.message for entry in harness.router.diagnostics.warnings] == [
            "1 route replaced by later versions"]


prefixes = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0, 3, 8, 9, 16, 23, 24, 25, 30, 32])).map(
    lambda pair: IPv4Network((pair[0] & 0xC3FFFF0F, pair[1]), strict=False))


@settings(max_examples=25, deadline=None)
@given(routes=st.dictionaries(prefixes, st.integers(0, 3), max_size=12),
       addresses=st.lists(st.integers(0, 2**32 - 1).map(lambda number: number & 0xC3FFFF0F), max_size=8))
def test_all_tables_agree_with_a_scan(routes, addresses):
    targets = [str(IPv4Address(address)) for address in addresses] + [str(net[0]) for net in routes]
    expected = [[] for _ in range(4)]
    for target in targets:
        around = [net for net in routes if IPv4Address(target) in net]
        if around:
            expected[routes[max(around, key=lambda net: net.prefixlen)]].append((target, target))
    for name in ALL:
        with ElementHarness(name, *(f"{net} {port}" for net, port in routes.items()), outputs=4,
                            show=shown) as harness:
            harness.push(0, [to(target) for target in targets])
            assert harness.outputs == expected, name

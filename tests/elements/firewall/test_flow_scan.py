"""Scanning a flow table: the filter's words mean what they mean in a rule, before translation or after."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elements.firewall.flow_filter import compile_flow_filter
from elements.firewall.flow_scan import annotations, first_packet, rows, scan
from elements.ip.filter_compile import compile_ip_classifier
from elements.standard.pattern_error import PatternError
from netos.addresses import IPv4Address
from netos.proto.flow_table import FlowTable

NOW = 10**18
INSIDE, SERVER, PUBLIC, WORLD = (int(IPv4Address(text)) for text in
                                 ("10.0.1.2", "10.0.1.80", "192.0.2.1", "198.51.100.7"))
DNS = (17, INSIDE, 5000, WORLD, 53)
WEB = (6, WORLD, 4000, PUBLIC, 8080)        # which is the server's port 80
PING = (1, INSIDE, 9, WORLD, 9)


@pytest.fixture
def table():
    made = FlowTable(100)
    made.create(DNS, NOW)
    made.create(WEB, NOW, state="established")
    made.map(WEB, (6, SERVER, 80, WORLD, 4000), NOW)
    made.create(PING, NOW, state="icmp")
    return made


def wanted(table, text, **more):
    found, copies, _ = scan(table, NOW, program=compile_flow_filter(text), limit=100, **more)
    keys = {row["original"] for row in rows(copies, NOW)}
    assert len(keys) == found
    return keys


@pytest.mark.parametrize(("text", "expected"), [
    ("all", {DNS, WEB, PING}), ("udp", {DNS}), ("icmp type echo", {PING}), ("host 10.0.1.2", {DNS, PING}),
    ("src net 10.0.0.0/8 and port 53", {DNS}), ("dst port 8080", {WEB}), ("dst port 80", {WEB}), ("src port 80", set()),
    ("host 10.0.1.80 or proto icmp", {WEB, PING}), ("not host 10.0.1.80", {DNS, PING}), ("port != 53", {WEB}),
    ("not host 192.0.2.1", {DNS, PING}), ("tcp opt syn", {WEB}), ("state new", {DNS, WEB, PING}),
    ("state established", set()), ("dst port >= 8000", {WEB}), ("dst port 50-60", {DNS}),
])
def test_filters(table, text, expected):
    assert wanted(table, text) == expected


def test_states_and_expiry(table):
    assert wanted(table, "all", states=["icmp", "udp-unreplied"]) == {DNS, PING}
    assert scan(table, NOW + 31 * 10**9, limit=9)[0] == 1     # only the TCP connection has not expired


def test_killing_takes_what_is_wanted_and_no_more(table):
    assert scan(table, NOW, program=compile_flow_filter("port 8080"), kill=True)[0] == 1
    assert {row["original"] for row in table.rows(NOW)} == {DNS, PING}
    assert table.totals["killed"] == 1


def test_a_mistake_is_explained():
    with pytest.raises(PatternError, match="unknown word 'prot'"):
        compile_flow_filter("prot tcp")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.integers(1, 20), st.integers(0, 9))
def test_pages_together_are_the_whole(count, slots, limit):
    """Whatever the size of the pages, every connection is in exactly one of them."""
    table = FlowTable(64)
    for port in range(count):
        table.create((17, INSIDE, port, WORLD, 53), NOW)
    start, seen, counted = 0, [], 0
    while start is not None:
        found, copies, start = scan(table, NOW, start=start, slots=slots, limit=limit)
        seen += [row["original"][2] for row in rows(copies, NOW)]
        counted += found
    assert counted == count
    assert sorted(seen) == (list(range(count)) if limit else [])


def test_the_first_packet_is_one_that_rules_can_judge():
    program = compile_ip_classifier(["tcp opt syn and dst port 8080 and src host 198.51.100.7 and state new",
                                     "icmp type 13", "-"])
    assert program.match_headers(first_packet(WEB), 0, 20, annotations=annotations()) == 0
    assert program.match_headers(first_packet(PING, 13), 0, 20, annotations=annotations()) == 1
    assert program.match_headers(first_packet(WEB), 0, 20, annotations=annotations(2)) == 2

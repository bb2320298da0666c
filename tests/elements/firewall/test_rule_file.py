"""RuleTuples against IPFilter's own compiler: the same rules, the same packets, the same answers."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elements.firewall.rule_file import above, between, compile_rules, contiguous
from elements.ip.filter_compile import compile_ip_filter
from netos.args.wellknown import well_known
from netos.errors import NetosError

HOSTS = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.9"])
NETS = st.sampled_from(["10.0.0.0/24", "10.0.0.0/8", "192.0.2.8/31", "0.0.0.0/0"])
PORTS = st.sampled_from(["80", "81", "1000-1003", "80 or 443", ">= 1024", "!= 80", "< 81"])
PRIMITIVES = st.one_of(
    st.builds("{} host {}".format, st.sampled_from(["src", "dst", ""]), HOSTS),
    st.builds("{} net {}".format, st.sampled_from(["src", "dst", ""]), NETS),
    st.builds("{} {} port {}".format, st.sampled_from(["tcp", "udp", ""]), st.sampled_from(["src", "dst", ""]), PORTS),
    st.sampled_from(["tcp", "udp", "icmp", "state new", "state established or related", "ip frag", "ip unfrag", "all",
                     "tcp opt syn", "ip ttl > 9", "ip tos 7", "not tcp", "icmp type echo"]))
PATTERNS = st.lists(PRIMITIVES, min_size=1, max_size=3).map(lambda parts: " and ".join(f"({part})" for part in parts))
RULES = st.lists(st.builds("{} {}".format, st.sampled_from(["allow", "drop", "1", "2"]), PATTERNS), min_size=1,
                 max_size=8)
NUMBERS = [0x0A000001, 0x0A000002, 0x0A000101, 0xC0000209, 0xC0000208]


@st.composite
def packets(draw):
    protocol = draw(st.sampled_from([1, 6, 17, 47]))
    header = struct.pack(">BBHHHBBHII", 0x45, draw(st.sampled_from([0, 7])), 40, 0,
                         draw(st.sampled_from([0, 0x2000, 5])), draw(st.sampled_from([1, 64])), protocol, 0,
                         draw(st.sampled_from(NUMBERS)), draw(st.sampled_from(NUMBERS)))
    ports = st.sampled_from([79, 80, 81, 443, 999, 1000, 1003, 1004, 0x0800])
    body = struct.pack(">HH", draw(ports), draw(ports)) + bytes(9) + draw(st.sampled_from([b"\2", b"\x10"])) + bytes(6)
    return (header + body)[:draw(st.sampled_from([40, 40, 40, 22, 20, 12]))]


@settings(max_examples=100, deadline=None)
@given(rules=RULES, datagrams=st.lists(packets(), min_size=1, max_size=10), state=st.integers(0, 4))
def test_both_compilers_agree(rules, datagrams, state):
    ours = compile_rules([("here", rule) for rule in rules], 3, well_known, lambda warning: None)
    theirs = compile_ip_filter(rules, outputs=3)
    annotations = bytes(19) + bytes([state])
    for datagram in datagrams:
        assert ours.match_headers(datagram, 0, 20, annotations) == theirs.match_headers(
            datagram, 0, 20, annotations=annotations), (rules, datagram.hex())


@given(low=st.integers(-1, 15), high=st.integers(-1, 15), shift=st.integers(0, 4))
def test_ranges_become_prefixes(low, high, shift):
    """A field of four bits: exactly the numbers in the range match one of the values."""
    mask = 15 << shift
    if low >= 0:
        found = {number for number in range(16) for bits, value in above(mask, low << shift)
                 if number << shift & bits == value}
        assert found == set(range(low + 1, 16))
        found = {number for number in range(16) for bits, value in between(mask, low << shift, high << shift)
                 if number << shift & bits == value}
        assert found == set(range(low + 1, high + 1))
    assert contiguous(mask)
    assert not contiguous(mask | mask << 6)


def test_the_kinds_of_rules_count_not_the_rules():
    rules = compile_rules([("", f"allow src host 10.0.{number >> 8}.{number & 255} and tcp dst port {number}")
                           for number in range(1, 5000)], 1, well_known, lambda warning: None)
    assert (rules.tuples.count, rules.program) == (1, None)


def test_mistakes_are_shown_with_their_lines():
    with pytest.raises(NetosError, match="rules:7: unknown name 'hots'"):
        compile_rules([("rules:6", "allow tcp"), ("rules:7", "drop src hots 1.2.3.4")], 1, well_known,
                      lambda text: None)

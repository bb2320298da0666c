"""Case files as text and as patterns: no text and no frame is too odd, and scapy never asks the machine's network."""

import random

import pytest

pytest.importorskip("scapy.all")

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.all import conf
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, IPOption_RR, UDPerror
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether

from netos.testing.cases import CaseError, CaseFile, logical_lines
from netos.testing.cases_packets import PacketError, each_packet, evaluate, frame_bytes, hexdump, summary
from netos.testing.cases_patterns import HexPattern, LayerPattern

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
A, B = {"src": "192.0.2.1", "dst": "192.0.2.2"}, {"src": "192.0.2.3", "dst": "192.0.2.4"}
FRAMES = [bytes(ETHER / rest) for rest in (
    IP(**A, options=[IPOption_RR(length=11, routers=["0.0.0.0"] * 2)]) / TCP(options=[("MSS", 1460)]) / b"abc",
    ARP(hwsrc="02:00:00:00:00:01", psrc="192.0.2.1", pdst="192.0.2.2"),
    IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(data=b"x"),
    IP(**A) / ICMP(type=3) / IPerror(**B) / UDPerror(),
    IP(**A) / UDP(dport=53) / DNS(qd=DNSQR(qname="a.b.c")),
    Dot1Q(vlan=5) / IP(**A) / GRE() / IP(**B) / UDP())]
PIECES = st.lists(st.sampled_from([
    "case", "send", "expect", "let", "set", "tap0", "Ether(", "IP(", ")", "/", "b'x'", "hex", "00", "..", "nothing",
    "wait", "1e9", "=", "==", "x", "drops", "truncated", "handler", "[", "]", "*", "'", '"', "#", "\n", "\n", "\\",
    "dst='192.0.2.0/24'", "ttl=300", "ttl='x'", "\0", "é", "Raw(load=", "options=", "-1", "."]), max_size=25)


@pytest.fixture
def no_network(monkeypatch):
    """Fail when scapy asks who has an address, or for a route."""
    def asked(*arguments, **_):
        pytest.fail(f"scapy asks this machine about {arguments}")

    monkeypatch.setattr(conf.neighbor, "resolve", asked)
    monkeypatch.setattr(type(conf.route), "route", asked)


def pattern(text):
    (packet,) = each_packet(evaluate(text, {}))
    return LayerPattern(packet)


@given(PIECES)
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_case_file_or_says_why_not(pieces):
    said = []
    try:
        CaseFile(" ".join(pieces), "x")
    except CaseError as error:
        said = str(error).splitlines()
    assert all(line.startswith("x:") for line in said)


@pytest.mark.parametrize("text", [
    "().__class__", "__import__('os')", "(lambda: 1)()", "[layer for layer in ()]", "f'{IP()}'", "9**9**9", "1<<99**9",
    "-" * 100_000 + "1", "(" * 5000, "IP().show()", "(x := 5)", "print(1)", "b'x' * 10**12", ""])
def test_nothing_but_packets_is_evaluated(text):
    with pytest.raises(PacketError):
        each_packet(evaluate(text, {}))


def test_every_frame_fits_itself_and_damaged_ones_are_told_apart(no_network):
    chance = random.Random(1)
    patterns = [LayerPattern(Ether(frame)) for frame in FRAMES]
    for frame, mine in zip(FRAMES, patterns):
        assert mine.differences(frame) == []
        for _ in range(40):
            damaged = bytearray(frame)
            damaged[chance.randrange(len(frame))] ^= chance.randrange(1, 256)
            assert mine.differences(bytes(damaged)), damaged.hex()
            cut = frame[:chance.randrange(len(frame))]
            assert mine.differences(cut), cut.hex()
            assert summary(cut)
            for other in patterns:
                other.differences(cut)


def test_open_expectations_leave_the_network_alone(no_network):
    for text in ("Ether()/IP()/TCP()", "Ether()/ARP()", "Ether()/IPv6()", "Ether()/IP()/ICMP()/IP()/UDP()"):
        some = pattern(text)
        assert str(some)
        assert [frame for frame in FRAMES if not some.differences(frame)]
        assert [frame for frame in FRAMES if some.differences(frame)]
        with pytest.raises(PacketError, match="it would be that of the machine"):
            frame_bytes(some.packet)


@pytest.mark.parametrize(("layer", "text"), [(IP, "Ether()/IP()"), (TCP, "Ether()/IP()/TCP()")])
def test_a_checksum_of_zero_is_wrong_too(layer, text):
    frame = Ether(FRAMES[0])
    frame[layer].chksum = 0
    assert "0x0000 is wrong" in pattern(text).differences(bytes(frame))[0]


def test_a_datagram_may_be_without_a_checksum():
    assert pattern("Ether()/IP()/UDP()").differences(bytes(ETHER / IP(**A) / UDP(chksum=0) / b"x")) == []


def test_the_checksum_of_a_fragment_is_that_of_the_whole():
    first = ETHER / IP(**A, flags="MF") / UDP(sport=1, dport=2, len=2000, chksum=0x1234) / (b"x" * 512)
    assert pattern("Ether()/IP(flags='MF')/UDP(len=2000)").differences(bytes(first)) == []


def test_a_protocol_on_a_port_that_scapy_does_not_know():
    frame = bytes(ETHER / IP(**A) / UDP(sport=4000, dport=5000) / DNS(qd=DNSQR(qname="a.b")))
    assert pattern('Ether()/IP()/UDP()/DNS(qd=[DNSQR(qname="a.b")])').differences(frame) == []
    assert pattern('Ether()/IP()/UDP()/DNS(qd=[DNSQR(qname="a.c")])').differences(frame)


def test_hexadecimal():
    assert HexPattern("02:aa-.. 00").differences(bytes.fromhex("02aaff00")) == []
    assert HexPattern("02aa").differences(b"\2\xab\0") == ["byte 1: expected aa, got ab", "expected 2 bytes, got 3"]
    assert hexdump(b"0123456789abcdef\0") == [
        "0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef", f"0010  {'00':<47}  ."]


def test_lines():
    """A packet goes on over lines while a bracket is open, also past comments; other statements end with their line."""
    text = 'case it\'s (odd # comment\n\n  let x = (IP()   # one )\n   /UDP()) # "\n  let y = b"#("\nlet z = (\nwait 1'
    assert list(logical_lines(text)) == [
        (1, "case it's (odd"), (3, "let x = (IP() /UDP())"), (5, 'let y = b"#("'), (6, "let z = ("), (7, "wait 1")]

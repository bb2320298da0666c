"""Packets in words; any bytes are some words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.cli.decode import describe_packet

ETHER = bytes.fromhex("0a0000000002 0a0000000001")
IP = bytes.fromhex("4500001c00000000 4011 0000 0a000001 0a000002")
UDP = bytes.fromhex("0400 0035 0008 0000")


@pytest.mark.parametrize(("data", "network", "text"), [
    (IP + UDP, None, "10.0.0.1.1024 > 10.0.0.2.53: udp 8"),
    (b"\xff" + IP + UDP, 1, "10.0.0.1.1024 > 10.0.0.2.53: udp 8"),
    (ETHER + b"\x08\x00" + IP + UDP, None, "> 0A-00-00-00-00-02: 10.0.0.1.1024 > 10.0.0.2.53: udp 8"),
    (ETHER + b"\x08\x06" + bytes.fromhex("0001080006040001 0a0000000001 0a000001 000000000000 0a000002"), None,
     "arp who-has 10.0.0.2 tell 10.0.0.1"),
    (ETHER + b"\x86\xdd" + bytes(40), None, "ip6, 54 bytes"), (b"abc", None, "3 bytes: 61 6263"),
])
def test_descriptions(data, network, text):
    assert text in describe_packet(data, len(data), network)


@given(data=st.binary(max_size=128), more=st.integers(0, 2000), network=st.none() | st.integers(0, 200))
def test_any_bytes_can_be_described(data, more, network):
    line = describe_packet(data, len(data) + more, network)
    assert line
    assert "\n" not in line

"""Frames are mended so that a host believes them, and the oracle hears of each thing that is wrong with one."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.checksum import checksum
from netos.fuzz import templates
from netos.fuzz.frame import mended, wrong

HOST = {"ether": templates.PEER_ETHER, "address": templates.PEER}
GOOD = [frame for protocol in ("icmp", "udp", "tcp") for frame in templates.OWN[protocol]()
        if frame[23] in (1, 6, 17) and frame[22] and len(frame) <= 1514]


def broken(frame, at, value):
    """The frame with other bytes there, and right checksums again."""
    return mended(frame[:at] + value + frame[at + len(value):])


@pytest.mark.parametrize("protocol", templates.PROTOCOLS)
def test_our_templates_are_right_as_they_are(protocol):
    for frame in templates.OWN[protocol]():
        assert frame[12:14] != b"\x08\0" or len(frame) < 34 or mended(frame) == frame


def test_scapys_templates_are_right_as_they_are():
    pytest.importorskip("scapy")
    for frame in templates.scapy_templates(templates.PROTOCOLS):
        assert mended(frame) == frame
    assert templates.scapy_templates(["dns", "dhcp"]) == templates.scapy_templates(["dns", "dhcp"])


@given(st.binary(max_size=200))
def test_any_bytes_are_mended_without_a_change_of_length(data):
    assert len(mended(data)) == len(mended(data, lengths=True)) == len(data)


@given(st.binary(min_size=1, max_size=99))
def test_lengths_are_mended_with_the_checksums(data):
    frame = mended(templates.ether(templates.udp(1, 2, b""))[:42] + data, lengths=True)
    assert struct.unpack_from("!H", frame, 16)[0] == 28 + len(data)
    assert struct.unpack_from("!H", frame, 38)[0] == 8 + len(data)
    assert checksum(frame[14:34]) == 0
    assert wrong(frame, **HOST) is None


def test_right_frames_are_right():
    for frame in GOOD:
        flawed = frame[47] & 3 == 3 if frame[23] == 6 else frame[23] == 17 and frame[34:36] == bytes(2)
        assert flawed or wrong(frame, **HOST) is None, frame.hex()


TCP = templates.ether(templates.tcp(80, 9, 1, 1, 16, b"data", options=b"\x02\x04\x05\xb4"))
UDP = templates.ether(templates.udp(80, 9, b"data"))
ARP = templates.arp(1)


@pytest.mark.parametrize(("frame", "what"), [
    (b"", "shorter than an Ethernet"), (TCP[:6] + bytes(6) + TCP[12:], "foreign Ethernet address"),
    (TCP[:12] + b"\x86\xdd" + TCP[14:], "neither IP nor ARP"), (TCP[:30], "shorter than its header"),
    (TCP + b"\0", "longer than its IP packet"), (TCP[:24] + b"\0\0" + TCP[26:], "wrong header checksum"),
    (TCP[:-1] + b"x", "TCP segment with a wrong checksum"), (UDP[:-1] + b"x", "UDP datagram with a wrong checksum"),
    (templates.ping()[:-1] + b"x", "ICMP message with a wrong checksum"), (broken(TCP, 14, b"\x4f"), "wrong version"),
    (broken(TCP, 22, b"\0"), "time to live"), (broken(TCP, 26, b"\x0a\0\0\x63"), "foreign source address"),
    (broken(TCP, 34, b"\0\0"), "port 0"), (broken(TCP, 46, b"\x40"), "wrong header length"),
    (broken(TCP, 47, b"\x03"), "SYN and FIN"), (broken(TCP, 55, b"\x01"), "broken option"),
    (broken(UDP, 38, b"\0\7"), "wrong length"), (broken(TCP, 23, b"\x63"), "protocol that the host does not have"),
    (ARP[:30], "shorter than 28"), (ARP[:15] + b"\7" + ARP[16:], "other than Ethernet"),
    (ARP[:21] + b"\7" + ARP[22:], "neither asks nor answers"), (ARP[:22] + bytes(6) + ARP[28:], "foreign Ethernet"),
    (ARP[:28] + b"\1\2\3\4" + ARP[32:], "foreign IP"),
    (templates.ether(templates.udp(1, 2, bytes(1600))), "larger than the link"),
    (UDP[:40] + bytes(2) + UDP[42:], "without a checksum"),
])
def test_the_oracle_hears_of(frame, what):
    assert what in (wrong(frame, **HOST) or "")


def test_what_is_to_be_cut_fits_the_link_in_pieces():
    large = templates.ether(templates.tcp(80, 9, 1, 1, 16, bytes(9000), options=bytes(4)))
    assert wrong(large, segment=1456, **HOST) is None
    assert "segments larger than the link" in wrong(large, segment=1457, **HOST)
    assert "larger than the link takes was sent" in wrong(large, **HOST)

"""CheckICMPHeader lets only whole messages with a right checksum pass."""

import pytest

from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import icmp_packet, ip_packet, udp_packet

GOOD = [icmp_packet(8), icmp_packet(3, payload=b"odd"), icmp_packet(13, payload=bytes(12)),
        icmp_packet(17, payload=bytes(4))]
BAD = {
    "UDP": (udp_packet(b"x"), "no-match", "not ICMP"),
    "nothing": (ip_packet(protocol=1), "bad-length", "bad packet length"),
    "one byte": (ip_packet(b"\x08", protocol=1), "bad-length", "bad packet length"),
    "seven bytes": (ip_packet(b"\x08" * 7, protocol=1), "bad-length", "bad packet length"),
    "short timestamp": (icmp_packet(13, payload=bytes(11)), "bad-length", "bad packet length"),
    "length past the end": (ip_packet(b"\x08" * 8, protocol=1, length=29), "bad-length", "bad packet length"),
    "checksum": (icmp_packet(8, check=1), "bad-checksum", "bad ICMP checksum"),
    "fragment": (icmp_packet(8, fragment=0x2000), "fragment", "fragment"),
}


def test_good_messages_pass():
    assert run_element("CheckICMPHeader", push=[marked_ip(packet) for packet in GOOD], outputs=2) == [GOOD, []]


@pytest.mark.parametrize("case", BAD)
def test_bad_messages_are_refused_by_name(case):
    packet, drop, reason = BAD[case]
    assert run_element("CheckICMPHeader", push=[marked_ip(packet)], outputs=2) == [[], [packet]]
    run_element("CheckICMPHeader", push=[marked_ip(packet)], drops={drop: 1})
    with ElementHarness("CheckICMPHeader", "DETAILS true") as harness:
        harness.push(0, [marked_ip(packet)])
        assert harness.read("drops") == "1"
        assert f"1\t{reason}\n" in harness.read("drop_details")


def test_what_is_not_marked_is_not_icmp():
    run_element("CheckICMPHeader", push=[b"", bytes(60)], drops={"no-match": 2})

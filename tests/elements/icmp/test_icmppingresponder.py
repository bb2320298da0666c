"""ICMPPingResponder answers echo requests to itself, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import checksum
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import icmp_packet, ip_packet, udp_packet

ONE, TWO, THREE = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes([10, 0, 0, 3])
ROUTE = bytes([131, 11, 12]) + TWO + THREE + b"\1"


@settings(max_examples=30, deadline=None)
@given(payload=st.binary(max_size=60), identifier=st.binary(min_size=4, max_size=4), ttl=st.integers(1, 255))
def test_a_reply_is_the_request_turned_round(payload, identifier, ttl):
    request = icmp_packet(8, rest=identifier, payload=payload, ttl=ttl)
    ((reply, destination),) = run_element("ICMPPingResponder", push=[marked_ip(request)],
                                          show=lambda packet: (bytes(packet), packet.destination))[0]
    assert (reply[12:16], reply[16:20], destination) == (TWO, ONE, ONE)
    assert reply[20:22] == bytes([0, 0])
    assert reply[24:] == request[24:]
    assert reply[8] == 64, "a reply is a new datagram, with a time to live of its own"
    assert checksum(reply[:20]) == checksum(reply[20:]) == 0


def test_a_wrong_icmp_checksum_stays_wrong():
    reply = run_element("ICMPPingResponder", push=[marked_ip(icmp_packet(8, check=1))])[0][0]
    assert checksum(reply[20:]) != 0


OTHERS = {
    "a reply": icmp_packet(0),
    "another type": icmp_packet(13),
    "UDP": udp_packet(b"x" * 8),
    "one byte of ICMP": ip_packet(b"\x08", protocol=1),
    "seven bytes of ICMP": ip_packet(b"\x08" * 7, protocol=1),
    "a first fragment": icmp_packet(8, fragment=0x2000),
    "a later fragment": icmp_packet(8, fragment=1),
    "to multicast": icmp_packet(8, destination="224.0.0.1"),
    "to broadcast": icmp_packet(8, destination="255.255.255.255"),
    "from nobody": icmp_packet(8, source="0.0.0.0"),
    "from broadcast": icmp_packet(8, source="255.255.255.255"),
    "on its way through": icmp_packet(8, options=bytes([131, 11, 8]) + TWO + THREE + b"\1"),
    "with a route that lies": icmp_packet(8, options=bytes([131, 10, 11]) + TWO + THREE + b"\1"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_others_leave_unchanged(case):
    packet = OTHERS[case]
    assert run_element("ICMPPingResponder", push=[marked_ip(packet)], outputs=2) == [[], [packet]]
    run_element("ICMPPingResponder", push=[marked_ip(packet)], drops={"no-match": 1})


def test_what_is_no_ip_and_what_came_as_a_broadcast_is_left_alone():
    def broadcast(router):
        packet = marked_ip(icmp_packet(8))(router)
        packet.packet_type = 1
        return packet

    def cut(router):
        packet = marked_ip(icmp_packet(8))(router)
        packet.trim(4)
        return packet

    run_element("ICMPPingResponder", push=[b"", b"unmarked" * 9, broadcast, cut], drops={"no-match": 4})


def test_a_source_route_is_turned_round():
    reply = run_element("ICMPPingResponder", push=[marked_ip(icmp_packet(8, options=ROUTE))])[0][0]
    assert (reply[12:16], reply[16:20]) == (TWO, THREE)
    assert reply[20:32] == bytes([131, 11, 4]) + TWO + ONE + b"\1"
    assert checksum(reply[:32]) == 0


def test_a_clone_is_not_changed():
    request = icmp_packet(8)
    with ElementHarness("ICMPPingResponder") as harness:
        made = marked_ip(request)(harness.router)
        clone = made.clone()
        harness.element.push(0, [made])
        assert bytes(clone) == request
        assert harness.outputs[0][0][20] == 0
        clone.kill()

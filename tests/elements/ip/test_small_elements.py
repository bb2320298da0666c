"""MarkIPHeader, SetIPAddress, StripIPHeader, UnstripIPHeader, SetIPChecksum and IPMirror."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import checksum
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import icmp_packet, ip_packet, tcp_packet, udp_packet

PACKET = ip_packet(b"payload", options=b"\1" * 8)


def headers(packet):
    return packet.network_header, packet.transport_header


def test_mark_checks_nothing_but_that_the_header_is_there():
    nonsense = bytes([0x95]) + bytes(19)
    assert run_element("MarkIPHeader", push=[PACKET, PACKET[:27], nonsense, b"", PACKET[:19]], show=headers) == [
        [(0, 28), (None, None), (0, 20), (None, None), (None, None)]]
    assert run_element("MarkIPHeader", "14", push=[b"e" * 14 + PACKET, b"e" * 14], show=headers) == [
        [(14, 42), (None, None)]]


def test_mark_replaces_an_older_mark():
    def marked_elsewhere(router):
        return marked_ip(b"x" * 4 + ip_packet() + bytes(20), 4)(router)

    assert run_element("MarkIPHeader", "40", push=[marked_elsewhere], show=headers) == [[(None, None)]]


def test_set_ip_address():
    with ElementHarness("SetIPAddress", "1.2.3.4", show=lambda packet: packet.destination) as harness:
        harness.push(0, [b"x"])
        harness.write("addr", "5.6.7.8")
        assert harness.read("addr") == "5.6.7.8"
        harness.push(0, [b"x"])
        assert harness.outputs == [[bytes([1, 2, 3, 4]), bytes([5, 6, 7, 8])]]
    assert run_element("SetIPAddress", "1.2.3.4", "ANNO MISC_IP", push=[b""],
                       show=lambda packet: (packet.destination, packet.annotation(24, 4))) == [
        [(bytes(4), bytes([1, 2, 3, 4]))]]


def test_strip_and_unstrip():
    framed = marked_ip(b"e" * 14 + PACKET, 14)
    stripped, = run_element("StripIPHeader", push=[framed, marked_ip(PACKET)])
    assert stripped == [b"payload"] * 2
    run_element("StripIPHeader", push=[b"not marked"], drops={"not-ip": 1})

    def strip(router):
        packet = framed(router)
        packet.strip(42)
        return packet

    assert run_element("UnstripIPHeader", push=[strip, marked_ip(PACKET)]) == [[PACKET] * 2]
    run_element("UnstripIPHeader", push=[b"not marked"], drops={"not-ip": 1})


@settings(max_examples=25, deadline=None)
@given(check=st.integers(0, 65535), words=st.integers(0, 10), identification=st.integers(0, 65535))
def test_set_ip_checksum_makes_it_right(check, words, identification):
    packet = ip_packet(b"x", options=b"\1" * (4 * words), identification=identification, check=check)
    (after,), = run_element("SetIPChecksum", push=[marked_ip(packet)])
    assert checksum(after[:20 + 4 * words]) == 0
    assert after[:10] + after[12:] == packet[:10] + packet[12:]


def test_set_ip_checksum_drops_what_has_no_header():
    with ElementHarness("SetIPChecksum") as harness:
        harness.push(0, [b"", bytes(60)])
        assert (harness.read("drops"), harness.drops) == ("2", {"not-ip": 2})


@pytest.mark.parametrize("make", [udp_packet, tcp_packet])
def test_mirror_exchanges_addresses_and_ports_and_no_checksum_changes(make):
    there = make(b"data", source="1.2.3.4", destination="5.6.7.8", source_port=1, destination_port=2)
    back = make(b"data", source="5.6.7.8", destination="1.2.3.4", source_port=2, destination_port=1)
    shown = run_element("IPMirror", push=[marked_ip(there)], show=lambda packet: (bytes(packet), packet.destination))
    assert shown == [[(back, bytes([1, 2, 3, 4]))]]
    shown = run_element("IPMirror", "false", push=[marked_ip(there)], show=lambda packet: packet.destination)
    assert shown == [[bytes([5, 6, 7, 8])]]


def test_mirror_leaves_what_are_no_ports():
    packets = [icmp_packet(), udp_packet(b"x" * 9, fragment=1), ip_packet(b"abc", protocol=17)]
    after, = run_element("IPMirror", push=[marked_ip(packet) for packet in packets])
    assert [packet[20:] for packet in after] == [packet[20:] for packet in packets]
    assert [packet[12:20] for packet in after] == [packet[16:20] + packet[12:16] for packet in packets]
    run_element("IPMirror", push=[b"short"], drops={"not-ip": 1})

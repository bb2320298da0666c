"""Header accessors against packets written out byte by byte from the RFCs' diagrams."""

import pytest

from netos.checksum import ip_checksum
from netos.testing.headers import (
    arp_fields,
    arp_packet,
    ether_group,
    ether_header,
    ether_kinds,
    icmp_fields,
    ip_fields,
    ip_header,
    ip_kinds,
    prefix_mask,
    sequence_order,
    tcp_fields,
    udp_fields,
    udp_header,
)

MAC, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("02aabbccddee")


def test_ethernet_header():
    assert ether_header(OTHER, MAC, 0x86DD) == bytes.fromhex("02aabbccddee 020000000001 86dd")


@pytest.mark.parametrize(("address", "kinds"), [
    ("ffffffffffff", {"group", "broadcast"}),
    ("01005e000001", {"group"}),
    ("0180c2000000", {"group", "control"}),
    ("0180c200000f", {"group", "control"}),
    ("0180c2000010", {"group"}),
    ("000000000000", {"zero"}),
    ("fffffffffffe", {"group"}),
    ("020000000001", set()),
])
def test_kinds_of_ethernet_addresses(address, kinds):
    assert ether_kinds(bytes.fromhex(address)) == kinds | {"self"}


@pytest.mark.parametrize(("group", "address"), [
    (0xE0000001, "01005e000001"), (0xEFFFFFFA, "01005e7ffffa"), (0xE0800001, "01005e000001")])
def test_multicast_group_maps_its_low_23_bits(group, address):
    assert ether_group(group) == bytes.fromhex(address)


def test_arp_request_has_no_target_ethernet_address():
    packet = arp_packet(1, MAC, 0x0A000001, None, 0x0A000002)
    assert packet == bytes.fromhex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")
    assert arp_fields(packet) == {"ethernet_ip": True, "operation": 1, "sender": 0x0A000001, "target": 0x0A000002}


def test_arp_reply():
    packet = arp_packet(2, MAC, 0x0A000001, OTHER, 0xC0A80001)
    assert packet == bytes.fromhex("0001 0800 06 04 0002 020000000001 0a000001 02aabbccddee c0a80001")


@pytest.mark.parametrize("at", range(6))
def test_arp_of_other_hardware_or_lengths_is_told_apart(at):
    packet = bytearray(arp_packet(1, MAC, 1, None, 2))
    packet[at] ^= 1
    assert not arp_fields(bytes(packet))["ethernet_ip"]


def test_ip_header_with_options():
    header = bytes.fromhex("4f b8 ffee 1234 4000 40 06 abcd 0a000001 c0a80102")
    assert ip_fields(header) == {
        "version": 4, "header_length": 60, "tos": 0xB8, "total_length": 0xFFEE, "identification": 0x1234,
        "dont_fragment": True, "fragment": False, "first_fragment": True, "fragment_offset": 0, "ttl": 64,
        "protocol": 6, "checksum": 0xABCD, "source": 0x0A000001, "destination": 0xC0A80102,
    }


@pytest.mark.parametrize(("fragment", "is_fragment", "first", "offset"), [
    (0x0000, False, True, 0), (0x4000, False, True, 0), (0x8000, False, True, 0), (0x2000, True, True, 0),
    (0x2001, True, False, 8), (0x0001, True, False, 8), (0x1FFF, True, False, 65528), (0xFFFF, True, False, 65528)])
def test_fragments(fragment, is_fragment, first, offset):
    fields = ip_fields(ip_header(20, 17, 1, 2, fragment=fragment))
    assert (fields["fragment"], fields["first_fragment"], fields["fragment_offset"]) == (is_fragment, first, offset)


def test_ip_header_written():
    header = ip_header(84, 1, 0x0A000001, 0x0A000002, ttl=3, identification=0x0102, fragment=0x4000)
    assert header[:10] + header[12:] == bytes.fromhex("45 00 0054 0102 4000 03 01 0a000001 0a000002")
    assert ip_checksum(header) == 0


@pytest.mark.parametrize(("address", "kinds"), [
    (0xFFFFFFFF, {"broadcast"}), (0xFFFFFFFE, set()), (0xE0000000, {"multicast"}), (0xEFFFFFFF, {"multicast"}),
    (0xDFFFFFFF, set()), (0xF0000000, set()), (0x7F000001, {"loopback"}), (0x7FFFFFFF, {"loopback"}),
    (0x80000000, set()), (0, set())])
def test_kinds_of_ip_addresses(address, kinds):
    assert ip_kinds(address) == kinds


def test_prefix_masks():
    assert [prefix_mask(length) for length in range(33)] == [0xFFFFFFFF ^ 0xFFFFFFFF >> length for length in range(33)]


def test_icmp_echo():
    assert icmp_fields(bytes.fromhex("08 00 1234 5678 9abc")) == {
        "type": 8, "code": 0, "checksum": 0x1234, "identifier": 0x5678, "sequence": 0x9ABC, "error": False,
        "header_length": 8}


def test_icmp_errors_are_the_types_that_quote_a_datagram():
    """An error about an error would loop (RFC 1122 section 3.2.2)."""
    assert [kind for kind in range(256) if icmp_fields(bytes([kind]) + bytes(7))["error"]] == [3, 4, 5, 11, 12]


def test_icmp_lengths():
    lengths = {kind: icmp_fields(bytes([kind]) + bytes(7))["header_length"] for kind in range(256)}
    assert {kind: length for kind, length in lengths.items() if length != 8} == {13: 20, 14: 20, 17: 12, 18: 12}


def test_udp_header():
    assert udp_header(0x1234, 53, 0xFFFF) == bytes.fromhex("1234 0035 ffff 0000")
    assert udp_fields(bytes.fromhex("1234 0035 0008 beef")) == {
        "source": 0x1234, "destination": 53, "length": 8, "checksum": 0xBEEF}


def test_tcp_header():
    header = bytes.fromhex("0050 c001 89abcdef fedcba98 f0 c2 7210 1234 0005")
    assert tcp_fields(header) == {
        "source": 80, "destination": 0xC001, "sequence": 0x89ABCDEF, "acknowledgment": 0xFEDCBA98,
        "header_length": 60, "flags": 0xC2, "window": 0x7210, "checksum": 0x1234, "urgent": 5}


@pytest.mark.parametrize(("first", "second", "order"), [
    (0, 0, 0), (1, 2, -1), (2, 1, 1), (0xFFFFFFFF, 0, -1), (0, 0xFFFFFFFF, 1), (0, 0x7FFFFFFF, -1),
    (0x7FFFFFFF, 0, 1), (0xFFFFFFF0, 0x10, -1)])
def test_sequence_numbers_wrap(first, second, order):
    assert sequence_order(first, second) == order


@pytest.mark.parametrize("fields", [arp_fields, ip_fields, icmp_fields, udp_fields, tcp_fields])
def test_short_headers_are_refused(fields):
    with pytest.raises(ValueError, match="not 7"):
        fields(bytes(7))

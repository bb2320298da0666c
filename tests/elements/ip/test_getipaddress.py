"""GetIPAddress copies an address from where it is told into the annotation it is told."""

import pytest

from netos.errors import ConfigError
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import ip_packet

PACKET = ip_packet(source="1.2.3.4", destination="5.6.7.8")
SOURCE, DESTINATION = bytes([1, 2, 3, 4]), bytes([5, 6, 7, 8])


def test_address_at_an_offset():
    shown = run_element("GetIPAddress", "16", push=[PACKET, PACKET[:19]], show=lambda packet: packet.destination)
    assert shown == [[DESTINATION, bytes(4)]]


def test_address_of_the_header_wherever_it_is():
    packets = [marked_ip(b"e" * 14 + PACKET, 14), PACKET]
    for word, address in (("src", SOURCE), ("dst", DESTINATION)):
        shown = run_element("GetIPAddress", f"IP {word}", push=packets, show=lambda packet: packet.destination)
        assert shown == [[address, bytes(4)]]


def test_other_annotations():
    shown = run_element("GetIPAddress", "12", "MISC_IP", push=[PACKET], show=lambda packet: packet.annotation(24, 4))
    assert shown == [[SOURCE]]


@pytest.mark.parametrize("arguments", [(), ("16", "IP src"), ("IP both",), ("16", "PAINT")])
def test_nonsense_is_refused(arguments):
    with pytest.raises(ConfigError):
        ElementHarness("GetIPAddress", *arguments)

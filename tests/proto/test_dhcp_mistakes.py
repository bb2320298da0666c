"""The DHCP client and servers that make mistakes, or lie: what is understood, what is left out, what is ignored."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from netos.proto.wire import dhcp
from tests.proto.dhcp_script import ANY, MASK, OFFERED, SERVER, Script, number


def test_servers_that_make_mistakes_are_understood():
    """An option that runs past the end, after those that matter, and no end of options."""
    script = Script()
    script.sent("discover")
    reply = replace(script.last, operation=2, your=OFFERED, options=(
        (dhcp.MESSAGE_TYPE, bytes((dhcp.OFFER,))), (dhcp.SERVER_IDENTIFIER, SERVER.packed))).build()
    script.client.receive(reply[:240 + 9] + bytes((15, 200)) + b"netos", 0)
    assert script.client.state == "REQUESTING"


@pytest.mark.parametrize("server", ["0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "0.0.0.9", "240.0.0.1"])
def test_a_server_that_cannot_be_is_ignored(server):
    """Requests for more time would go to everybody, to nobody or to ourselves; 0.0.0.0 stood for every server."""
    server = IPv4Address(server)
    script = Script()
    script.sent("discover")
    script.answer(dhcp.OFFER, server=server)
    script.silent()
    assert (script.client.state, script.client.ignored) == ("SELECTING", 1)
    script.answer(dhcp.OFFER)
    script.sent("request")
    script.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 600), server=server)
    assert (script.client.state, script.client.ignored) == ("REQUESTING", 2)


@pytest.mark.parametrize(("address", "mask", "taken"), [
    ("10.0.0.255", "255.255.255.0", False), ("10.0.0.0", "255.255.255.0", False), ("10.0.1.0", "255.255.254.0", True),
    ("10.0.0.255", "255.255.254.0", True), ("10.0.0.1", "255.255.255.254", True),
    ("10.0.0.0", "255.255.255.254", True), ("10.0.0.3", "255.255.255.255", True),
    ("10.255.255.255", None, False), ("192.168.7.0", None, False), ("172.16.1.0", None, True)])
def test_an_address_that_is_its_networks_own_is_not_taken(address, mask, taken):
    """A host whose address is a broadcast would be answered by nobody: its packets come from no single host."""
    script = Script()
    script.sent("discover")
    given = IPv4Address(address)
    options = [] if mask is None else [(dhcp.SUBNET_MASK, IPv4Address(mask).packed)]
    script.answer(dhcp.OFFER, *options, your=given)
    if mask is None:                                        # the acknowledgement may still tell a mask
        script.sent("request")
        script.answer(dhcp.ACK, number(dhcp.LEASE_TIME, 600), your=given)
        assert script.client.state == ("CHECKING" if taken else "REQUESTING")
        return
    assert script.client.state == ("REQUESTING" if taken else "SELECTING")


def test_routers_that_cannot_be_are_left_out():
    """0.0.0.0 would put all of the internet onto the link; our own address is no way out either."""
    script = Script()
    routers = b"".join(IPv4Address(text).packed for text in (
        "0.0.0.0", "127.0.0.1", "10.0.0.7", "224.0.0.1", "10.0.0.9"))
    lease = script.bind((dhcp.ROUTER, routers), (dhcp.CLASSLESS_ROUTES, b"".join(
        bytes((16, 172, 16 + number)) + IPv4Address(text).packed for number, text in enumerate(
            ("0.0.0.0", "127.0.0.1", "10.0.0.7", "255.255.255.255", "10.0.0.9")))))
    assert lease.routers == (IPv4Address("10.0.0.9"),)
    assert lease.routes == ((IPv4Network("172.16.0.0/16"), ANY),
                            (IPv4Network("172.20.0.0/16"), IPv4Address("10.0.0.9")))


def test_truncated_messages_are_ignored():
    script = Script()
    script.sent("discover")
    data = replace(script.last, operation=2, options=((53, b"\2"),)).build()
    for length in range(0, 240, 7):
        script.client.receive(data[:length], 0)
    assert script.client.state == "SELECTING"

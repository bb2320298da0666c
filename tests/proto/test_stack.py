"""A stack's set-up and time: what is refused changes nothing, and time does not go back."""

import pytest

from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack
from netos.proto.stack_tables import routes
from netos.testing.segments import NAME, SECOND, STACK, Peer


def test_an_interface_that_is_refused_is_not_there():
    """Else the next one finds its name and number taken."""
    stack = Stack(VirtualCpu(0))
    with pytest.raises(ValueError, match="address"):
        stack.set_interface("eth0", ether="nonsense")
    with pytest.raises(ValueError, match="no interface eth0"):
        stack.addresses("eth0")


@pytest.mark.parametrize(("prefixes", "gateway"), [(["10.1.0.1/24"], "nonsense"), (["10.1.0.1/24", "10.2.0.1"], None),
                                                   (["10.1.0.1/24"], "10.2.0.1"), (["10.2.0.1/24"], "10.2.0.1")])
def test_addresses_that_are_refused_leave_the_old_ones(prefixes, gateway):
    """A host that was told nonsense can still be reached."""
    peer = Peer()
    with pytest.raises(ValueError, match=r"nonsense|10\.2"):
        peer.stack.set_addresses(NAME, prefixes, gateway)
    assert peer.stack.addresses(NAME) == [f"{STACK}/24"]
    assert peer.accepted().state == "ESTABLISHED"


@pytest.mark.parametrize("gateway", ["10.1.0.1", "192.0.2.1", STACK, "10.0.0.255", "127.0.0.1", "10.9.0.1"])
def test_a_gateway_lies_on_the_link(gateway):
    """Packets for the route would wait for a neighbour that never answers, and seem to have left."""
    stack = Peer().stack
    stack.set_interface("eth1", ether=b"\2\0\0\0\0\7")
    stack.set_addresses("eth1", ["10.1.0.2/24"])
    stack.add_route("10.9.0.0/16", "10.0.0.1", interface=NAME)
    before = routes(stack)
    with pytest.raises(ValueError, match=f"{gateway} is no neighbour on {NAME}"):
        stack.add_route("10.7.0.0/16", gateway, interface=NAME)
    assert routes(stack) == before


def test_a_route_without_a_gateway_leads_to_one():
    """How a host with an address of 32 bits has a router (RFC 3442)."""
    stack = Peer().stack
    stack.set_addresses(NAME, [f"{STACK}/32"])
    with pytest.raises(ValueError, match="no neighbour"):
        stack.add_route("0.0.0.0/0", "10.0.0.1", interface=NAME)
    stack.add_route("10.0.0.1/32", interface=NAME)
    stack.add_route("0.0.0.0/0", "10.0.0.1", interface=NAME)
    assert len(routes(stack)) == 3


@pytest.mark.parametrize("settings", [{"user_timeout": 0}, {"user_timeout": -1}, {"segment_lifetime": float("nan")},
                                      {"segment_lifetime": 1e12}, {"initial_window": 0}, {"initial_window": -1},
                                      {"receive_buffer": 0}, {"send_buffer": 1 << 30}, {"memory": -1}])
def test_settings_that_are_refused_change_none(settings):
    """Connections that end at once, or may never send, are nobody's wish; what stands beside it is not set either."""
    peer = Peer()
    with pytest.raises(ValueError, match="from"):
        peer.stack.configure_tcp(sack=False, always_cookies=True, **settings)
    peer.listen()
    peer.open(sack=True)
    assert peer.listener.accept().facts["sack"]
    assert peer.stack.counters["tcp_cookies_sent"] == 0


def test_time_does_not_go_back():
    """A device's packets may bear an older time than the one the stack was told by its user."""
    peer = Peer()
    peer.listen()
    peer.stack.now = 5 * SECOND
    peer.send(b"", "S")
    assert peer.stack.now == 5 * SECOND

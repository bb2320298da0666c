"""A stack's set-up and time: what is refused changes nothing, and time does not go back."""

import pytest

from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack
from netos.testing.segments import NAME, SECOND, STACK, Peer


def test_an_interface_that_is_refused_is_not_there():
    """Else the next one finds its name and number taken."""
    stack = Stack(VirtualCpu(0))
    with pytest.raises(ValueError, match="address"):
        stack.set_interface("eth0", ether="nonsense")
    with pytest.raises(ValueError, match="no interface eth0"):
        stack.addresses("eth0")


@pytest.mark.parametrize(("prefixes", "gateway"), [(["10.1.0.1/24"], "nonsense"), (["10.1.0.1/24", "10.2.0.1"], None)])
def test_addresses_that_are_refused_leave_the_old_ones(prefixes, gateway):
    """A host that was told nonsense can still be reached."""
    peer = Peer()
    with pytest.raises(ValueError, match=r"nonsense|10\.2"):
        peer.stack.set_addresses(NAME, prefixes, gateway)
    assert peer.stack.addresses(NAME) == [f"{STACK}/24"]
    assert peer.accepted().state == "ESTABLISHED"


@pytest.mark.parametrize("settings", [{"user_timeout": 0}, {"user_timeout": -1}, {"segment_lifetime": float("nan")},
                                      {"segment_lifetime": 1e12}, {"initial_window": 0}, {"initial_window": -1},
                                      {"receive_buffer": 0}, {"send_buffer": 1 << 30}])
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

"""configs/rate-limit.click: each source has its rate, and no other source's."""

import pytest

scapy = pytest.importorskip("scapy.all")

from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402


def frames(packet, count):
    return [bytes(Ether(src="02:aa:00:00:00:01", dst="02:aa:00:00:00:02") / packet)] * count


@pytest.fixture
def limiter(appliance):
    return appliance("rate-limit.click", ["tap0", "tap1"], RATE="100", BURST="50", SYNRATE="5")


def test_a_source_has_its_burst_and_then_its_rate(limiter):
    loud, quiet = IP(src="10.0.0.1", dst="10.0.0.9") / UDP() / b"x", IP(src="10.0.0.2", dst="10.0.0.9") / UDP() / b"x"
    limiter.send("tap0", *frames(loud, 200))
    assert len(limiter.received("tap1")) == 50
    limiter.send("tap0", *frames(quiet, 10))
    assert len(limiter.received("tap1")) == 10
    limiter.wait(0.1)
    limiter.send("tap0", *frames(loud, 200))
    assert len(limiter.received("tap1")) in (10, 11)


def test_handshakes_have_a_rate_of_their_own(limiter):
    limiter.send("tap0", *frames(IP(src="10.0.0.1", dst="10.0.0.9") / TCP(flags="S"), 20))
    assert len(limiter.received("tap1")) == 5
    limiter.send("tap0", *frames(IP(src="10.0.0.1", dst="10.0.0.9") / TCP(flags="A"), 20))
    assert len(limiter.received("tap1")) == 20


def test_blocked_sources_send_nothing_and_arp_passes(limiter):
    limiter.send("tap0", *frames(IP(src="192.0.2.66", dst="10.0.0.9") / UDP(), 3), *frames(ARP(), 200))
    assert len(limiter.received("tap1")) == 200
    limiter.send("tap1", *frames(IP(src="192.0.2.67", dst="10.0.0.9") / UDP(), 3))
    assert len(limiter.received("tap0")) == 3

"""What an appliance does not want is dropped by an element of some name for some reason: `netos drops` shows it."""

from pathlib import Path

import pytest

from netos.lang import parse_config
from netos.registry import default_registry

scapy = pytest.importorskip("scapy.all")

from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.click"))
LEFT, RIGHT, CABLE = (Ether(src="02:aa:00:00:00:01", dst=near) for near in
                      ("02:00:00:00:01:01", "02:00:00:00:02:01", "02:aa:00:00:00:02"))
HOST = Ether(src="02:aa:00:00:00:01", dst="02:00:00:00:00:02")
STRANGE = IPv6(src="fe80::1", dst="fe80::2")
INSIDE, OUTSIDE = "10.0.1.2", "198.51.100.7"
UNWANTED = [
    ("router", "tap0", LEFT / STRANGE, "if0/kinds", "no-match"),
    ("router", "tap0", LEFT / IP(src=INSIDE, dst="10.0.1.1") / ICMP(type=13), "mine", "filtered"),
    ("router", "tap0", LEFT / IP(src=INSIDE, dst="10.0.2.255") / UDP(), "broadcasts", "filtered"),
    ("firewall", "tap0", LEFT / STRANGE, "inside/kinds", "no-match"),
    ("firewall", "tap0", LEFT / IP(src=INSIDE, dst="224.0.0.5") / UDP(), "broadcasts", "filtered"),
    ("firewall", "tap0", LEFT / IP(src=INSIDE, dst="10.0.1.1") / TCP(flags="S"), "mine", "filtered"),
    ("nat-gateway", "tap1", RIGHT / STRANGE, "outside/kinds", "no-match"),
    ("nat-gateway", "tap0", LEFT / IP(src=INSIDE, dst="10.0.1.1") / UDP(), "mine", "filtered"),
    ("nat-gateway", "tap0", LEFT / IP(src=INSIDE, dst="10.0.1.255") / UDP(), "broadcasts", "filtered"),
    ("nat-gateway", "tap1", RIGHT / IP(src=INSIDE, dst="192.0.2.1") / UDP(), "spoofed", "filtered"),
    ("rate-limit", "tap0", CABLE / IP(src="192.0.2.66", dst=OUTSIDE) / UDP(), "there/refused", "filtered"),
    ("rate-limit", "tap1", CABLE / IP(src="192.0.2.66", dst=OUTSIDE) / UDP(), "back/refused", "filtered"),
    ("ping-responder", "tap0", LEFT / STRANGE, "kinds", "no-match"),
    ("ping-responder", "tap0", LEFT / IP(src=INSIDE, dst="10.0.1.1") / UDP(), "mine", "filtered"),
    ("web-appliance", "tap0", HOST / STRANGE, "kinds", "no-match"),
]


@pytest.mark.parametrize(("name", "device", "frame", "element", "reason"), UNWANTED, ids=lambda value: str(value)[:40])
def test_what_is_not_wanted_is_dropped_by_name(appliance, name, device, frame, element, reason):
    """A Discard would consume it: no reason, and nothing in `netos drops`."""
    made = appliance(f"{name}.click", ["tap0"] if name in ("ping-responder", "web-appliance") else ["tap0", "tap1"])
    before = made.cpu.balance["consumed"]
    made.send(device, frame, frame)
    assert made.drops[element] == {reason: 2}
    assert made.cpu.balance["consumed"] == before
    assert all(frames == [] for frames in map(made.received, made.ends)) or name == "web-appliance"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_appliance_ends_packets_where_nobody_counts_them(path):
    graph, diagnostics = parse_config(path.read_text(), path.name, class_info=default_registry.class_info,
                                      class_names=default_registry.names)
    assert not diagnostics.has_errors
    assert not [element.name for element in graph.elements if element.class_name in ("Discard", "Idle")]

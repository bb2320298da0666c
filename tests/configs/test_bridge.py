"""configs/bridge.click and configs/ping-responder.click."""

import pytest

scapy = pytest.importorskip("scapy.all")

from scapy.layers.inet import ICMP, IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402

A, B = "02:aa:00:00:00:01", "02:aa:00:00:00:02"


def test_the_bridge_floods_learns_and_keeps_local_traffic_local(appliance):
    bridge = appliance("bridge.click", ["tap0", "tap1"])
    bridge.send("tap0", Ether(src=A, dst=B) / b"to an unknown station")
    assert len(bridge.received("tap1")) == 1
    assert bridge.received("tap0") == []
    bridge.send("tap1", Ether(src=B, dst=A) / b"to a known one")
    assert len(bridge.received("tap0")) == 1
    bridge.send("tap1", Ether(src="02:aa:00:00:00:03", dst=B) / b"both on this side")
    assert bridge.received("tap0") == []
    assert bridge.received("tap1") == []


def test_the_bridge_passes_frames_unchanged(appliance):
    bridge = appliance("bridge.click", ["tap0", "tap1"])
    frames = [bytes(Ether(src=A, dst="ff:ff:ff:ff:ff:ff", type=0x88B5) / (bytes([number]) * (46 + number)))
              for number in range(100)]
    bridge.send("tap0", *frames)
    assert bridge.received("tap1") == frames


def test_the_responder_answers_arp_and_ping_and_nothing_else(appliance):
    host = appliance("ping-responder.click", ["tap0"])
    own = "02:00:00:00:01:01"
    host.send("tap0", Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=A, psrc="10.0.1.2", pdst="10.0.1.1"))
    assert [Ether(out)[ARP].hwsrc for out in host.received("tap0")] == [own]
    host.send("tap0", Ether(src=A, dst=own) / IP(src="10.0.1.2", dst="10.0.1.1") / ICMP(id=1, seq=2) / b"data")
    (out,) = host.received("tap0")
    reply = Ether(out)
    assert (reply.src, reply.dst, reply[IP].src, reply[ICMP].type, reply[ICMP].load) == (own, A, "10.0.1.1", 0, b"data")
    host.send("tap0", Ether(src=A, dst=own) / IP(src="10.0.1.2", dst="10.0.1.1") / UDP() / b"data")
    host.send("tap0", Ether(src=A, dst="02:00:00:00:99:99") / IP(src="10.0.1.2", dst="10.0.1.1") / ICMP())
    assert host.received("tap0") == []

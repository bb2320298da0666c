"""Frames as scapy writes them, with the options and layers that its authors know."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR, IPOption_Timestamp
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1Q, Dot3, Ether
from scapy.packet import Packet

from netos.fuzz.templates import HOST, PEER


def authored(protocols: Iterable[str]) -> list[bytes]:
    """The frames of these protocols, the same each time, whatever scapy leaves to chance."""
    before = random.getstate()
    random.seed(1)
    try:
        return build(protocols)
    finally:
        random.setstate(before)


def build(protocols: Iterable[str]) -> list[bytes]:
    """The frames of these protocols."""
    wanted = set(protocols)
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    ip = link / IP(src=PEER, dst=HOST)
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
    packets: dict[str, Sequence[Packet]] = {
        "eth": [link / Dot1Q(vlan=3, prio=1) / IP(src=PEER, dst=HOST) / ICMP(),
                link / Dot1Q(vlan=1) / Dot1Q(vlan=2) / IP(src=PEER, dst=HOST),
                Dot3(src=link.src, dst=link.dst) / LLC() / SNAP() / b"x"],
        "arp": [link / ARP(op=operation, psrc=PEER, pdst=HOST, hwsrc=link.src) for operation in (1, 2, 3, 8)],
        "ipv4": [link / IP(src=PEER, dst=HOST, options=[option]) / UDP(sport=9, dport=7) / b"data"
                 for option in (IPOption_RR(routers=["0.0.0.0"] * 3), IPOption_Timestamp())],
        "icmp": [ip / ICMP(type=kind) / bytes(32) for kind in (0, 8, 9, 10, 15, 17)] + [
            ip / ICMP(type=3, code=4, nexthopmtu=1000) / IP(src=HOST, dst=PEER) / TCP(sport=80, dport=10000)],
        "udp": [ip / UDP(sport=5000, dport=port) / bytes(20) for port in (7, 53, 9)],
        "tcp": [ip / TCP(sport=5001, dport=port, flags=flags, seq=100, options=options)
                for port in (80, 81, 82, 83) for flags in ("S", "SEC", "SA", "A", "FPU")] + [
            ip / TCP(sport=5002, dport=80, flags="A", options=[("SAck", (1, 2, 3, 4))]) / b"data"],
        "dhcp": [ip / UDP(sport=67, dport=68) / BOOTP(op=2, yiaddr=HOST, siaddr=PEER) / DHCP(options=[
            ("message-type", kind), ("server_id", PEER), ("lease_time", 3600), ("router", PEER),
            ("subnet_mask", "255.255.255.0"), ("name_server", PEER), "end"]) for kind in ("offer", "ack", "nak")],
        "dns": [ip / UDP(sport=53, dport=5353) / DNS(qr=1, qd=DNSQR(qname="example.org"), an=DNSRR(
            rrname="example.org", type="A", rdata="10.0.0.9")), ip / UDP(sport=4000, dport=53) / DNS(
                qd=DNSQR(qname="example.org", qtype="AAAA"))],
    }
    return [packet.build() for protocol, made in packets.items() if protocol in wanted for packet in made]

"""Wire formats against scapy's, both ways."""

from ipaddress import IPv4Address

import pytest

from netos.addresses import EtherAddress
from netos.proto.wire import (
    Arp,
    Dhcp,
    Dns,
    Ethernet,
    Flags,
    Icmp,
    IpOption,
    Ipv4,
    Question,
    Record,
    Tcp,
    Udp,
    Vlan,
    assemble,
    dissect,
)
from netos.proto.wire import dhcp as dhcp_wire
from netos.proto.wire import tcp_options as options

scapy = pytest.importorskip("scapy.all", reason="scapy is not installed")

ONE, TWO = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
STATIONS = (EtherAddress("02:00:00:00:00:02"), EtherAddress("02:00:00:00:00:01"))
PAIRS = {
    "vlan": (lambda: scapy.Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01") / scapy.Dot1Q(vlan=7, prio=3)
             / scapy.ARP(op=2, hwsrc="02:00:00:00:00:01", psrc="10.0.0.1", hwdst="02:00:00:00:00:02", pdst="10.0.0.2"),
             (Ethernet(*STATIONS, 0x0806, (Vlan(7, 3),)), Arp(2, STATIONS[1], ONE, STATIONS[0], TWO))),
    "udp": (lambda: scapy.Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
            / scapy.IP(src="10.0.0.1", dst="10.0.0.2", id=99, ttl=3, tos=4, flags="DF",
                       options=[scapy.IPOption_Router_Alert()]) / scapy.UDP(sport=5000, dport=6000) / b"abc",
            (Ethernet(*STATIONS), Ipv4(ONE, TWO, 17, 3, 99, 4, True, options=(IpOption(148, b"\0\0"),)),
             Udp(5000, 6000), b"abc")),
    "tcp": (lambda: scapy.Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
            / scapy.IP(src="10.0.0.1", dst="10.0.0.2")
            / scapy.TCP(sport=1, dport=2, seq=3, ack=4, flags="SAEC", window=5, urgptr=6, options=[
                ("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 8)), ("NOP", None), ("WScale", 9)]) / b"hello",
            (Ethernet(*STATIONS), Ipv4(ONE, TWO, 6, identification=1),
             Tcp(1, 2, 3, 4, Flags.SYN | Flags.ACK | Flags.ECE | Flags.CWR, 5, 6, (
                 options.Mss(1460), options.SackPermitted(), options.Timestamps(7, 8), options.NoOperation(),
                 options.WindowScale(9))), b"hello")),
    "icmp": (lambda: scapy.Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
             / scapy.IP(src="10.0.0.1", dst="10.0.0.2") / scapy.ICMP(id=3, seq=4) / b"ping",
             (Ethernet(*STATIONS), Ipv4(ONE, TWO, 1, identification=1), Icmp.echo(3, 4), b"ping")),
}


@pytest.mark.parametrize("name", PAIRS)
def test_scapy_builds_the_same(name):
    """The same packet, byte by byte; and what scapy made is read as what we meant."""
    theirs, ours = PAIRS[name]
    assert assemble(*ours) == bytes(theirs())
    assert dissect(bytes(theirs()), strict=True) == list(ours)


def test_scapy_reads_our_dhcp():
    message = Dhcp(1, 0x1234, hardware=STATIONS[0].packed, broadcast=True, options=(
        (53, b"\3"), (50, TWO.packed), (55, bytes((1, 3, 6)))))
    theirs = scapy.BOOTP(message.build())
    assert (theirs.xid, theirs.flags.value, bytes(theirs.chaddr[:6])) == (0x1234, 0x8000, STATIONS[0].packed)
    assert [option for option in theirs[scapy.DHCP].options if option not in ("end", "pad")] == [
        ("message-type", 3), ("requested_addr", "10.0.0.2"), ("param_req_list", [1, 3, 6])]


def test_we_read_scapys_dhcp():
    theirs = scapy.BOOTP(op=2, xid=5, yiaddr="10.0.0.2", chaddr=STATIONS[0].packed) / scapy.DHCP(options=[
        ("message-type", "offer"), ("server_id", "10.0.0.1"), ("lease_time", 600), "end"])
    message = Dhcp.parse(bytes(theirs), strict=False).header
    assert (message.message_type, message.your, message.number(dhcp_wire.LEASE_TIME)) == (2, TWO, 600)
    assert message.address(dhcp_wire.SERVER_IDENTIFIER) == ONE


def test_dns_both_ways():
    theirs = scapy.DNS(id=9, qr=1, rd=1, ra=1, qd=scapy.DNSQR(qname="a.example."),
                       an=[scapy.DNSRR(rrname="a.example.", type="CNAME", ttl=5, rdata="b.example."),
                           scapy.DNSRR(rrname="b.example.", type="A", ttl=6, rdata="10.0.0.2")])
    ours = Dns(9, True, recursion_desired=True, recursion_available=True, questions=(Question("a.example."),), answers=(
        Record("a.example.", 5, "b.example.", 5), Record("b.example.", 1, TWO, 6)))
    assert Dns.parse(bytes(theirs)).header == ours
    read = scapy.DNS(ours.build())
    assert bytes(read.an[0].rdata) == b"b.example."
    assert read.an[1].rdata == "10.0.0.2"

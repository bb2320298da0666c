"""configs/nat-gateway.click: a private network behind one address, and checksums right whatever is translated."""

import sys
from pathlib import Path

import pytest

scapy = pytest.importorskip("scapy.all")
sys.path.insert(0, str(Path(__file__).parent))

from hosts import Hosts, right  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror  # noqa: E402

from netos.drivers.memory import Offload  # noqa: E402

CLIENT, OTHER, SERVER, PUBLIC, WEB = "10.0.1.2", "10.0.1.3", "198.51.100.7", "192.0.2.1", "10.0.1.80"


class Gateway:
    def __init__(self, made):
        self.made = made
        self.inside = Hosts(made, "tap0", "02:00:00:00:01:01", "02:aa:00:00:00:01")
        self.outside = Hosts(made, "tap1", "02:00:00:00:02:01", "02:aa:00:00:00:02")

    def out(self, *packets, **options):
        self.inside.put(*packets, **options)
        found = self.outside.take()
        assert all(map(right, found))
        return found

    def into(self, *packets):
        self.outside.put(*packets)
        found = self.inside.take()
        assert all(map(right, found))
        return found


@pytest.fixture
def gateway(appliance):
    return Gateway(appliance("nat-gateway.click", ["tap0", "tap1"]))


@pytest.mark.parametrize("transport", [TCP, UDP])
def test_connections_leave_from_the_public_address_and_answers_come_back(gateway, transport):
    flags = ({"flags": "S", "seq": 9}, {"flags": "SA", "seq": 5, "ack": 10}) if transport is TCP else ({}, {})
    (sent,) = gateway.out(IP(src=CLIENT, dst=SERVER) / transport(sport=4000, dport=80, **flags[0]))
    assert (sent.src, sent.dst, sent.sport, sent.dport, sent.ttl) == (PUBLIC, SERVER, 4000, 80, 63)
    (answer,) = gateway.into(IP(src=SERVER, dst=PUBLIC) / transport(sport=80, dport=4000, **flags[1]))
    assert (answer.src, answer.dst, answer.sport, answer.dport) == (SERVER, CLIENT, 80, 4000)


def test_two_hosts_with_the_same_port_do_not_meet(gateway):
    (one,) = gateway.out(IP(src=CLIENT, dst=SERVER) / UDP(sport=4000, dport=53) / b"1")
    (two,) = gateway.out(IP(src=OTHER, dst=SERVER) / UDP(sport=4000, dport=53) / b"2")
    assert one.sport == 4000 != two.sport
    (answer,) = gateway.into(IP(src=SERVER, dst=PUBLIC) / UDP(sport=53, dport=two.sport) / b"2")
    assert (answer.dst, answer.dport) == (OTHER, 4000)


def test_a_datagram_without_checksum_stays_without(gateway):
    (sent,) = gateway.out(IP(src=CLIENT, dst=SERVER) / UDP(sport=4000, dport=53, chksum=0) / b"1")
    assert (sent.src, sent[UDP].chksum) == (PUBLIC, 0)


def test_a_partial_checksum_stays_partial_and_right(appliance):
    """As a TAP gives them: only the sum of the pseudo header is in the field, and must be that of the new addresses."""
    from netos.checksum import checksum

    gateway = Gateway(appliance("nat-gateway.click", ["tap0", "tap1"], offload=["tap0"]))

    def partial(source, destination, length):
        pseudo = scapy.inet_aton(source) + scapy.inet_aton(destination) + bytes([0, 17]) + length.to_bytes(2, "big")
        return ~checksum(pseudo) & 0xFFFF

    data = IP(src=CLIENT, dst=SERVER) / UDP(sport=4000, dport=53, chksum=partial(CLIENT, SERVER, 12)) / b"data"
    (sent,) = gateway.out(data, offload=Offload(flags=1, checksum_start=34, checksum_offset=6))
    assert sent.src == PUBLIC


def test_pings_are_told_apart_by_their_identifier(gateway):
    (one,) = gateway.out(IP(src=CLIENT, dst=SERVER) / ICMP(type=8, id=7, seq=1) / b"one")
    (two,) = gateway.out(IP(src=OTHER, dst=SERVER) / ICMP(type=8, id=7, seq=1) / b"two")
    assert one[ICMP].id == 7 != two[ICMP].id
    (answer,) = gateway.into(IP(src=SERVER, dst=PUBLIC) / ICMP(type=0, id=two[ICMP].id, seq=1) / b"two")
    assert (answer.dst, answer[ICMP].id) == (OTHER, 7)


def test_an_error_from_outside_finds_its_way_and_quotes_what_was_sent(gateway):
    (one,) = gateway.out(IP(src=CLIENT, dst=SERVER) / UDP(sport=4000, dport=53) / b"12345678")
    (two,) = gateway.out(IP(src=OTHER, dst=SERVER) / UDP(sport=4000, dport=53) / b"12345678")
    for sent, host in ((one, CLIENT), (two, OTHER)):
        (error,) = gateway.into(IP(src="203.0.113.5", dst=PUBLIC) / ICMP(type=3, code=3) / IP(bytes(sent)))
        assert (error.src, error.dst) == ("203.0.113.5", host)
        assert (error[IPerror].src, error[IPerror].dst, error[UDPerror].sport) == (host, SERVER, 4000)
        inner = IP(bytes(error[IPerror]))
        checked = inner[UDP].chksum
        del inner[UDP].chksum
        assert IP(bytes(inner))[UDP].chksum == checked


def test_an_error_from_inside_about_a_forwarded_connection(gateway):
    (sent,) = gateway.into(IP(src=SERVER, dst=PUBLIC) / TCP(sport=9, dport=8080, flags="S"))
    (error,) = gateway.out(IP(src=WEB, dst=SERVER) / ICMP(type=3, code=10) / IP(bytes(sent)))
    assert (error.src, error.dst) == (PUBLIC, SERVER)
    assert (error[IPerror].src, error[IPerror].dst, error[TCPerror].dport) == (SERVER, PUBLIC, 8080)


def test_an_expired_ttl_is_answered_about_the_packet_as_it_came(gateway):
    gateway.inside.put(IP(src=CLIENT, dst=SERVER, ttl=1) / UDP(sport=4000, dport=53) / b"x")
    (error,) = gateway.inside.take()
    assert (error.src, error[ICMP].type, error[IPerror].src) == ("10.0.1.1", 11, CLIENT)


def test_port_forwarding(gateway):
    (asked,) = gateway.into(IP(src=SERVER, dst=PUBLIC) / TCP(sport=9, dport=8080, seq=1, flags="S"))
    assert (asked.src, asked.dst, asked.dport) == (SERVER, WEB, 80)
    (answer,) = gateway.out(IP(src=WEB, dst=SERVER) / TCP(sport=80, dport=9, seq=7, ack=2, flags="SA"))
    assert (answer.src, answer.sport, answer.dst, answer.dport) == (PUBLIC, 8080, SERVER, 9)


def test_a_forwarded_port_reached_from_inside(gateway):
    """The web server answers the gateway, not the client beside it, who would not know what to make of that."""
    gateway.inside.put(IP(src=OTHER, dst=PUBLIC) / TCP(sport=9, dport=8080, seq=1, flags="S"))
    (asked,) = gateway.inside.take()
    assert (asked.src, asked.dst, asked.dport) == ("10.0.1.1", WEB, 80)
    gateway.inside.put(IP(src=WEB, dst="10.0.1.1") / TCP(sport=80, dport=asked.sport, seq=7, ack=2, flags="SA"))
    (answer,) = gateway.inside.take()
    assert (answer.src, answer.sport, answer.dst, answer.dport) == (PUBLIC, 8080, OTHER, 9)
    assert right(asked)
    assert right(answer)


def test_the_gateway_answers_pings(gateway):
    for hosts, source, own in ((gateway.inside, CLIENT, "10.0.1.1"), (gateway.outside, SERVER, PUBLIC)):
        hosts.put(IP(src=source, dst=own) / ICMP(type=8, id=3, seq=1))
        assert [(answer.src, answer[ICMP].type) for answer in hosts.take()] == [(own, 0)]


@pytest.mark.parametrize("packet", [
    IP(src=SERVER, dst=PUBLIC) / TCP(sport=9, dport=8081, flags="S"), IP(src=SERVER, dst=PUBLIC) / UDP(dport=8080),
    IP(src=SERVER, dst=WEB) / TCP(sport=9, dport=80, flags="S"), IP(src=CLIENT, dst=WEB) / TCP(dport=80, flags="S"),
    IP(src=SERVER, dst=PUBLIC) / TCP(sport=9, dport=8080, flags="A"),
], ids=lambda packet: packet.summary())
def test_what_is_not_forwarded_does_not_get_in(gateway, packet):
    assert gateway.into(packet) == []


def test_when_no_port_is_left_packets_are_dropped_and_nothing_leaks(appliance):
    gateway = Gateway(appliance("nat-gateway.click", ["tap0", "tap1"], PORTS="5000-5003"))
    sent = [packet for number in range(6)
            for packet in gateway.out(IP(src=CLIENT, dst=SERVER) / UDP(sport=1000 + number, dport=53))]
    assert sorted(packet.sport for packet in sent) == [5000, 5001, 5002, 5003]
    assert gateway.out(IP(src=CLIENT, dst=SERVER) / UDP(sport=1004, dport=53)) == []
    assert gateway.made.drops["masquerade"] == {"no-mapping": 3}
    assert len(gateway.out(IP(src=CLIENT, dst="198.51.100.8") / UDP(sport=1004, dport=53))) == 1
    gateway.made.wait(200)
    assert len(gateway.out(IP(src=CLIENT, dst=SERVER) / UDP(sport=1004, dport=53))) == 1


def test_packets_of_no_connection_do_not_leak_private_addresses(gateway):
    assert gateway.out(IP(src=CLIENT, dst=SERVER) / TCP(sport=4000, dport=80, flags="A")) == []
    assert gateway.out(IP(src=CLIENT, dst=SERVER, frag=100) / b"the rest of a datagram") == []


def test_a_segmentation_packet_is_translated_as_one(appliance):
    gateway = Gateway(appliance("nat-gateway.click", ["tap0", "tap1"], offload=True))
    gateway.out(IP(src=CLIENT, dst=SERVER) / TCP(sport=4000, dport=80, seq=100, flags="S", options=[("WScale", 7)]))
    gateway.into(IP(src=SERVER, dst=PUBLIC) / TCP(sport=80, dport=4000, seq=500, ack=101, flags="SA", window=65535,
                                                  options=[("WScale", 7)]))
    gateway.into(IP(src=SERVER, dst=PUBLIC) / TCP(sport=80, dport=4000, seq=501, ack=101, flags="A", window=65535))
    gateway.inside.put(IP(src=CLIENT, dst=SERVER, flags="DF") / TCP(sport=4000, dport=80, seq=101, ack=501, flags="A")
                       / bytes(60000), offload=Offload(flags=1, gso_type=1, gso_size=1448, checksum_start=34,
                                                       checksum_offset=16, header_length=54))
    (sent,) = gateway.outside.take()
    assert (sent.src, len(sent)) == (PUBLIC, 60040)

"""configs/router.click: the IPv4 router as its neighbours see it."""

import pytest

scapy = pytest.importorskip("scapy.all")

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR, fragment  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402

LEFT, RIGHT = "02:00:00:00:01:01", "02:00:00:00:02:01"
CLIENT, SERVER = "02:aa:00:00:00:01", "02:aa:00:00:00:02"


def introduce(made):
    """Let the router learn both neighbours: it asks for whom it has a packet, and they answer."""
    for device, near, ether, ip, own in (("tap0", LEFT, CLIENT, "10.0.1.2", "10.0.1.1"),
                                         ("tap1", RIGHT, SERVER, "10.0.2.2", "10.0.2.1")):
        made.send(device, Ether(src=ether, dst=near) / IP(src="10.0.9.9", dst=ip) / UDP())
        made.send(device, Ether(src=ether, dst=near) / ARP(op=2, hwsrc=ether, psrc=ip, hwdst=near, pdst=own))


@pytest.fixture
def router(appliance):
    """The router with both neighbours in its ARP tables."""
    made = appliance("router.click", ["tap0", "tap1"])
    introduce(made)
    for device in ("tap0", "tap1"):
        made.received(device)
    return made


def frame(data):
    return Ether(src=CLIENT, dst=LEFT) / data


def test_arp_requests_for_its_addresses_are_answered(appliance):
    made = appliance("router.click", ["tap0", "tap1"])
    made.send("tap0", Ether(src=CLIENT, dst="ff:ff:ff:ff:ff:ff")
              / ARP(op=1, hwsrc=CLIENT, psrc="10.0.1.2", pdst="10.0.1.1"))
    (answer,) = made.received("tap0")
    reply = Ether(answer)
    assert (reply.dst, reply[ARP].op, reply[ARP].hwsrc, reply[ARP].psrc) == (CLIENT, 2, LEFT, "10.0.1.1")
    made.send("tap0", Ether(src=CLIENT, dst="ff:ff:ff:ff:ff:ff")
              / ARP(op=1, hwsrc=CLIENT, psrc="10.0.1.2", pdst="10.0.1.9"))
    assert made.received("tap0") == []


def test_an_unknown_neighbour_is_asked_for_and_its_packet_waits(appliance):
    made = appliance("router.click", ["tap0", "tap1"])
    made.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.2.2") / UDP(sport=1, dport=2) / b"wait for me"))
    (query,) = made.received("tap1")
    asked = Ether(query)
    assert (asked.dst, asked[ARP].op) == ("ff:ff:ff:ff:ff:ff", 1)
    assert (asked[ARP].psrc, asked[ARP].pdst) == ("10.0.2.1", "10.0.2.2")
    made.send("tap1", Ether(src=SERVER, dst=RIGHT)
              / ARP(op=2, hwsrc=SERVER, psrc="10.0.2.2", hwdst=RIGHT, pdst="10.0.2.1"))
    (out,) = made.received("tap1")
    assert Ether(out).dst == SERVER
    assert bytes(Ether(out)[UDP].payload) == b"wait for me"


def test_forwarding_lowers_the_ttl_and_keeps_the_checksum_right(router):
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.2.2", ttl=9) / UDP(sport=1, dport=2) / b"x"))
    (out,) = router.received("tap1")
    packet = Ether(out)
    assert (packet.src, packet.dst, packet[IP].ttl) == (RIGHT, SERVER, 8)
    checked = packet[IP].chksum
    del packet[IP].chksum
    assert Ether(bytes(packet))[IP].chksum == checked


def test_an_expired_ttl_draws_time_exceeded_from_the_near_address(router):
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / UDP(sport=7, dport=8) / b"x"))
    assert router.received("tap1") == []
    (out,) = router.received("tap0")
    error = Ether(out)
    assert (error[IP].src, error[IP].dst, error[ICMP].type, error[ICMP].code) == ("10.0.1.1", "10.0.1.2", 11, 0)
    assert error.dst == CLIENT


def test_no_route_draws_network_unreachable(router):
    router.send("tap0", frame(IP(src="10.0.1.2", dst="192.0.2.1") / UDP() / b"x"))
    (out,) = router.received("tap0")
    assert (Ether(out)[ICMP].type, Ether(out)[ICMP].code) == (3, 0)


def test_a_datagram_larger_than_the_mtu_is_fragmented(router):
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.2.2", id=5) / UDP(sport=1, dport=2) / bytes(3000)))
    pieces = [Ether(out)[IP] for out in router.received("tap1")]
    assert len(pieces) == 3
    assert all(len(piece) <= 1500 for piece in pieces)
    assert sum(len(piece.payload) for piece in pieces) == 3008


def test_a_large_datagram_that_must_not_be_fragmented_draws_fragmentation_needed(router):
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.2.2", flags="DF") / UDP() / bytes(3000)))
    (out,) = router.received("tap0")
    assert (Ether(out)[ICMP].type, Ether(out)[ICMP].code, Ether(out)[ICMP].nexthopmtu) == (3, 4, 1500)


def test_fragments_pass_and_errors_are_not_sent_about_later_ones(router):
    pieces = fragment(IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / UDP() / bytes(2000), fragsize=800)
    router.send("tap0", *[frame(piece) for piece in pieces])
    errors = router.received("tap0")
    assert len(errors) == 1         # only the first fragment draws one (RFC 1812 4.3.2.7)


def test_a_packet_that_goes_back_where_it_came_from_is_redirected_and_forwarded(router):
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.1.2") / UDP() / b"x"))
    kinds = [out[ICMP].type for out in map(Ether, router.received("tap0")) if ICMP in out and out[IP].proto == 1]
    assert kinds == [5]


def test_it_answers_pings_and_refuses_other_datagrams(router):
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.1.1") / ICMP(id=3, seq=4) / b"hello"))
    (out,) = router.received("tap0")
    reply = Ether(out)
    assert (reply[IP].src, reply[ICMP].type, reply[ICMP].id, bytes(reply[ICMP].payload)) == ("10.0.1.1", 0, 3, b"hello")
    assert "mine" not in router.drops       # a redirect about its own answer, which goes out where the request came in
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.2.1") / UDP(sport=1, dport=9) / b"x"))
    (out,) = router.received("tap0")
    assert (Ether(out)[ICMP].type, Ether(out)[ICMP].code) == (3, 3)
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.1.1", proto=99) / b"x"))
    (out,) = router.received("tap0")
    assert (Ether(out)[ICMP].type, Ether(out)[ICMP].code) == (3, 2)


def test_the_record_route_option_is_filled_in(router):
    option = IPOption_RR(length=11, pointer=4, routers=["0.0.0.0"] * 2)
    router.send("tap0", frame(IP(src="10.0.1.2", dst="10.0.2.2", options=[option]) / UDP() / b"x"))
    (out,) = router.received("tap1")
    option = Ether(out)[IP].options[0]
    assert (option.pointer, option.routers[0]) == (8, "10.0.2.1")


@pytest.mark.parametrize(("spoil", "where"), [
    (lambda ip: b"\x65" + ip[1:], "version"),
    (lambda ip: b"\x44" + ip[1:], "header length"),
    (lambda ip: ip[:2] + b"\xff\xff" + ip[4:], "total length"),
    (lambda ip: ip[:10] + b"\x00\x01" + ip[12:], "checksum"),
    (lambda ip: ip[:12], "truncated"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_malformed_headers_are_dropped_with_a_reason(router, spoil, where):
    good = bytes(IP(src="10.0.1.2", dst="10.0.2.2") / UDP() / b"x")
    before = router.cpu.balance["dropped"]
    router.send("tap0", bytes.fromhex((LEFT + CLIENT).replace(":", "")) + b"\x08\x00" + spoil(good))
    assert router.received("tap1") == []
    assert router.cpu.balance["dropped"] == before + 1, where


def test_frames_for_others_broadcasts_and_multicast_are_not_forwarded(router):
    for ether, address in (("02:00:00:00:99:99", "10.0.2.2"), ("ff:ff:ff:ff:ff:ff", "10.0.2.2"),
                           (LEFT, "10.0.2.255"), (LEFT, "224.0.0.5"), (LEFT, "255.255.255.255")):
        router.send("tap0", Ether(src=CLIENT, dst=ether) / IP(src="10.0.1.2", dst=address) / UDP() / b"x")
        assert router.received("tap1") == [], address
        assert router.received("tap0") == [], address


def test_icmp_errors_are_limited(router):
    expired = frame(IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / UDP() / b"x")
    router.send("tap0", *[expired] * 3000)
    assert 0 < len(router.received("tap0")) < 3000
    assert any("rate-limited" in reasons for reasons in router.drops.values())


def test_a_flood_of_mixed_packets_keeps_the_order_of_each_flow(router):
    frames = [frame(IP(src="10.0.1.2", dst="10.0.2.2", id=number) / UDP(sport=number % 3 + 1, dport=2) / b"x")
              if number % 5 else frame(IP(src="10.0.1.2", dst="10.0.1.1") / ICMP(seq=number)) for number in range(300)]
    router.send("tap0", *frames)
    out = [Ether(data)[IP].id for data in router.received("tap1")]
    assert out == [number for number in range(300) if number % 5]
    pongs = [Ether(data)[ICMP].seq for data in router.received("tap0")]
    assert pongs == list(range(0, 300, 5))


def test_a_segmentation_packet_crosses_as_one(appliance):
    """64 KiB with a partial checksum, from a device with offloads to another: one packet in, one out."""
    from netos.drivers.memory import Offload

    made = appliance("router.click", ["tap0", "tap1"], offload=True)
    introduce(made)
    made.received("tap1")
    header = IP(src="10.0.1.2", dst="10.0.2.2", flags="DF") / TCP(sport=1, dport=2, flags="A")
    data = bytes(frame(header / bytes(60000)))
    made.send("tap0", data, offload=Offload(flags=1, gso_type=1, gso_size=1448, checksum_start=34, checksum_offset=16,
                                            header_length=54))
    (out,) = made.received("tap1")
    assert len(out) == len(data)

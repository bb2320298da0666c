"""The packets that break stacks, sent to the router: each is dropped for a reason, or treated as its RFC says.

Whatever comes, the router goes on forwarding and answering, no packet is lost, and (in the asan build) none is read
past its end. Numbers are those of the list of packets that break stacks in the protocol requirements.
"""

import struct
from ipaddress import IPv4Address

import pytest

from netos.checksum import checksum
from netos.drivers.memory import Offload
from netos.testing.arp import arp_frame, arp_reply, malformed_arp
from netos.testing.ip_packets import icmp_packet, ip_packet, tcp_packet, udp_packet

LEFT, RIGHT = b"\2\0\0\0\1\1", b"\2\0\0\0\2\1"          # the router's two stations, 10.0.1.1 and 10.0.2.1
CLIENT, SERVER = b"\2\xaa\0\0\0\1", b"\2\xaa\0\0\0\2"   # 10.0.1.2 and 10.0.2.2
BROADCAST = b"\xff" * 6
THROUGH = {"source": "10.0.1.2", "destination": "10.0.2.2"}
TO_ROUTER = {"source": "10.0.1.2", "destination": "10.0.1.1"}
FORWARDED, ANSWERED = "forwarded", "answered"
DROPPED = "dropped"         # for whatever reason


def ether(payload, *, destination=LEFT, source=CLIENT, kind=0x0800):
    """A frame from the client."""
    return destination + source + kind.to_bytes(2, "big") + payload


def udp(options=b"", **fields):
    """A datagram through the router, its header right except for the fields given."""
    return ether(ip_packet(b"\0\1\0\2\0\x0a\0\0hi", options=options, **{**THROUGH, **fields}))


def resummed(header, payload=b""):
    """A header with its checksum put right."""
    return header[:10] + checksum(header[:10] + b"\0\0" + header[12:]).to_bytes(2, "big") + header[12:] + payload


def quoting(inner, icmp_type=3, code=3, rest=bytes(4), **fields):
    """An ICMP error about a packet."""
    return ether(icmp_packet(icmp_type, code, rest, inner, **{**TO_ROUTER, **fields}))


def option(*content):
    """An option of the bytes given, alone in the header."""
    return bytes(content)


INNER = udp_packet(source="10.0.1.1", destination="10.0.1.2")
ROUTE = IPv4Address("10.0.1.2").packed              # the hop that an error goes back to
PROBLEM, EXPIRED = "ICMP 12/0", "ICMP 11/0"
UNREACHABLE_PORT, UNREACHABLE_PROTOCOL, TOO_BIG = "ICMP 3/3", "ICMP 3/2", "ICMP 3/4"

CASES = {
    **{f"34 IHL {words}": ("bad-header-length", udp(words=words)) for words in range(5)},
    "35 IHL 15 in a short frame": ("bad-length", ether(ip_packet(bytes(4), words=15, **THROUGH))),
    "35 IHL 15, length says so, frame does not": (
        "bad-length", ether(ip_packet(bytes(4), words=15, length=60, **THROUGH))),
    "36 total length past the frame": ("bad-length", udp(length=1000)),
    "36 total length 65535": ("bad-length", udp(length=65535)),
    "36 total length below the header": ("bad-length", udp(length=19)),
    "36 total length 0": ("bad-length", udp(length=0)),
    "36 total length of the header alone": (FORWARDED, udp(length=20)),
    "37 version 5": ("bad-version", udp(version=5)),
    "37 version 6": ("bad-version", udp(version=6)),
    "37 version 0": ("bad-version", udp(version=0)),
    "38 option length 0": (PROBLEM, udp(option(0x83, 0))),
    "38 option length 1": (PROBLEM, udp(option(7, 1))),
    "38 option past the end": (PROBLEM, udp(option(7, 40, 4))),
    "38 option kind as the last byte": (PROBLEM, udp(option(1, 1, 1, 7))),
    "38 record route, pointer 0": (PROBLEM, udp(option(7, 7, 0, 0, 0, 0, 0))),
    "38 record route, pointer 3": (PROBLEM, udp(option(7, 7, 3, 0, 0, 0, 0))),
    "38 record route, pointer 255": (PROBLEM, udp(option(7, 7, 255, 0, 0, 0, 0))),
    "38 record route, half an address left": (PROBLEM, udp(option(7, 7, 6, 0, 0, 0, 0))),
    "38 record route of two bytes": (PROBLEM, udp(option(7, 2))),
    "38 record route, full": (FORWARDED, udp(option(7, 7, 8, 1, 2, 3, 4))),
    "38 timestamp, pointer 1": (PROBLEM, udp(option(0x44, 8, 1, 0, 0, 0, 0, 0))),
    "38 timestamp, pointer 255": (PROBLEM, udp(option(0x44, 8, 255, 1, 0, 0, 0, 0))),
    "38 timestamp, unknown kind": (PROBLEM, udp(option(0x44, 8, 5, 2, 0, 0, 0, 0))),
    "38 timestamp, overflow counted out": (PROBLEM, udp(option(0x44, 8, 9, 0xF0, 0, 0, 0, 0))),
    "38 timestamp of three bytes": (PROBLEM, udp(option(0x44, 3, 5))),
    "38 router alert of two bytes": (PROBLEM, udp(option(0x94, 2))),
    "38 forty no-operations": (FORWARDED, udp(b"\1" * 40)),
    "38 options after the end of options": (FORWARDED, udp(option(0, 7, 0, 0))),
    "39 source route that draws an error": (EXPIRED, udp(option(0x83, 7, 8) + ROUTE, ttl=1)),
    "39 source route, pointer past it, draws an error": (PROBLEM, udp(option(0x83, 7, 255) + ROUTE, ttl=1)),
    "39 source route back to nowhere draws an error": (
        "suppressed", udp(option(0x83, 7, 8, 192, 0, 2, 1), ttl=1)),
    "39 source route to a group draws an error": (EXPIRED, udp(option(0x89, 7, 8, 224, 0, 0, 1), ttl=1)),
    "40 fragment past 65535": (FORWARDED, ether(ip_packet(bytes(800), fragment=8191, **THROUGH))),
    "40 fragment past 65535, to be cut": (
        "bad-length", ether(ip_packet(bytes(3000), fragment=8191, **THROUGH))),
    "41 overlapping fragments": (FORWARDED, ether(ip_packet(bytes(64), fragment=0x2000, **THROUGH)),
                                 ether(ip_packet(bytes(64), fragment=4, **THROUGH))),
    "42 empty fragment with more to come": (FORWARDED, ether(ip_packet(b"", fragment=0x2000, **THROUGH))),
    "43 fragment of 13 bytes with more to come": (FORWARDED, ether(ip_packet(bytes(13), fragment=0x2001, **THROUGH))),
    "44 incomplete datagrams to the router": (
        DROPPED, *(ether(ip_packet(bytes(64), fragment=0x2000 + number, identification=number, **TO_ROUTER))
                   for number in range(1, 1025))),
    "45 first fragment without a transport header": (
        FORWARDED, ether(ip_packet(b"", fragment=0x2000, protocol=6, **THROUGH))),
    "45 the same to the router": (UNREACHABLE_PORT, ether(ip_packet(b"", fragment=0x2000, protocol=6, **TO_ROUTER))),
    "45 a ping in a first fragment to the router": (DROPPED, ether(icmp_packet(fragment=0x2000, **TO_ROUTER))),
    "46 last fragment that shrinks the datagram": (
        FORWARDED, ether(ip_packet(bytes(640), fragment=0x2000, **THROUGH)),
        ether(ip_packet(bytes(8), fragment=1, **THROUGH))),
    "47 IP in IP whose length lies, to the router": (
        UNREACHABLE_PROTOCOL, ether(ip_packet(ip_packet(b"x", length=9000), protocol=4, **TO_ROUTER))),
    **{f"48 UDP length {length} through": (FORWARDED, ether(udp_packet(b"x", length=length, **THROUGH)))
       for length in (0, 7, 60000)},
    **{f"48 UDP length {length} to the router": (UNREACHABLE_PORT, ether(udp_packet(b"x", length=length, **TO_ROUTER)))
       for length in (0, 7, 60000)},
    "49 UDP checksum 0": (FORWARDED, ether(udp_packet(b"x", check=0, **THROUGH))),
    "50 ICMP of no byte": ("filtered", ether(ip_packet(b"", protocol=1, **TO_ROUTER))),
    "50 ICMP of one byte": (DROPPED, ether(ip_packet(b"\x08", protocol=1, **TO_ROUTER))),
    "50 ICMP of seven bytes": (DROPPED, ether(ip_packet(b"\x08\0\0\0\0\0\0", protocol=1, **TO_ROUTER))),
    "51 unreachable without an inner header": ("filtered", quoting(b"")),
    "51 unreachable with a truncated inner header": ("filtered", quoting(INNER[:11])),
    "51 unreachable with an inner header of IHL 15": ("filtered", quoting(b"\x4f" + INNER[1:])),
    **{f"52 fragmentation needed, MTU {mtu}": (
        "filtered", quoting(INNER, code=4, rest=struct.pack("!HH", 0, mtu))) for mtu in (0, 20, 65535)},
    "53 ICMP error that would draw one": ("suppressed", quoting(INNER, ttl=1, **THROUGH)),
    "53 unknown ICMP type that would draw one": (EXPIRED, quoting(b"", icmp_type=41, ttl=1, **THROUGH)),
    "53 later fragment that would draw one": ("suppressed", udp(fragment=9, ttl=1)),
    "53 broadcast frame that would draw one": (
        DROPPED, ether(udp_packet(**THROUGH)[:8] + b"\1" + udp_packet(**THROUGH)[9:], destination=BROADCAST)),
    **{f"53 source {source} that would draw one": ("suppressed", udp(ttl=1, source=source))
       for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.1.2.3")},
    "53 source is the network's broadcast": ("bad-source", udp(ttl=1, source="10.0.1.255")),
    "53 directed broadcast": ("filtered", udp(destination="10.0.2.255")),
    "54 redirect to the router, gateway itself": (
        "filtered", quoting(INNER, icmp_type=5, code=1, rest=IPv4Address("10.0.1.1").packed)),
    **{f"55 malformed ARP {operation}, {number}": (None, frame) for operation in (1, 2)
       for number, frame in enumerate(malformed_arp(operation, CLIENT, "10.0.1.2", LEFT, "10.0.1.1"))},
    "55 ARP reply from broadcast": ("bad-arp", arp_frame(2, BROADCAST, "10.0.2.2", LEFT, "10.0.1.1", destination=LEFT)),
    "55 ARP reply that takes the router's address": (
        "bad-arp", arp_frame(2, CLIENT, "10.0.1.1", LEFT, "10.0.1.1", destination=LEFT)),
    "55 ARP probe for the router's address": (ANSWERED, arp_frame(1, CLIENT, "0.0.0.0", bytes(6), "10.0.1.1")),
    "55 ARP with the router's own station": (
        DROPPED, arp_frame(1, LEFT, "10.0.1.2", bytes(6), "10.0.1.1", destination=LEFT)),
    "56 unknown ARP operation": ("no-match", arp_frame(77, CLIENT, "10.0.1.2", LEFT, "10.0.1.1", destination=LEFT)),
    **{f"57 frame of {length} bytes": (DROPPED, udp()[:length]) for length in (0, 1, 6, 13)},
    "57 frame of 14 bytes": ("truncated", udp()[:14]),
    "57 frame of 14 bytes, ARP": ("no-match", ether(b"", kind=0x0806)),
    "57 VLAN tag": ("no-match", ether(b"\0\5\x08\0" + udp()[14:], kind=0x8100)),
    "57 VLAN tag cut short": ("no-match", ether(b"\0", kind=0x8100)),
    "57 LLC": ("no-match", ether(b"\x42\x42\3" + bytes(40), kind=43)),
    "57 jumbo frame": (FORWARDED, ether(ip_packet(bytes(8980), **THROUGH))),
    "57 jumbo frame that may not be cut": (TOO_BIG, ether(ip_packet(bytes(8980), fragment=0x4000, **THROUGH))),
    "57 padding": (FORWARDED, udp() + bytes(300)),
    **{f"59 IPv6 with payload length {length}": ("no-match", ether(b"\x60\0\0\0" + struct.pack("!HBB", length, 0, 1)
                                                                + bytes(33), kind=0x86DD)) for length in (0, 60000)},
    "65 echo of 65 507 bytes": (ANSWERED, ether(icmp_packet(payload=bytes(65507), **TO_ROUTER))),
    "land: from the router to itself": (
        "filtered", ether(tcp_packet(source="10.0.1.1", destination="10.0.1.1", flags=2))),
}


def introduce(made):
    """Let the router learn both neighbours: it asks for whom it has a packet, and they answer."""
    made.send("tap0", ether(udp_packet(**THROUGH)))
    made.send("tap1", arp_reply(SERVER, "10.0.2.2", RIGHT, "10.0.2.1"))
    made.send("tap1", ether(udp_packet(source="10.0.2.2", destination="10.0.1.2"), destination=RIGHT, source=SERVER))
    made.send("tap0", arp_reply(CLIENT, "10.0.1.2", LEFT, "10.0.1.1"))
    assert len(made.received("tap0")) == len(made.received("tap1")) == 2


def assert_alive(made):
    """It still forwards, to the right station, and still answers pings."""
    made.wait(2)
    made.received("tap0"), made.received("tap1")
    made.send("tap0", ether(udp_packet(b"alive?", **THROUGH)), ether(icmp_packet(payload=b"alive?", **TO_ROUTER)))
    (out,) = made.received("tap1")
    assert (out[:14], out[-6:]) == (SERVER + RIGHT + b"\x08\0", b"alive?")
    (pong,) = made.received("tap0")
    assert (pong[:14], pong[34], pong[-6:]) == (CLIENT + LEFT + b"\x08\0", 0, b"alive?")


def dropped_by_reason(made):
    """Drops of all elements, by reason."""
    reasons = {}
    for counts in made.drops.values():
        for reason, count in counts.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return reasons


def assert_every_drop_has_a_name(made):
    balance = made.cpu.balance
    assert sum(dropped_by_reason(made).values()) == balance["dropped"]
    assert balance["held"] == 0


def outcome(made, reasons_before):
    """What became of the packets: ICMP t/c, answered, forwarded, or the reasons of drops."""
    back, through = made.received("tap0"), made.received("tap1")
    reasons = {reason for reason, count in dropped_by_reason(made).items() if count > reasons_before.get(reason, 0)}
    messages = [frame[14 + 4 * (frame[14] & 15):] for frame in back if frame[12:14] == b"\x08\0" and frame[23] == 1]
    errors = {f"ICMP {message[0]}/{message[1]}" for message in messages if message[0] not in (0, 8)}
    return reasons, errors, bool(back), bool(through)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("appliance", [7], indirect=True)
def test_a_packet_that_breaks_stacks_does_not_break_this_one(appliance, name):
    expected, *frames = CASES[name]
    made = appliance("router.click", ["tap0", "tap1"])
    introduce(made)
    before = dropped_by_reason(made)
    made.send("tap0", *frames)
    reasons, errors, back, through = outcome(made, before)
    assert_alive(made)
    assert_every_drop_has_a_name(made)
    if expected is None:
        return
    if expected == DROPPED:
        assert reasons
        assert (back, through) == (False, False)
    elif expected in (FORWARDED, ANSWERED):
        assert not reasons
        assert (back, through) == (expected == ANSWERED, expected == FORWARDED)
    elif expected.startswith("ICMP"):
        assert errors == {expected}
        assert (back, through) == (True, False)
    else:
        assert reasons == {expected}
        assert (back, through) == (False, False)


LIES = {
    "gso_size 0": Offload(1, 1, 0, 34, 16, 54),
    "no checksum to be done": Offload(0, 1, 1448, 34, 16, 54),
    "header length past the end": Offload(1, 1, 1448, 34, 16, 65535),
    "checksum start past the end": Offload(1, 0, 0, 65000, 16, 0),
    "checksum offset past the end": Offload(1, 0, 0, 34, 65000, 0),
    "checksum ends one byte past the end": Offload(1, 0, 0, 34, 3999, 0),
    "checksum start of a segmentation past the end": Offload(1, 1, 1448, 65000, 16, 54),
    "checksum in the Ethernet header": Offload(1, 0, 0, 0, 0, 0),
    "transport header in the IP header": Offload(1, 1, 1448, 20, 16, 54),
    "transport header at the last byte": Offload(1, 1, 1448, 4033, 0, 0),
    "bad gso_type": Offload(1, 2, 1448, 34, 16, 54),
    "gso_type of all bits": Offload(1, 255, 1448, 34, 16, 54),
    "TCPv6 that is IPv4": Offload(1, 4, 1448, 34, 16, 74),
    "UDP that is TCP": Offload(1, 5, 1448, 34, 6, 42),
    "segments of one byte": Offload(1, 1, 1, 34, 16, 54),
    "all bits": Offload(255, 255, 65535, 65471, 65535, 65535),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("there", ["one device", "both devices"])
@pytest.mark.parametrize("appliance", [7], indirect=True)
def test_58_a_virtio_header_that_lies(appliance, there, name):
    """Through the router, to a device that takes offloads and to one that does not; and to the router itself."""
    made = appliance("router.click", ["tap0", "tap1"], offload=["tap0"] if there == "one device" else True)
    introduce(made)
    for fields in (THROUGH, TO_ROUTER, {**THROUGH, "destination": "192.0.2.1"}):
        segment = ether(tcp_packet(bytes(3980), **fields))
        made.send("tap0", segment, offload=LIES[name])
        made.send("tap0", segment[:60], offload=LIES[name])
    assert all(len(frame) <= 1514 for frame in made.received("tap1")) or there == "both devices"
    assert_alive(made)
    assert_every_drop_has_a_name(made)

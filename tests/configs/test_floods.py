"""Floods through the firewall and the NAT gateway, in virtual time: memory does not grow, an established connection
keeps all its packets, and every dropped packet has its reason."""

import os
import random
import struct
import sys
from pathlib import Path

import pytest

scapy = pytest.importorskip("scapy.all")
sys.path.insert(0, str(Path(__file__).parent))

from hosts import Hosts  # noqa: E402
from scapy.layers.inet import IP, TCP  # noqa: E402

from netos.kernel.memory import arena  # noqa: E402
from netos.lang import parse_config  # noqa: E402
from netos.registry import default_registry  # noqa: E402
from netos.testing.appliance import Appliance  # noqa: E402

FOLDER = Path(__file__).parents[2] / "configs"
CLIENT = "10.0.1.2"
# the server outside, what the outside may reach, what the server outside talks to
ENDS = {"firewall.click": ("10.0.2.2", ("10.0.1.80", 80), CLIENT),
        "nat-gateway.click": ("198.51.100.7", ("192.0.2.1", 8080), "192.0.2.1")}
NEAR = {"tap0": bytes.fromhex("020000000101"), "tap1": bytes.fromhex("020000000201")}
MACS = {"tap0": bytes.fromhex("02aa00000001"), "tap1": bytes.fromhex("02aa00000002")}
FRAMES, PART = 3000, 50
FRAGMENTS, FLOWS = 131072, 400


def number(address):
    return bytes(map(int, address.split(".")))


def ip(source, destination, protocol, payload, identification=0, fragment=0):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, fragment, 64, protocol, 0, source,
                         destination)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    check = ~(total + (total >> 16)) & 0xFFFF
    return header[:10] + check.to_bytes(2, "big") + header[12:] + payload



def syns(source, reached):
    return "tap1", ip(b"\x65" + source.randbytes(3), number(reached[0]), 6, struct.pack(
        "!HHIIBBHI", source.randrange(1, 65536), reached[1], source.getrandbits(32), 0, 0x50, 2, 1000, 0))


def strays(source, reached):
    return "tap1", ip(b"\x65" + source.randbytes(3), number(reached[0]), 6, struct.pack(
        "!HHIIBBHI", source.randrange(1, 65536), reached[1], source.getrandbits(32), source.getrandbits(32), 0x50,
        source.choice([0x10, 0x12, 0x11, 0x18]), 1000, 0))


def fragments(source, reached):
    return "tap1", ip(b"\x65" + source.randbytes(3), number(reached[0]), 17, source.randbytes(24),
                      source.getrandbits(16), 0x2000 | source.choice([0, 3, 100]))


def new_flows(source, reached):
    return "tap0", ip(number(f"10.0.1.{source.randrange(3, 250)}"), b"\xc6" + source.randbytes(3), 17, struct.pack(
        "!HHHH", source.randrange(1, 65536), source.randrange(1, 65536), 8, 0))


def icmp(source, reached):
    """Errors about nothing, answers to nothing, and requests to whoever may be asked."""
    kind = source.choice([0, 3, 5, 8, 11, 13])
    return "tap1", ip(b"\x65" + source.randbytes(3), number(reached[0]), 1,
                      bytes([kind]) + source.randbytes(7 + 28 * (kind in (3, 5, 11))))


def arps(source, reached):
    who = source.randbytes(6)
    return "tap1", struct.pack("!HHBBH", 1, 0x800, 6, 4, source.choice([1, 2])) + who + number(
        f"10.0.2.{source.randrange(3, 250)}") + source.choice([bytes(6), NEAR["tap1"]]) + number("10.0.2.1")


EXPECTED = {syns: {"half-open"}, strays: {"filtered"}, fragments: {"reassembly-full", "fragment-timeout"},
            new_flows: set(), icmp: {"filtered"}, arps: set()}


class Established:
    """A connection from the inside to a server outside, both of which go on talking."""

    def __init__(self, made, server, seen_as):
        self.made, self.sent = made, 0
        self.inside = Hosts(made, "tap0", NEAR["tap0"].hex(":"), MACS["tap0"].hex(":"))
        self.outside = Hosts(made, "tap1", NEAR["tap1"].hex(":"), MACS["tap1"].hex(":"))
        self.client, self.server, self.seen_as = CLIENT, server, seen_as
        self.out("S", 0, 0)
        self.back("SA", 0, 1)
        self.out("A", 1, 1)

    def out(self, flags, seq, ack, payload=b""):
        self.inside.put(IP(src=CLIENT, dst=self.server)
                        / TCP(sport=4000, dport=80, flags=flags, seq=seq, ack=ack) / payload)
        assert [bytes(packet[TCP].payload) for packet in self.outside.take() if TCP in packet] == [payload]

    def back(self, flags, seq, ack, payload=b""):
        self.outside.put(IP(src=self.server, dst=self.seen_as)
                         / TCP(sport=80, dport=4000, flags=flags, seq=seq, ack=ack) / payload)
        assert [bytes(packet[TCP].payload) for packet in self.inside.take() if TCP in packet] == [payload]

    def talk(self):
        """A packet each way arrives, among whatever else comes out."""
        for device, other, ends, ports in (("tap0", "tap1", (CLIENT, self.server), (4000, 80)),
                                           ("tap1", "tap0", (self.server, self.seen_as), (80, 4000))):
            word = b"word %05d" % self.sent
            numbers = (1 + 10 * self.sent, 1 + 10 * (self.sent + (device == "tap1")))
            segment = bytes(IP(src=ends[0], dst=ends[1]) / TCP(sport=ports[0], dport=ports[1], flags="PA",
                                                               seq=numbers[0], ack=numbers[1]) / word)
            self.made.received(other)
            self.made.send(device, NEAR[device] + MACS[device] + b"\x08\x00" + segment)
            assert sum(word in frame for frame in self.made.received(other)) == 1, f"{word} is lost"
        self.sent += 1


def resident():
    """Bytes of memory of this process; 0 under the address sanitizer, which keeps what is freed."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("flood", EXPECTED, ids=lambda flood: flood.__name__)
@pytest.mark.parametrize("file", ENDS)
def test_floods(file, flood):
    server, reached, seen_as = ENDS[file]
    definitions = {"FLOWS": str(FLOWS), "HALFOPENEACH": "100", "FRAGMENTS": str(FRAGMENTS), "LOGRATE": "1"}
    graph, diagnostics = parse_config(
        (FOLDER / file).read_text(), file, class_info=default_registry.class_info, class_names=default_registry.names,
        definitions={name: value for name, value in definitions.items() if f"${name}" in (FOLDER / file).read_text()})
    made = Appliance(graph, diagnostics=diagnostics)
    source = random.Random(flood.__name__)
    kept = Established(made, server, seen_as)
    memory = made.router.read("track.memory")
    held, sizes = [], []
    for _ in range(FRAMES // PART):
        frames: dict[str, list[bytes]] = {"tap0": [], "tap1": []}
        for _ in range(PART):
            device, packet = flood(source, reached)
            kind = b"\x08\x06" if flood is arps else b"\x08\x00"
            frames[device].append(NEAR[device] + MACS[device] + kind + packet)
        for device, each in frames.items():
            made.send(device, *each)
        kept.talk()
        held.append(made.cpu.balance["held"])
        sizes.append(resident())
    half = len(sizes) // 2
    assert max(held) < 2 * (2048 + FRAGMENTS // 2048), "more packets wait than ARP and fragments may have waiting"
    assert sizes[-1] - sizes[half] < 1 << 20, "memory grows"
    assert made.router.read("track.memory") == memory
    assert int(made.router.read("track.count")) <= FLOWS
    made.wait(40)
    kept.talk()
    drops = made.drops
    dropped = {reason for reasons in drops.values() for reason in reasons}
    assert dropped >= EXPECTED[flood], drops
    assert sum(count for reasons in drops.values() for count in reasons.values()) == made.cpu.balance["dropped"]
    made.close()
    assert made.cpu.balance["held"] == 0
    assert arena()["small_free"] > 0

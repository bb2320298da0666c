"""Valid frames, mutated by a seeded generator, sent into the appliances: none is lost, and no bad checksum gets out."""

import random

import pytest

scapy = pytest.importorskip("scapy.all")

from scapy.layers.dns import DNS, DNSQR  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, IPOption, UDPerror, fragment  # noqa: E402
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6  # noqa: E402
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1Q, Ether  # noqa: E402

from netos.checksum import checksum  # noqa: E402
from netos.drivers.memory import Offload  # noqa: E402

LEFT, RIGHT, CLIENT, SERVER = "02:00:00:00:01:01", "02:00:00:00:02:01", "02:aa:00:00:00:01", "02:aa:00:00:00:02"
EVERYBODY = "ff:ff:ff:ff:ff:ff"
IP_START = 14
LENGTH_FIELDS = ((14, 1), (16, 2), (18, 1), (19, 1), (35, 1), (36, 1), (38, 2), (46, 1))    # IP, ARP, options, L4
CHUNK = 25
TASK_RUNS = 200             # a frame may cost at most, all its consequences included


def frames():
    """Every kind of frame the appliances look at, all valid."""
    here = Ether(src=CLIENT, dst=LEFT)
    through, mine = IP(src="10.0.1.2", dst="10.0.2.2"), IP(src="10.0.1.2", dst="10.0.1.1")
    made = [
        here / through / UDP(sport=5, dport=6) / b"payload", here / through / TCP(sport=5, dport=6, flags="S"),
        here / through / UDP() / bytes(1400), here / IP(src="10.0.1.2", dst="10.0.2.2") / UDP() / bytes(3000),
        here / IP(src="10.0.1.2", dst="10.0.2.2", flags="DF") / UDP() / bytes(3000),
        here / IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / UDP(), here / IP(src="10.0.1.2", dst="192.0.2.9") / UDP(),
        here / IP(src="10.0.1.2", dst="10.0.1.7") / UDP(), here / mine / ICMP() / b"ping", here / mine / UDP(),
        here / mine / ICMP(type=3, code=4) / IPerror(bytes(IP(src="10.0.1.1", dst="10.0.1.2") / UDP())),
        here / mine / ICMP(type=5, code=1, gw="10.0.1.9") / IPerror(src="10.0.1.1", dst="10.0.1.2") / UDPerror(),
        here / through / UDP() / DNS(qd=DNSQR(qname="example.org")),
        *(here / IP(src="10.0.1.2", dst="10.0.2.2", options=[IPOption(option)]) / UDP() / b"x"
          for option in (b"\x07\x0b\x04" + bytes(8), b"\x44\x0c\x05\x00" + bytes(8), b"\x83\x07\x04\x0a\x00\x02\x02",
                         b"\x94\x04\x00\x00")),
        *(here / piece for piece in fragment(IP(src="10.0.1.2", dst="10.0.2.2", id=7) / UDP() / bytes(900), 400)),
        Ether(src=CLIENT, dst=EVERYBODY) / ARP(op=1, hwsrc=CLIENT, psrc="10.0.1.2", pdst="10.0.1.1"),
        here / ARP(op=2, hwsrc=CLIENT, psrc="10.0.1.2", hwdst=LEFT, pdst="10.0.1.1"),
        here / Dot1Q(vlan=5) / through / UDP(), here / LLC() / SNAP() / b"snap",
        here / IPv6(src="fe80::1", dst="fe80::2") / ICMPv6EchoRequest(), Ether(src=SERVER, dst=CLIENT) / b"other",
    ]
    return [bytes(frame) for frame in made]


def mutated(rng, originals):
    """One frame, changed in one to three ways; every other time its IPv4 checksum is put right again."""
    frame = bytearray(rng.choice(originals))
    for _ in range(rng.randint(0, 3)):
        way = rng.randrange(6)
        at = rng.randrange(len(frame)) if frame else 0
        if way == 0 and frame:
            frame[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            del frame[at:]
        elif way == 2:
            field, size = rng.choice(LENGTH_FIELDS)
            value = rng.choice((0, 1, rng.getrandbits(8 * size), (1 << 8 * size) - 1))
            frame[field:field + size] = value.to_bytes(size)
        elif way == 3:
            frame[at:at] = frame[at:at + rng.randrange(64)]
        elif way == 4:
            frame += rng.randbytes(rng.randrange(100))
        else:
            other = rng.choice(originals)
            frame[at:] = other[rng.randrange(len(other)):]
    header = frame[IP_START:IP_START + 4 * (frame[IP_START] & 15)] if len(frame) > IP_START else b""
    if len(header) >= 20 and rng.random() < 0.5:
        header[10:12] = bytes(2)
        frame[IP_START + 10:IP_START + 12] = checksum(bytes(header)).to_bytes(2)
    return bytes(frame)


def lie(rng, length):
    """Offload fields that may be true, nearly, or not at all."""
    return Offload(rng.choice((0, 1, 1, 1, 2, 255)), rng.choice((0, 0, 1, 1, 3, 4, 5, 0x81, 255)),
                   rng.choice((0, 1, 8, 500, 1448, 65535)), rng.choice((0, 14, 34, 34, 34, 54, length, 65400)),
                   rng.choice((0, 6, 16, 16, length, 65535)), rng.choice((0, 42, 54, 65535)))


def assert_valid(frame):
    """A frame that leaves with an IPv4 packet has a whole and right header."""
    if frame[12:14] != b"\x08\0":
        return
    header = frame[IP_START:IP_START + 4 * (frame[IP_START] & 15)]
    assert frame[IP_START] >> 4 == 4
    assert len(header) >= 20
    assert checksum(header) == 0, frame.hex()
    assert len(header) <= int.from_bytes(frame[16:18]) <= len(frame) - IP_START


def soak(made, devices, seed, count, check, offload=False):
    """Send `count` mutated frames in chunks; `check(sent, received)` looks at each chunk."""
    rng, originals = random.Random(seed), frames()
    for _ in range(count // CHUNK):
        sent = [mutated(rng, originals) for _ in range(CHUNK)]
        runs = made.cpu.task_runs
        for frame in sent:
            options = {"offload": lie(rng, len(frame))} if offload and rng.random() < 0.5 else {}
            assert made.ends[rng.choice(devices + 3 * devices[:1])].send(frame, **options)
        made.wait(0.005)
        check(sent, [frame for device in devices for frame in made.received(device)])
        assert made.cpu.task_runs - runs < TASK_RUNS * CHUNK
        balance = made.cpu.balance
        assert balance["held"] == sum(int(made.router.read(f"{name}.length")) for name, element
                                      in made.router.elements.items() if "length" in made.router.handlers(name))
        assert balance["dropped"] == sum(sum(reasons.values()) for reasons in made.drops.values())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("appliance", [7], indirect=True)
def test_the_router_under_mutated_frames(appliance, seed):
    made = appliance("router.click", ["tap0", "tap1"])
    made.send("tap1", Ether(src=SERVER, dst=EVERYBODY) / ARP(op=1, hwsrc=SERVER, psrc="10.0.2.2", pdst="10.0.2.1"))
    soak(made, ["tap0", "tap1"], seed, 4000, lambda _, out: [assert_valid(frame) for frame in out])
    assert made.cpu.balance["sent"] > 400


@pytest.mark.parametrize("there", [["tap0"], ["tap0", "tap1"]], ids=["one device", "both devices"])
@pytest.mark.parametrize("appliance", [7], indirect=True)
def test_the_router_under_mutated_frames_with_lying_offloads(appliance, there):
    made = appliance("router.click", ["tap0", "tap1"], offload=there)
    soak(made, there, 7, 4000, lambda _, out: [assert_valid(frame) for frame in out], offload=True)


@pytest.mark.parametrize("appliance", [7], indirect=True)
def test_the_bridge_under_mutated_frames_passes_what_it_got_or_nothing(appliance):
    made = appliance("bridge.click", ["tap0", "tap1"])

    def check(sent, received):
        waiting = list(sent)
        for frame in received:
            waiting.remove(frame)

    soak(made, ["tap0", "tap1"], 1, 2000, check)
    assert made.cpu.balance["sent"] > 200


@pytest.mark.parametrize("appliance", [7], indirect=True)
def test_the_responder_under_mutated_frames(appliance):
    made = appliance("ping-responder.click", ["tap0"])
    soak(made, ["tap0"], 1, 2000, lambda _, out: [assert_valid(frame) for frame in out])
    assert made.cpu.balance["sent"] > 50

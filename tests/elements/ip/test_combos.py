"""The combos do what the elements do that they stand for, packet by packet."""

import pytest

from netos.router import Router
from netos.testing.harness import ElementHarness, marked_ip
from netos.testing.ip_packets import ip_packet

INPUT = "Paint(3) -> Strip(14) -> CheckIPHeader(INTERFACES 18.26.4.9/24, BADSRC 1.1.1.1) -> GetIPAddress(16)"
OUTPUT = """
    DropBroadcasts -> p :: PaintTee(3) -> g :: IPGWOptions(18.26.4.9) -> FixIPSrc(18.26.4.9) -> d :: DecIPTTL
    -> l :: IPFragmenter(576) -> out0 :: Queue;
    p[1] -> out1 :: Queue; g[1] -> out2 :: Queue; d[1] -> out3 :: Queue; l[1] -> out4 :: Queue;
"""


def shown(packet):
    return bytes(packet), packet.paint, packet.destination, packet.network_header, packet.annotation(17, 2)


def through(text, packets, outputs):
    """What comes out of the graph `text`, whose first element is `first` and whose queues are out0, out1 …"""
    queues = " ".join(f"out{number} -> Idle;" for number in range(outputs))
    with Router.from_text(f"Idle -> {text} {queues}", simulated=10**18) as router:
        router["first"].push(0, [packet(router) if callable(packet) else router.packet(packet) for packet in packets])
        found = []
        for number in range(outputs):
            pulled = router[f"out{number}"].pull(0, 256)
            found.append([shown(packet) for packet in pulled])
            for packet in pulled:
                packet.kill()
    assert router.cpu.balance["held"] == 0
    return found


FRAMES = [b"e" * 14 + packet for packet in (
    ip_packet(b"x"), ip_packet(b"x") + b"padding", ip_packet(check=1), ip_packet(source="18.26.4.255"),
    ip_packet(source="18.26.4.255", destination="18.26.4.9"), ip_packet(source="1.1.1.1"),
    ip_packet(b"data", options=b"\1" * 4), ip_packet(version=6), ip_packet(words=15), b"short")] + [b"tiny", b""]


def test_input_combo():
    parts = through(f"first :: {INPUT} -> out0 :: Queue;", FRAMES, 1)
    whole = through("first :: IPInputCombo(3, 1.1.1.1, INTERFACES 18.26.4.9/24) -> out0 :: Queue;", FRAMES, 1)
    assert whole == parts
    assert len(whole[0]) == 4
    with ElementHarness("IPInputCombo", "3", "INTERFACES 18.26.4.9/24", "BADSRC 1.1.1.1") as harness:
        harness.push(0, FRAMES)
        assert harness.read("drops") == str(len(FRAMES) - 4)


def annotated(data, *, paint=0, fix=0, packet_type=0):
    def make(router):
        packet = marked_ip(data)(router)
        packet.paint = paint
        packet.set_annotation(18, bytes([fix]))
        packet.packet_type = packet_type
        return packet

    return make


RECORD = bytes([7, 7, 4, 0, 0, 0, 0])
PACKETS = [
    annotated(ip_packet(b"x")), annotated(ip_packet(b"x"), paint=3), annotated(ip_packet(b"x"), packet_type=1),
    annotated(ip_packet(b"x"), packet_type=2, paint=3), annotated(ip_packet(b"x"), fix=1),
    annotated(ip_packet(b"x", options=RECORD)), annotated(ip_packet(b"x", options=RECORD), paint=3, fix=1),
    annotated(ip_packet(b"x", options=bytes([7, 9, 4, 0]))), annotated(ip_packet(b"x", ttl=1)),
    annotated(ip_packet(b"x", ttl=1), fix=1, paint=3), annotated(ip_packet(b"x", ttl=0)),
    annotated(ip_packet(bytes(600), fragment=0x4000)), annotated(ip_packet(bytes(600), ttl=1)), b"unmarked",
]


@pytest.mark.parametrize("count", [1, len(PACKETS)])
def test_output_combo(count):
    for start in range(0, len(PACKETS), count):
        packets = PACKETS[start:start + count]
        parts = through(f"first :: {OUTPUT}", packets, 5)
        whole = through("first :: IPOutputCombo(3, 18.26.4.9, 576) -> out0 :: Queue; first[1] -> out1 :: Queue;"
                        "first[2] -> out2 :: Queue; first[3] -> out3 :: Queue; first[4] -> out4 :: Queue;", packets, 5)
        assert whole == parts

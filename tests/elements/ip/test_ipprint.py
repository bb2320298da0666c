"""IPPrint shows what passes, in order, and passes it unchanged."""

import pytest

from netos.errors import ConfigError
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import icmp_packet, ip_packet, tcp_packet, udp_packet

LINES = {
    "tcp": (tcp_packet(b"data"), "10.0.0.1.1000 > 10.0.0.2.2000: . 1:5(4,44,24) ack 2 win 1000"),
    "syn": (tcp_packet(flags=2), "10.0.0.1.1000 > 10.0.0.2.2000: S 1:2(1,40,20) win 1000"),
    "all flags": (tcp_packet(flags=0x3F), "10.0.0.1.1000 > 10.0.0.2.2000: SFRP 1:3(2,40,20) ack 2 win 1000 urg 0"),
    "udp": (udp_packet(b"xyz"), "10.0.0.1.1000 > 10.0.0.2.2000: udp 11"),
    "echo": (icmp_packet(8), "10.0.0.1 > 10.0.0.2: icmp echo (1, 2)"),
    "unreachable": (icmp_packet(3, 4), "10.0.0.1 > 10.0.0.2: icmp unreachable code 4"),
    "unknown icmp": (icmp_packet(99), "10.0.0.1 > 10.0.0.2: icmp type-99"),
    "other": (ip_packet(b"x", protocol=89), "10.0.0.1 > 10.0.0.2: ip-proto-89"),
    "first fragment": (udp_packet(bytes(8), fragment=0x2000), "10.0.0.1.1000 > 10.0.0.2.2000: udp 16 (frag 1:16@0+)"),
    "last fragment": (udp_packet(bytes(8), fragment=3), "10.0.0.1 > 10.0.0.2: (frag 1:16@24)"),
    "no transport header": (ip_packet(b"abc", protocol=6), "10.0.0.1 > 10.0.0.2: truncated-tcp"),
    "half a TCP header": (ip_packet(bytes(12), protocol=6), "10.0.0.1.0 > 10.0.0.2.0: truncated-tcp"),
    "short UDP": (ip_packet(bytes(7)), "10.0.0.1.0 > 10.0.0.2.0: truncated-udp"),
    "short ICMP": (ip_packet(b"\x08", protocol=1), "10.0.0.1 > 10.0.0.2: truncated-icmp"),
    "lengths that lie": (ip_packet(b"x", length=0), "10.0.0.1 > 10.0.0.2: truncated-udp"),
}


@pytest.mark.parametrize("case", LINES)
def test_lines(case, capfd):
    packet, line = LINES[case]
    with ElementHarness("IPPrint", "TIMESTAMP false") as harness:
        harness.push(0, [marked_ip(packet)])
        assert harness.outputs == [[packet]]
    assert capfd.readouterr().err == f"{line}\n"


def test_what_comes_before(capfd):
    def made(router):
        packet = marked_ip(udp_packet(b"x"))(router)
        packet.timestamp, packet.paint = 1_500_000_001, 7
        packet.set_annotation(20, bytes([0, 0, 1, 0]))
        return packet

    for arguments, start in ((('"lab el"',), "lab el: 1.500000001: "), (("PAINT true", "TIMESTAMP no"), "paint 7: "),
                             (("AGGREGATE true", "PAINT true", "TIMESTAMP no"), "#256.7: "),
                             (("TTL true", "TOS true", "ID true", "LENGTH true", "TIMESTAMP no"),
                              "id 1 ttl 64 tos 0 length 29 ")):
        with ElementHarness("IPPrint", *arguments) as harness:
            harness.push(0, [made])
        assert capfd.readouterr().err == f"{start}10.0.0.1.1000 > 10.0.0.2.2000: udp 9\n"


def test_contents_and_payload(capfd):
    packet = udp_packet(b"payload\x00of twenty-odd bytes, in letters and more of them")
    with ElementHarness("IPPrint", "TIMESTAMP no", "CONTENTS HEX", "PAYLOAD ASCII", "MAXLENGTH 50") as harness:
        harness.push(0, [marked_ip(packet)])
    _, first, _second, third, text, rest = capfd.readouterr().err.splitlines()
    assert first == "  " + packet[:24].hex(" ", -4)
    assert third == "  " + packet[48:50].hex()
    assert text == "  payload. of twent y-odd by tes, in  letters  and more"
    assert rest == "   o"


def test_swap_inactive_and_unmarked(capfd):
    with ElementHarness("IPPrint", "SWAP true", "TIMESTAMP no") as harness:
        harness.push(0, [b"unmarked", marked_ip(udp_packet())])
        harness.write("active", "false")
        assert harness.read("active") == "false"
        harness.push(0, [marked_ip(udp_packet())])
        assert len(harness.outputs[0]) == 3
    assert capfd.readouterr().err == "10.0.0.2.2000 > 10.0.0.1.1000: udp 8\n"


def test_outfile(tmp_path):
    path = tmp_path / "lines"
    with ElementHarness("IPPrint", "x", f"OUTFILE {path}") as harness:
        harness.push(0, [marked_ip(udp_packet()), marked_ip(tcp_packet())])
    assert [line.split()[-2:] for line in path.read_text().splitlines()] == [["udp", "8"], ["win", "1000"]]
    with pytest.raises(ConfigError, match="cannot write"), ElementHarness("IPPrint", f"OUTFILE {tmp_path}/no/such"):
        pass


def test_pushed_and_pulled_at_every_width(capfd):
    packets = [udp_packet(bytes([number])) for number in range(20)]
    assert run_element("IPPrint", push=[marked_ip(packet) for packet in packets]) == [packets]
    assert len(capfd.readouterr().err.splitlines()) == 6 * 20

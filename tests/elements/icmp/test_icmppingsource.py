"""ICMPPingSource sends right requests when it should, and counts each reply once."""

import pytest

from netos.checksum import checksum
from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import ElementHarness, marked_ip
from netos.testing.ip_packets import icmp_packet

ARGUMENTS = ("1.0.0.1", "2.0.0.2", "VERBOSE false")


def reply(number, identifier=0, icmp_type=0, source="2.0.0.2"):
    rest = identifier.to_bytes(2, "big") + number.to_bytes(2, "big")
    return marked_ip(icmp_packet(icmp_type, rest=rest, source=source, destination="1.0.0.1"))


def test_requests():
    with ElementHarness("ICMPPingSource", *ARGUMENTS, "INTERVAL 0.5", "IDENTIFIER 77", "DATA \\<0102>", "LIMIT 3",
                        show=lambda packet: (bytes(packet), packet.destination, packet.transport_header)) as harness:
        harness.advance(0.1)
        assert len(harness.outputs[0]) == 1, "the first at once"
        harness.advance(10)
        assert len(harness.outputs[0]) == 3
        for number, (packet, destination, transport) in enumerate(harness.outputs[0]):
            assert packet[12:20] == bytes([1, 0, 0, 1, 2, 0, 0, 2])
            assert checksum(packet[:20]) == checksum(packet[20:]) == 0
            assert packet[20:22] == b"\x08\0"
            assert packet[24:] == bytes([0, 77, 0, number, 1, 2])
            assert (destination, transport) == (bytes([2, 0, 0, 2]), 20)
        assert harness.read("count") == "3"
        harness.write("limit", "5")
        harness.write("interval", "3")
        harness.advance(1)
        assert harness.read("count") == "4"
        harness.advance(3)
        assert harness.read("count") == "5"
        harness.write("reset_counts", "")
        harness.write("dst", "9.9.9.9")
        harness.write("src", "8.8.8.8")
        harness.advance(0.1)
        assert harness.outputs[0][-1][0][12:20] == bytes([8] * 4 + [9] * 4)
        assert (harness.read("count"), harness.read("src"), harness.read("dst")) == ("1", "8.8.8.8", "9.9.9.9")


def test_replies_are_counted_once_and_strangers_not():
    with ElementHarness("ICMPPingSource", *ARGUMENTS, "LIMIT 3", inputs=1) as harness:
        harness.advance(2.5)
        harness.push(0, [reply(2), reply(2), reply(1, identifier=5), reply(1, icmp_type=8), reply(1, source="2.0.0.3"),
                         reply(3), reply(65535), b"", b"unmarked" * 9])
        assert harness.read("summary").startswith("3 packets transmitted, 1 received, 66% packet loss\n")
        assert harness.read("rtt_min") == harness.read("rtt_max") == harness.read("rtt_avg") == "0.500000"
        harness.push(0, [reply(1)])
        times = [harness.read(name) for name in ("rtt_min", "rtt_avg", "rtt_max")]
        assert times == ["0.500000", "1.000000", "1.500000"]
        assert harness.read("summary").endswith("rtt min/avg/max = 500.000/1000.000/1500.000 ms\n")


def test_mirrored_requests_count_as_replies():
    with ElementHarness("ICMPPingSource", *ARGUMENTS, "MIRROR true", inputs=1) as harness:
        harness.advance(0.1)
        harness.push(0, [reply(0), reply(0, icmp_type=8)])
        assert "1 packets transmitted, 1 received" in harness.read("summary")


def test_inactive_until_told():
    with ElementHarness("ICMPPingSource", *ARGUMENTS, "ACTIVE false") as harness:
        harness.advance(10)
        assert harness.outputs == [[]]
        harness.write("active", "true")
        harness.advance(1.5)
        harness.write("active", "false")
        harness.advance(10)
        assert len(harness.outputs[0]) == 2
        assert harness.read("active") == "false"


def test_a_ping_through_the_responder_comes_back_and_stops_the_router(capsys):
    text = "ping :: ICMPPingSource(1.0.0.1, 2.0.0.2, LIMIT 3, STOP true) -> ICMPPingResponder -> ping;"
    with Router.from_text(text, simulated=10**18) as router:
        router.cpu.advance(router.cpu.now + 10**10)
        assert router.run_count == 0
        assert router.read("ping.summary").startswith("3 packets transmitted, 3 received, 0% packet loss\n")
    assert [line.split(" time=")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"ping: 8 bytes from 2.0.0.2: icmp_seq={number} ttl=64" for number in range(3)]


@pytest.mark.parametrize("arguments", [("1.0.0.1",), ("1.0.0.1", "x"), ("1.0.0.1", "2.0.0.2", "INTERVAL 0")])
def test_nonsense_is_refused(arguments):
    with pytest.raises(ConfigError):
        ElementHarness("ICMPPingSource", *arguments)

"""FromDump: the packets of a file, all of them or those asked for, at the times asked for."""

import struct

import pytest

from netos.drivers.pcapwriter import PcapWriter
from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import START, ElementHarness

SECOND = 10**9
FIRST = 1_700_000_000 * SECOND
IP = bytes.fromhex("4500001c000000004011000001020304050607080035003500080000")
ETHER = bytes(12) + b"\x08\x00"


@pytest.fixture
def capture(tmp_path):
    """Make a file of packets (seconds after the first, bytes)."""
    def make(packets, link_type=1):
        path = tmp_path / f"made-{link_type}.pcap"
        writer = PcapWriter(str(path), link_type, nanoseconds=True)
        for seconds, data in packets:
            writer.append(data, FIRST + round(seconds * SECOND), len(data) + 5)
        writer.close()
        return str(path)
    return make


@pytest.fixture
def ten(capture):
    return capture([(number / 10, bytes([number]) * 3) for number in range(10)])


def numbers(harness):
    return [packet[0] for packet in harness.outputs[0]]


@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("width", [1, 7, 256])
def test_all_packets_with_their_times_and_lengths(ten, pulled, width):
    def show(packet):
        return bytes(packet), packet.timestamp, int.from_bytes(packet.annotation(28, 4), "little")

    with ElementHarness("FromDump", ten, pulled=pulled, width=width, show=show) as harness:
        harness.advance(1)
        harness.drain()
        assert harness.outputs == [[(bytes([number]) * 3, FIRST + number * SECOND // 10, 5) for number in range(10)]]
        assert [harness.read(name) for name in ("count", "encap", "filename", "sampling_prob")] == [
            "10", "ETHER", ten, "1"]
        assert not harness.router.cpu.runnable


@pytest.mark.parametrize(("arguments", "expected"), [
    (["START 1700000000.3"], [3, 4, 5, 6, 7, 8, 9]), (["START_AFTER 0.5"], [5, 6, 7, 8, 9]),
    (["END 1700000000.3"], [0, 1, 2]), (["END_AFTER 0.25"], [0, 1, 2]),
    (["START_AFTER 0.2", "INTERVAL 0.3"], [2, 3, 4]), (["START_AFTER 0.2", "END_AFTER 0.3"], [2]),
    (["INTERVAL 0"], []), (["SAMPLE 0"], []), (["START 1"], list(range(10))), (["ACTIVE false"], []),
])
def test_part_of_the_packets(ten, arguments, expected):
    with ElementHarness("FromDump", ten, *arguments) as harness:
        harness.advance(1)
        assert numbers(harness) == expected


def test_a_sample_is_a_share(capture):
    with ElementHarness("FromDump", capture([(0, b"x")] * 2000), "SAMPLE 0.25") as harness:
        harness.advance(1)
        assert 350 < len(harness.outputs[0]) < 650
        assert harness.read("sampling_prob") == "0.25"


def test_timing_keeps_the_distances_and_sleeps_between(ten):
    with ElementHarness("FromDump", ten, "TIMING true") as harness:
        for tenths, count in ((0.5, 1), (4.5, 5), (8.5, 9), (9.5, 10)):
            harness.advance(tenths / 10 - (harness.router.cpu.now - START) / SECOND)
            assert len(harness.outputs[0]) == count
        assert harness.router.cpu.task_runs <= 2 * 10 + 1


def test_timing_when_pulled_lets_the_puller_sleep(ten):
    with Router.from_text(f"FromDump({ten}, TIMING true) -> Unqueue -> c :: Counter -> Discard",
                          simulated=START) as router:
        router.cpu.advance(START + 450_000_000)
        assert router.read("c.count") == "5"
        router.cpu.advance(START + 3600 * SECOND)
        assert router.read("c.count") == "10"
        assert router.cpu.task_runs <= 4 * 10


def test_at_the_end_of_the_interval_it_rests_until_it_is_extended(ten):
    with ElementHarness("FromDump", ten, "INTERVAL 0.3") as harness:
        harness.advance(1)
        assert (numbers(harness), harness.read("active")) == ([0, 1, 2], "false")
        harness.write("extend_interval", "0.2")
        harness.advance(1)
        assert (numbers(harness), harness.read("active")) == ([0, 1, 2, 3, 4], "false")


def test_the_end_call_may_extend_the_interval(ten):
    with Router.from_text(f"""f :: FromDump({ten}, INTERVAL 0.3, END_CALL f.extend_interval 0.4)
                              -> c :: Counter -> Discard""", simulated=START) as router:
        router.cpu.advance(START + SECOND)
        assert router.read("c.count") == "10"


@pytest.mark.parametrize(("arguments", "count"), [("STOP true", "10"), ("STOP true, INTERVAL 0.3", "3"),
                                                  ("END_CALL stop", "10")])
def test_the_end_stops_the_router(ten, arguments, count):
    with Router.from_text(f"FromDump({ten}, {arguments}) -> c :: Counter -> Discard", simulated=START) as router:
        router.cpu.advance(START + SECOND)
        assert (router.run_count, router.read("c.count")) == (0, count)


def test_a_position_in_the_file_can_be_gone_back_to(ten):
    with ElementHarness("FromDump", ten, "INTERVAL 0.5") as harness:
        harness.advance(1)
        position = harness.read("packet_filepos")
        harness.write("filepos", position)
        assert harness.read("filepos") == position
        harness.write("extend_interval", "10")
        harness.advance(1)
        assert numbers(harness) == list(range(10))
        harness.write("filepos", position)
        harness.advance(1)
        assert numbers(harness) == [*range(10), *range(5, 10)]
    with ElementHarness("FromDump", ten, f"FILEPOS {position}") as harness:
        harness.advance(1)
        assert numbers(harness) == list(range(5, 10))


@pytest.mark.parametrize(("link_type", "link"), [
    (1, ETHER), (1, bytes(12) + b"\x81\x00\x00\x07\x08\x00"), (101, b""), (12, b""), (228, b""), (0, b"\2\0\0\0"),
    (108, b"\0\0\0\2"), (113, bytes(14) + b"\x08\x00"), (9, b"\xff\x03\x00\x21"), (9, b"\x00\x21"),
    (104, b"\x0f\x00\x08\x00"), (50, b"\xff\x03\x00\x21")])
def test_force_ip_marks_the_header(capture, link_type, link):
    path = capture([(0, link + IP)], link_type)
    with ElementHarness("FromDump", path, "FORCE_IP true",
                        show=lambda packet: (packet.network_header, packet.transport_header, len(packet))) as harness:
        harness.advance(1)
        assert harness.outputs == [[(len(link), len(link) + 20, len(link) + 28)]]


BAD = [bytes(12) + b"\x08\x06" + IP, ETHER + IP[:19], ETHER + b"\x44" + IP[1:], ETHER + b"\x4f" + IP[1:],
       ETHER + b"\x65" + IP[1:], b"", ETHER[:13], ETHER, bytes(12) + b"\x81\x00\x08"]


def test_force_ip_drops_or_diverts_the_rest(capture):
    path = capture([(number, packet) for number, packet in enumerate([*BAD, ETHER + IP])])
    with ElementHarness("FromDump", path, "FORCE_IP true") as harness:
        harness.advance(1)
        assert (harness.outputs, harness.drops) == ([[ETHER + IP]], {"not-ip": len(BAD)})
    with ElementHarness("FromDump", path, "FORCE_IP true", outputs=2) as harness:
        harness.advance(1)
        assert (harness.outputs, harness.drops) == ([[ETHER + IP], BAD], {})


def test_a_packet_no_buffer_can_hold_is_counted(capture):
    with ElementHarness("FromDump", capture([(0, bytes(200_000)), (1, b"x")])) as harness:
        harness.advance(1)
        assert (harness.outputs, harness.drops) == ([[b"x"]], {"too-big": 1})


def test_a_file_that_is_cut_off_gives_what_is_whole_and_says_so(ten, caplog):
    with open(ten, "r+b") as file:
        file.truncate(24 + 3 * 19 + 10)
    with Router.from_text(f"FromDump({ten}, STOP true) -> c :: Counter -> Discard", simulated=START) as router:
        router.cpu.advance(START + SECOND)
        assert (router.read("c.count"), router.run_count) == ("3", 0)
    assert "cut off" in caplog.text


def test_a_record_that_lies_about_its_length_ends_the_file(ten, caplog):
    with open(ten, "r+b") as file:
        file.seek(24 + 19 + 8)
        file.write(struct.pack("=I", 0xFFFFFFFF))
    with ElementHarness("FromDump", ten) as harness:
        harness.advance(1)
        assert numbers(harness) == [0]
    assert caplog.text


@pytest.mark.parametrize(("arguments", "complaint"), [
    ("START 1, START_AFTER 1", "mutually exclusive"), ("END 1, INTERVAL 1", "mutually exclusive"),
    ("END_AFTER 1, END 1", "mutually exclusive"), ("STOP true, END_CALL stop", "mutually exclusive"),
    ("SAMPLE x", "SAMPLE"), ("TIMING perhaps", "TIMING")])
def test_contradictions_are_refused(ten, arguments, complaint):
    with pytest.raises(ConfigError, match=complaint):
        Router.from_text(f"FromDump({ten}, {arguments}) -> Discard")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Router.from_text(f"FromDump({tmp_path}/none) -> Discard").initialize()

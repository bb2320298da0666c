"""ToDump writes what FromDump and scapy read."""

import pytest

from netos.drivers.pcapfile import open_capture
from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import START, ElementHarness


def stamped(data, timestamp=1_700_000_000_123_456_789, extra=0):
    def make(router):
        packet = router.packet(data)
        packet.timestamp = timestamp
        packet.set_annotation(28, extra.to_bytes(4, "little"))
        return packet
    return make


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "out.pcap")


def write(path, *arguments, push, outputs=0, **options):
    with ElementHarness("ToDump", path, *arguments, outputs=outputs, **options) as harness:
        harness.push(0, push)
        harness.drain()
        count = harness.read("count")
        shown = harness.outputs
    reader = open_capture(path)
    return [(record.timestamp, record.length, record.data) for record in reader], reader, count, shown


@pytest.mark.parametrize(("outputs", "pulled"), [(0, False), (1, False), (1, True)])
def test_what_is_written(path, outputs, pulled):
    packets = [stamped(b"abc"), stamped(b"", 5), stamped(bytes(3000), extra=7)]
    records, reader, count, shown = write(path, push=packets, outputs=outputs, pulled=pulled)
    assert records == [(1_700_000_000_123_456_789, 3, b"abc"), (5, 0, b""),
                       (1_700_000_000_123_456_789, 3007, bytes(2000))]
    assert (reader.link_type, reader.snaplen, count) == (1, 2000, "3")
    assert shown == ([[b"abc", b"", bytes(3000)]] if outputs else [])


@pytest.mark.parametrize(("arguments", "timestamp", "wire", "length", "link_type"), [
    (["SNAPLEN 2"], 789, 10, 2, 1), (["0"], 789, 10, 3, 1), (["10", "IP"], 789, 10, 3, 101),
    (["ENCAP raw"], 789, 10, 3, 101), (["ENCAP 113"], 789, 10, 3, 113), (["NANO false"], 0, 10, 3, 1),
    (["EXTRA_LENGTH false"], 789, 3, 3, 1), (["UNBUFFERED true"], 789, 10, 3, 1)])
def test_options(path, arguments, timestamp, wire, length, link_type):
    records, reader, _, _ = write(path, *arguments, push=[stamped(b"abc", extra=7)])
    assert records == [(1_700_000_000_123_456_000 + timestamp, wire, b"abc"[:length])]
    assert reader.link_type == link_type


def test_a_packet_without_a_time_gets_the_time_now(path):
    records, _, _, _ = write(path, push=[b"x"])
    assert START < records[0][0] < START + 100


def test_unbuffered_packets_are_in_the_file_at_once(path):
    with ElementHarness("ToDump", path, "UNBUFFERED true", outputs=0) as harness:
        harness.push(0, [b"x"])
        assert len(list(open_capture(path))) == 1
        harness.write("reset_counts")
        assert harness.read("count") == "0"
        assert harness.read("filename") == path


def test_a_pulled_dump_sleeps_when_there_is_nothing(path):
    with Router.from_text(f"i :: Idle -> q :: Queue -> d :: ToDump({path})", simulated=START) as router:
        router["q"].push(0, [router.packet(b"x") for _ in range(5)])
        router.cpu.advance(START + 10**9)
        assert router.read("d.count") == "5"
        runs = router.cpu.task_runs
        router.cpu.advance(START + 3600 * 10**9)
        assert router.cpu.task_runs == runs <= 7


def test_the_encapsulation_of_what_is_copied(path, tmp_path):
    first = str(tmp_path / "first.pcap")
    write(first, "ENCAP SLL", push=[b"abc"])
    with Router.from_text(f"d :: ToDump({path}, USE_ENCAP_FROM f); f :: FromDump({first}, STOP true) -> d",
                          simulated=START) as router:
        router.cpu.advance(START + 10**9)
        assert router.run_count == 0
    assert [(record.link_type, record.data) for record in open_capture(path)] == [(113, b"abc")]
    second = str(tmp_path / "second.pcap")
    write(second, push=[b"abc"])
    with pytest.raises(ConfigError, match="conflicting encapsulations ETHER and SLL"):
        Router.from_text(f"""Idle -> ToDump({path}, USE_ENCAP_FROM f g);
                             f :: FromDump({first}) -> Idle; g :: FromDump({second}) -> Idle""").initialize()


@pytest.mark.parametrize("arguments", ["ENCAP morse", "SNAPLEN -1", "USE_ENCAP_FROM nobody", "USE_ENCAP_FROM n", ""])
def test_bad_arguments_are_refused(path, arguments):
    text = f"{path}, {arguments}" if arguments else ""
    with pytest.raises(ConfigError):
        Router.from_text(f"Idle -> n :: Null -> ToDump({text})")


def test_a_file_that_cannot_be_made_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Router.from_text(f"Idle -> ToDump({tmp_path}/no/such/folder)").initialize()


def test_a_full_disk_is_said_once_and_packets_pass(caplog):
    with ElementHarness("ToDump", "/dev/full", "UNBUFFERED true", outputs=1) as harness:
        harness.push(0, [b"a", b"b"])
        harness.push(0, [b"c"])
        assert harness.outputs == [[b"a", b"b", b"c"]]
        assert harness.read("count") == "0"
    assert caplog.text.count("No space left on device") == 1

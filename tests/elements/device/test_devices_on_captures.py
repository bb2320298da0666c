"""FromDevice and ToDevice on capture files: what is read is what is written; damage is refused before anything runs."""

import pytest

from netos.drivers.pcapfile import open_capture
from netos.drivers.pcapwriter import PcapWriter
from netos.errors import ConfigError
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

PACKETS = [(1_700_000_000_000_001_000 + number * 1_000_000, bytes([number % 256]) * (60 + number))
           for number in range(300)]


@pytest.fixture
def capture(tmp_path):
    path = str(tmp_path / "in.pcap")
    writer = PcapWriter(path)
    for time, data in PACKETS:
        writer.append(data, time)
    writer.close()
    return path


@pytest.mark.parametrize("width", [1, 256])
def test_a_capture_goes_through_a_graph_into_another(capture, tmp_path, width):
    out = str(tmp_path / "out.pcap")
    cpu = VirtualCpu(10**18)
    with Router.from_text(f"f :: FromDevice(pcap:{capture}) -> Queue -> o :: ToDevice(pcap:{out})", cpu=cpu) as router:
        cpu.width = width
        cpu.advance()
        assert router["f"].count == router["o"].count == 300
        assert not router["f"].scheduled, "the end of the file must end the task"
    assert [(record.timestamp, record.data) for record in open_capture(out)] == PACKETS
    assert cpu.balance["held"] == 0


def test_a_jumbo_packet_in_a_capture_passes_and_one_no_buffer_holds_is_counted(tmp_path):
    path = str(tmp_path / "in.pcap")
    writer = PcapWriter(path)
    for size in (65550, 200000, 60):
        writer.append(bytes(size))
    writer.close()
    cpu = VirtualCpu(10**18)
    with Router.from_text(f"f :: FromDevice(pcap:{path}) -> c :: Counter -> Discard", cpu=cpu) as router:
        cpu.advance()
        assert router["c"].byte_count == 65610
        assert router["f"].drop_counts == {"bad-packet": 1}
        assert cpu.balance["dropped"] == 1


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda data: data[:-1], r"a record is cut off at byte .*\(the packets before are good"),
    (lambda data: b"nonsense" + data, "is no capture file"),
    (lambda data: data[:20] + b"\x65" + data[21:], "no Ethernet frames but link type 101"),
])
def test_a_damaged_capture_is_refused_at_the_start(capture, spoil, words):
    with open(capture, "rb") as file:
        data = file.read()
    with open(capture, "wb") as file:
        file.write(spoil(data))
    with pytest.raises(ConfigError, match=words):
        Router.from_text(f"FromDevice(pcap:{capture}) -> Discard").initialize()


def test_one_file_is_not_read_and_written_at_once(capture):
    with pytest.raises(ConfigError, match="write to another file"):
        Router.from_text(f"FromDevice(pcap:{capture}) -> ToDevice(pcap:{capture})").initialize()

"""netos trace and netos dump against an appliance on a thread: what they print, write and leave behind."""

import json
import re
import struct
import subprocess
import sys
from io import BytesIO

import pytest

from netos.cli import main
from netos.cli.pcapng import LINK_ETHERNET, LINK_RAW, PcapngWriter
from netos.cli.trace_text import changes
from netos.control.records import IP, PACKET, Record

IP_PACKET = "4500001c000100000111edc80a000001c0000207" "03e8003500080000"
TEXT = rf"""src :: RatedSource(\<{"00" * 12}0800{IP_PACKET}>, RATE 2000, LIMIT -1) -> t :: Tee -> s :: Strip(14)
    -> check :: CheckIPHeader -> ttl :: DecIPTTL -> d :: Discard; ttl[1] -> gone :: Discard;
t[1] -> q :: Queue(1) -> Idle"""


@pytest.fixture
def ask(running, capfd):
    """Run a verb against the appliance; its exit status, what it printed, and its complaints."""
    with running(TEXT) as path:
        def run(verb, *arguments):
            status = main.main([verb, "--socket", path, *arguments])
            out, error = capfd.readouterr()
            return status, out, error

        yield run
        assert run("read", "captures")[1] == "", "nothing goes on when a verb has ended"


def test_a_trace_shows_each_hop_and_the_end(ask):
    status, out, error = ask("trace", "udp", "port", "53", "-n", "2", "--wait", "0.01")
    assert (status, error) == (0, "")
    block = out.split("\n\n")[0].splitlines()
    assert block[0].endswith("10.0.0.1.1000 > 192.0.2.7.53: udp 8")
    assert re.fullmatch(r" +0\.0 µs  src -> t", block[1])
    clone = out.split("\n\n")[1].splitlines()
    assert clone[0] == "packet 2: clone of packet 1"
    assert any(re.search(r"\d µs  s -> check   Ethernet header gone; -14 bytes", line) for line in clone)
    assert any(re.search(r"ttl\[1\] -> gone", line) for line in clone)
    assert "consumed by gone (Discard)" in clone[-1]
    assert "DROPPED by q: queue-full" in out
    assert re.search(r"^2 packets and 2 clones followed: .*2 consumed", out, re.MULTILINE)
    assert re.search(r"dropped \(queue-full\)", out.splitlines()[-1])


def test_a_trace_as_json_lines(ask):
    lines = [json.loads(line) for line in ask("trace", "-n", "1", "--json", "--wait", "0.01")[1].splitlines()]
    assert lines[0]["event"] == "hop"
    assert (lines[0]["packet"], lines[0]["us"], lines[0]["edge"]) == (1, 0, "src -> t")
    assert lines[-1]["event"] == "summary"
    assert lines[-1]["packets"] == 1
    drop, = [line for line in lines if line["event"] == "drop"]
    assert (drop["element"], drop["reason"]) == ("q", "queue-full")


def test_a_filter_that_nothing_matches_finds_nothing_until_interrupted(ask, monkeypatch):
    from netos.cli import capturing

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(capturing.time, "sleep", interrupt)
    assert ask("trace", "tcp") == (0, "0 packets followed: no packet matched\n", "")
    status, out, error = ask("dump", "--text", "src", "tcp")
    assert (status, out) == (0, "")
    assert re.fullmatch(r"netos dump: 0 packets; \d+ crossed, 0 matched, 0 lost\n", error)


def test_a_trace_as_pcapng_has_an_interface_for_each_edge(ask, tmp_path):
    path = tmp_path / "x.pcapng"
    ask("trace", "-n", "1", "--pcap", str(path), "--wait", "0.01")
    blocks = list(read_blocks(path.read_bytes()))
    names = [re.search(rb"\x02\0..([\w\[\]>: -]+)", body, re.DOTALL)[1] for kind, body in blocks if kind == 1]
    assert {b"src -> t", b"s -> check", b"q drops: queue-full"} <= {name.rstrip(b"\0") for name in names}
    links = [struct.unpack_from("=H", body)[0] for kind, body in blocks if kind == 1]
    assert set(links) == {LINK_ETHERNET, LINK_RAW}
    assert sum(kind == 6 for kind, _ in blocks) >= 7


def test_a_dump_as_text_and_json(ask):
    status, out, error = ask("dump", "t[1]", "udp", "-c", "2", "--text")
    assert status == 0
    assert re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{6} \S+ > \S+: 10\.0\.0\.1\.1000 > 192\.0\.2\.7\.53: udp 8\n){2}", out)
    assert re.fullmatch(r"netos dump: 2 packets; \d+ crossed, 2 matched, 0 lost\n", error)
    found = json.loads(ask("dump", "check", "-c", "1", "--json")[1])
    assert (found["edge"], found["length"]) == ("check -> ttl", 28)
    assert bytes.fromhex(found["data"])[:9] == bytes.fromhex(IP_PACKET)[:9]
    assert " t[0] -> s: " in ask("dump", "t", "-c", "2", "--text")[1]


def test_a_dump_is_pcapng_where_no_terminal_is(ask, tmp_path):
    path = tmp_path / "x.pcapng"
    ask("dump", "src", "-c", "3", "-s", "20", "-w", str(path))
    blocks = list(read_blocks(path.read_bytes()))
    assert [kind for kind, _ in blocks] == [0x0A0D0D0A, 1, 6, 6, 6]
    interface, high, low, captured, length = struct.unpack_from("=IIIII", blocks[2][1])
    assert (interface, captured, length) == (0, 20, 42)
    assert high << 32 | low > 10**18


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("trace", "tpc"), "did you mean 'tcp'"), (("trace", "-n", "0"), "from 1 to 1000"),
    (("trace", "--wait", "-1"), "seconds"), (("dump", "nothing"), "no element is called 'nothing'"),
    (("dump", "src -> q"), "src -> t"), (("dump", "src", "-c", "0"), "from 1"), (("dump", "src", "port", "x"), "^")])
def test_refusals(ask, arguments, complaint):
    status, out, error = ask(*arguments)
    assert status > 0
    assert out == ""
    assert error.startswith(f"netos {arguments[0]}: ")
    assert complaint in error


def test_a_reader_that_goes_away_ends_the_dump(running):
    """As with `netos dump src | head -c 100`: no traceback, and nothing stays in the appliance."""
    with running(TEXT) as path:
        verb = subprocess.Popen([sys.executable, "-m", "netos", "dump", "--socket", path, "src"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert len(verb.stdout.read(100)) == 100
        verb.stdout.close()
        assert verb.wait(20) == 141
        assert verb.stderr.read() == b""
        verb.stderr.close()


def read_blocks(data):
    """The blocks of a pcapng section: (type, body)."""
    while data:
        kind, size = struct.unpack_from("=II", data)
        assert size % 4 == 0
        assert struct.unpack_from("=I", data, size - 4)[0] == size
        yield kind, data[8:size - 4]
        data = data[size:]


def test_pcapng_blocks_are_as_the_draft_says():
    file = BytesIO()
    writer = PcapngWriter(file, 64)
    writer.packet("a -> b", LINK_RAW, 5 << 32 | 7, b"abcde", 9, comment="hi", number=3)
    writer.packet("a -> b", LINK_RAW, 1, b"", 0)
    section, interface, packet, empty = read_blocks(file.getvalue())
    assert section[1][:16] == struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1)
    assert interface == (1, struct.pack("=HHI", 101, 0, 64) + b"\x02\0\x06\0a -> b\0\0"
                         + b"\x09\0\x01\0\x09\0\0\0" + bytes(4))
    assert packet == (6, struct.pack("=IIIII", 0, 5, 7, 5, 9) + b"abcde\0\0\0" + b"\x01\0\x02\0hi\0\0"
                      + b"\x05\0\x08\0" + struct.pack("=Q", 3) + bytes(4))
    assert empty == (6, struct.pack("=IIIII", 0, 0, 1, 0, 0))


def sight(data, link=IP):
    return Record(PACKET, link, 0, 1, 0, 0, len(data), None, 0, data)


def test_what_changed_is_named():
    before = bytes.fromhex(IP_PACKET)
    after = before[:8] + b"\x3f" + before[9:12] + bytes([192, 0, 2, 1]) + before[16:20] + b"\x07\xd0" + before[22:]
    assert changes(sight(before), sight(after)) == ["src 10.0.0.1 → 192.0.2.1", "ttl 1 → 63", "sport 1000 → 2000"]
    assert changes(sight(before), sight(before)) == []
    assert changes(sight(before), sight(before[:-1] + b"x")) == ["1 bytes changed"]
    assert changes(sight(before), sight(bytes(12) + b"\x08\x00" + before, 0)) == [
        "Ethernet header put in front", "+14 bytes"]

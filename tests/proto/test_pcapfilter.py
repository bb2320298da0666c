"""Filters in tcpdump's language mean what they mean to tcpdump, which is asked where it is installed."""

import importlib.util
import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from netos.args.wellknown import well_known
from netos.proto.bpf import BpfProgram
from netos.proto.pcapfilter import FilterError, compile_filter

spec = importlib.util.spec_from_file_location("pcapfilters", Path(__file__).with_name("pcapfilters.py"))
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
TCPDUMP = shutil.which("tcpdump")
with_tcpdump = pytest.mark.skipif(TCPDUMP is None, reason="tcpdump is not installed")

IP = bytes.fromhex("4500003c00010000400600000a000001c0000207")
SYN = IP + struct.pack("!HHIIBBHHH", 1000, 80, 1, 0, 0x50, 2, 1, 0, 0) + bytes(20)
FRAME = made.MACS[0] + made.MACS[1] + b"\x08\x00" + SYN
UDP = FRAME[:23] + b"\x11" + FRAME[24:36] + b"\x00\x35" + FRAME[36:]
ARP = (b"\xff" * 6 + made.MACS[1] + b"\x08\x06" + bytes.fromhex("0001080006040001") + bytes(6) + b"\x0a\0\0\1"
       + bytes(10))
VLAN = FRAME[:12] + b"\x81\x00\x00\x05" + FRAME[12:]


def reference(text):
    """The program that tcpdump compiles, not optimised; None when it refuses the filter."""
    done = subprocess.run([TCPDUMP, "-O", "-y", "EN10MB", "-ddd", "--", text], capture_output=True, text=True)
    lines = done.stdout.splitlines()[1:]
    return BpfProgram([tuple(map(int, line.split())) for line in lines]) if done.returncode == 0 else None


@with_tcpdump
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(text=made.FILTER, frames=made.FRAMES)
@example(text="not tcp port 80", frames=[FRAME[:22], FRAME[:35], FRAME])
@example(text="len ^ 2 + 3 % 5 = 1", frames=[FRAME, ARP])
@example(text="vlan and vlan 5 or ip and port 80", frames=[VLAN, FRAME])
def test_every_packet_gets_the_verdict_of_tcpdump(text, frames):
    """Also packets cut anywhere; programs are compared by what they do to packets."""
    theirs = reference(text)
    if theirs is None:
        return              # an expression that libpcap finds constant and odd, such as a shift by its own result
    ours = compile_filter(text).ether
    for frame in frames:
        assert ours.matches(frame) == theirs.matches(frame), (text, frame.hex())


CORPUS = ["tcp", "udp", "arp", "ip", "vlan", "port 80", "src port 80", "tcp dst port 80 and host 10.0.0.1",
          "udp port 53", "net 192.0.2.0/24", "not host 10.0.0.1", "tcp[13] & 2 != 0",
          "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "less 60", "greater 61", "broadcast",
          "ether src 02:00:00:00:00:02", "ip proto 17 or arp", "portrange 70-90",
          "len > 60 and (tcp or arp)", "ip[8] = 64 and not (udp or dst port 81)", "vlan 5 and tcp port 80",
          "arp host 10.0.0.1"]


@with_tcpdump
def test_the_machine_too_is_that_of_tcpdump(tmp_path):
    """The same corpus through `tcpdump -r`, which runs its own machine."""
    packets = [FRAME, UDP, ARP, VLAN, FRAME[:40]]
    path = tmp_path / "in.pcap"
    path.write_bytes(struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(
        struct.pack("=IIII", number, 0, len(packet), len(packet)) + packet for number, packet in enumerate(packets)))
    for text in CORPUS:
        done = subprocess.run([TCPDUMP, "-tt", "-nr", path, text], capture_output=True, text=True, check=True)
        theirs = {int(line.split(".")[0]) for line in done.stdout.splitlines() if line[:1].isdigit()}
        ours = compile_filter(text).ether
        assert {number for number, packet in enumerate(packets) if ours.matches(packet)} == theirs, text


@pytest.mark.parametrize(("text", "wanted"), [
    ("", "FUAV"), ("tcp", "F"), ("udp port 53", "U"), ("port 53 or 80", "FU"), ("arp", "A"), ("vlan 5 and tcp", "V"),
    ("tcp[tcpflags] & tcp-syn != 0", "F"), ("host 10.0.0.1", "FUA"), ("ip host 10.0.0.1 and not udp", "F"),
    ("ether broadcast", "A"), ("dst net 192.0.2.0/24 and (port http or port domain)", "FU"), ("ip proto tcp", "F"),
    ("src 10.0.0.0/8", "FUA"), ("1 + tcp[13] = 3", "F"),
])
def test_without_tcpdump(text, wanted):
    found = compile_filter(text, well_known).ether
    assert "".join(name for name, frame in zip("FUAV", (FRAME, UDP, ARP, VLAN)) if found.matches(frame)) == wanted


@pytest.mark.parametrize("text", ["tcp", "host 10.0.0.1", "dst port 80", "ip", "tcp[13] = 2", "len = 60", "ip[9] = 6"])
def test_packets_that_begin_with_ip(text):
    """The same filter, without the Ethernet header; `len` is what is there."""
    found = compile_filter(text).raw
    assert found.matches(SYN)
    assert not found.matches(b"\x60" + SYN[1:]) or text == "len = 60"


@pytest.mark.parametrize("text", ["ether host 02:00:00:00:00:02", "ether[0] = 2", "arp", "vlan", "broadcast"])
def test_what_asks_for_ethernet_matches_no_packet_without(text):
    assert not compile_filter(text).raw.matches(SYN)


@pytest.mark.parametrize(("text", "column", "complaint"), [
    ("tcp 80", 4, "Write 'port' before it"), ("tpc port 3", 0, "did you mean 'tcp'"), ("(tcp", 4, "')' is missing"),
    ("tcp[13] & 2 ==", 14, "is wanted here"), ("net 10.1.2.3/8", 4, "did you mean 10.0.0.0"),
    ("host router", 5, "not looked up"),
    ("tcp)", 3, "does not go on"), ("tcp and 80", 8, "what is '80'"), ("ip[0:3] = 1", 5, "1, 2 or 4"),
    ("port 70000", 5, "65535"), ("host 02:00:00:00:00:01", 5, "ether host"), ("ip broadcast", 3, "dst host"),
    ("gateway x", 0, "ether host"), ("tcp host 1.2.3.4", 9, "ports, not hosts"), ("port nosuch", 5, "port's number"),
    ("tcp[0] / 0 = 1", 7, "divides by zero"), ("tcp ; udp", 4, "nothing that a filter can have"),
    ("not", 3, "too early"),
    ("(" * 60, 50, "nested more"), ("ip" + " or ip" * 400, 1800, "at most 300 terms"), ("1" * 5000, 0, "4096"),
    ("vlan 5000", 5, "at most 4095"), ("ip proto nosuch", 9, "is no protocol"), ("tcp[1", 5, "']' is missing"),
])
def test_errors_point_at_the_place(text, column, complaint):
    with pytest.raises(FilterError, match=r"^in the filter") as caught:
        compile_filter(text)
    assert complaint in caught.value.message
    assert caught.value.column == column


@settings(max_examples=200, deadline=None)
@given(text=made.FILTER)
def test_what_can_be_written_can_be_compiled_or_is_refused_in_words(text):
    for cut in {len(text), len(text) // 2, len(text) - 1}:
        with suppress(FilterError):
            compile_filter(text[:cut])

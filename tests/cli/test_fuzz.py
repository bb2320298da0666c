"""netos fuzz finds what is broken, shrinks it, and netos replay shows it again; what is right stays clean."""

import json
import os
import subprocess
import sys

import pytest

from netos.drivers.pcapwriter import PcapWriter
from netos.fuzz import templates
from netos.fuzz.capture import read_finding

UNCHECKED = """FromDevice(tap0) -> c :: Classifier(12/0800, -);      // nobody looks at the header before it is changed
c[0] -> MarkIPHeader(14) -> DecIPTTL -> q :: Queue(1000) -> ToDevice(tap0);
c[1] -> q;"""
FRAGILE = "FromDevice(tap0) -> Fragile -> Queue(1000) -> ToDevice(tap0);"
SCRIPT = """
import ctypes, sys
import netos.fuzz.campaign, netos.fuzz.trial
from netos import PyElement
from netos.cli.main import main
from netos.registry import default_registry

netos.fuzz.campaign.PATIENCE = netos.fuzz.campaign.SHORT_PATIENCE = netos.fuzz.trial.PATIENCE = {patience}

class Fragile(PyElement):
    ports = "1/1"
    processing = "a/a"

    def process(self, packet):
        data = bytes(packet)
        if len(data) > 60 and data[50] & 3 == 3 and data[12:14] == b"\\x08\\0":
            {harm}
        return packet

default_registry.register(Fragile)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def netos(tmp_path):
    """Run the command in a process of its own, which has no packet buffers yet: (exit status, output, errors)."""
    def go(*arguments, script=None):
        command = ["-c", script] if script else ["-m", "netos"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
        done = subprocess.run([sys.executable, *command, *map(str, arguments)], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr
    return go


def found_in(tmp_path):
    return sorted(tmp_path.glob("finding-*.pcap"))


def test_a_second_of_the_stack_is_clean(netos):
    status, out, err = netos("fuzz", "stack", "--seconds", 1, "--seed", 4, "--no-scapy", "--json")
    result = json.loads(out)
    assert (status, result["findings"], err) == (0, [], "")
    assert result["reached"] > 1000
    assert result["frames"] > 2 * result["reached"]


def test_a_configuration_that_sends_wrong_headers_is_found_out(netos, tmp_path):
    (tmp_path / "x.click").write_text(UNCHECKED)
    status, out, err = netos("fuzz", "x.click", "--seconds", 20, "--rounds", 1, "--no-scapy")
    assert status == 1, err
    assert "FOUND an IP packet with a wrong" in out
    assert "1 of 64 frames suffice: netos replay finding-1000000.pcap" in out
    plan, seed, records = read_finding(str(found_in(tmp_path)[0]))
    assert (plan.target, seed, len(records)) == ("x.click", 1000000, 1)
    (tmp_path / "x.click").unlink()                 # the capture carries all that it takes
    status, out, _ = netos("replay", "finding-1000000.pcap")
    assert status == 1
    assert "FOUND an IP packet with a wrong" in out


def test_what_may_be_wrong_is_not_found(netos, tmp_path):
    (tmp_path / "x.click").write_text(UNCHECKED)
    assert netos("fuzz", "x.click", "--seconds", 20, "--rounds", 1, "--no-scapy", "--no-checksums")[0] == 0


@pytest.mark.parametrize(("harm", "name"), [
    ("ctypes.string_at(0)", "crash (SIGSEGV)"), ("while True: pass", "endless loop"),
    ("raise ValueError('no')", "Python code has failed")])
def test_what_ends_the_process_is_caught_and_shrunk(netos, tmp_path, harm, name):
    (tmp_path / "x.click").write_text(FRAGILE)
    script = SCRIPT.format(harm=harm, patience=0.2 if name == "endless loop" else 60)
    status, out, err = netos("fuzz", "x.click", "--seconds", 30, "--rounds", 1, "--no-scapy", "--shrink", 10,
                             "--proto", "icmp", "--proto", "udp", script=script)
    assert status == 1, err
    if "SIGSEGV" in name and "crash (exit status" in out:
        name = "crash (exit status"                 # the address sanitizer has made it one
    assert f"FOUND {name}" in out
    path = found_in(tmp_path)[0]
    _, _, records = read_finding(str(path))
    assert len(records) == 1
    status, out, _ = netos("replay", path, script=script)
    assert status == 1
    assert f"FOUND {name}" in out


def test_other_captures_are_replayed_into_what_is_named(netos, tmp_path):
    writer = PcapWriter(str(tmp_path / "some.pcap"))
    for second in range(3):
        writer.append(templates.ping(second), second * 10**9)
    writer.close()
    status, out, _ = netos("replay", "some.pcap", "--into", "stack")
    assert (status, out) == (0, "some.pcap: 3 frames into stack, seed 1\nnothing goes wrong\n")
    status, _, err = netos("replay", "some.pcap")
    assert status == 2
    assert "--into" in err


def test_mistakes_are_told(netos, tmp_path):
    (tmp_path / "x.click").write_text("FromDevice(tap0) -> Nonesuch -> Discard;")
    status, _, err = netos("fuzz", "x.click", "--seconds", 5)
    assert status == 3
    assert "x.click:1" in err
    assert "Nonesuch" in err
    status, _, err = netos("fuzz", "y.click")
    assert status == 2
    assert "cannot read y.click" in err
    assert netos("fuzz", "stack", "--seconds", "0")[0] == 2

"""netos fuzz finds what is broken, shrinks it, and netos replay shows it again; what is right stays clean."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netos.drivers.pcapwriter import PcapWriter
from netos.fuzz import templates
from netos.fuzz.capture import HEADER, read_finding

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
netos.fuzz.trial.WAITING = 100

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
    writer = PcapWriter(str(tmp_path / "large.pcap"))
    writer.append(bytes(70000))
    writer.close()
    status, _, err = netos("replay", "large.pcap", "--into", "stack")
    assert status == 2
    assert "large.pcap has a frame of 70000 bytes" in err       # and not: the packet buffers have leaked


def test_mistakes_are_told(netos, tmp_path):
    (tmp_path / "x.click").write_text("FromDevice(tap0) -> Nonesuch -> Discard;")
    status, _, err = netos("fuzz", "x.click", "--seconds", 5)
    assert status == 3
    assert "x.click:1" in err
    assert "Nonesuch" in err
    status, _, err = netos("fuzz", "y.click")
    assert status == 2
    assert "cannot read y.click" in err
    for option in ("--seconds", "--jobs", "--rounds", "--budget"):
        status, _, err = netos("fuzz", "stack", option, "0")
        assert (status, err) == (2, f"netos fuzz: {option} must be more than zero\n")


@pytest.mark.parametrize("plan", [{"protocols": ["nope"]}, {"protocols": 5}, {"budget": "x"}, {"nope": 1}, [1]])
def test_a_finding_that_was_tampered_with_is_refused(netos, tmp_path, plan):
    """It would be taken for a fault of netos, or for something found."""
    writer = PcapWriter(str(tmp_path / "x.pcap"))
    writer.append(HEADER + json.dumps({"plan": plan, "seed": 1}).encode())
    writer.close()
    status, _, err = netos("replay", "x.pcap")
    assert status == 2
    assert "the capture's first frame is no plan of a fuzz" in err


def test_any_seed_will_do(netos, tmp_path):
    PcapWriter(str(tmp_path / "x.pcap")).close()
    assert netos("replay", "x.pcap", "--into", "stack", "--seed", -1)[0] == 0
    assert netos("fuzz", "stack", "--seed", -1, "--rounds", 1, "--no-scapy")[0] == 0


@pytest.mark.parametrize(("number", "jobs", "status"), [
    (signal.SIGTERM, 1, 143), (signal.SIGTERM, 2, 143), (signal.SIGINT, 2, 130), (signal.SIGKILL, 2, -9)])
def test_a_signal_ends_the_children_too(tmp_path, number, jobs, status):
    """Children would go on, each with a core, until their time is over."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-m", "netos", "fuzz", "stack", "--seconds", "600", "--no-scapy", "--jobs",
                           str(jobs)], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, start_new_session=True) as process:
        children = wait_for_children(process.pid, jobs)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (status, "")
    assert ("nothing was found" in out) == (number != signal.SIGKILL)
    until = time.monotonic() + 30
    while any(is_alive(child) for child in children):
        assert time.monotonic() < until, "a child has outlived its parent"
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []


AT_FORK = """
import os, signal, sys
from pathlib import Path
from netos.fuzz.campaign import Campaign
from netos.fuzz.plan import Plan

os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
try:
    Campaign(Plan(scapy=False), Path("x"), print).run(600.0, lambda campaign: sys.exit("it goes on"))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_while_a_child_is_forked_is_one(tmp_path):
    """Raised within the hooks that Python calls after fork(), it would be forgotten: Ctrl-C would do nothing."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", AT_FORK], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def wait_for_children(pid, count):
    """The children of a process when there are so many."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(child) for child in file.read().split()]
        if len(children) == count:
            return children
        time.sleep(0.01)
    raise AssertionError("the children were not started")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_is_found_is_kept_when_its_shrinking_is_interrupted(tmp_path):
    """The finding of a night would be lost to whoever looks for it in the morning."""
    (tmp_path / "x.click").write_text(FRAGILE)
    script = SCRIPT.format(harm="while True: pass", patience=0.3)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", script, "fuzz", "x.click", "--no-scapy", "--proto", "udp"],
                          cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert "shrinking" in process.stdout.readline()
        while not found_in(tmp_path):
            time.sleep(0.01)
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "FOUND endless loop" in out
    assert "finding-1000000.pcap" in out
    assert len(read_finding(str(found_in(tmp_path)[0]))[2]) > 1


def test_a_configuration_without_a_device_is_refused(netos, tmp_path):
    """It would run for a minute and find nothing in no frames."""
    (tmp_path / "x.click").write_text("InfiniteSource -> Discard;")
    status, _, err = netos("fuzz", "x.click", "--seconds", 5)
    assert (status, err) == (2, "netos fuzz: x.click has no device that frames could go into, such as a tap of "
                                "FromDevice\n")


def test_a_directory_that_cannot_be_written_is_told_before_anything_is_found(netos, tmp_path):
    (tmp_path / "file").write_text("")
    status, out, err = netos("fuzz", "stack", "--seconds", 5, "--out", "file/findings")
    assert (status, out) == (2, "")
    assert "findings cannot be written to file/findings" in err
    assert "--out" in err


def test_replays_of_configurations_are_exact(netos, tmp_path):
    """Keys that elements draw at random, and when things happen, are those of the fuzz."""
    script = '''
import mmap, pickle, sys
from netos.fuzz.journal import Journal
from netos.fuzz.plan import Plan
from netos.fuzz.trial import made

plan = Plan(target="x", text=open(sys.argv[2]).read(), scapy=False)
journal = Journal(mmap.mmap(-1, 1 << 24))
journal.clear()
target = made(plan, 5, journal, plan.corpus())
if sys.argv[1] == "fuzz":
    target.fuzz(5000)
    with open("records", "wb") as file:
        pickle.dump(journal.records(), file)
else:
    with open("records", "rb") as file:
        target.replay(pickle.load(file))
target.finish()
print(target.frames, target.heard, target.now)
'''
    for config in (Path(__file__).parents[2] / "configs").glob("*.click"):
        first, again = (netos(verb, config, script=script) for verb in ("fuzz", "replay"))
        assert first[:2] == again[:2], config.name
        assert first[0] == 0

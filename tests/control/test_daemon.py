"""`netos run` as a process: SIGHUP, the service manager, the last good configuration, signals."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = "FromDevice(mem:a) -> c :: Counter -> Queue -> ToDevice(mem:b);\n"


class Process:
    """A running `netos run`, its control socket and the states it tells the service manager."""

    def __init__(self, tmp_path, *options):
        self.config = tmp_path / "appliance.click"
        self.where = str(tmp_path / "control.sock")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(tmp_path / "notify.sock"))
        self.notify.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify.sock"), "WATCHDOG_USEC": "200000"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netos", "run", str(self.config), "--control", self.where, *options], cwd=ROOT,
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def state(self, wanted):
        """Wait for a state of the service manager; what came with it."""
        while True:
            lines = dict(line.split("=", 1) for line in self.notify.recv(4096).decode().splitlines())
            if wanted in lines:
                return lines

    def ask(self, line):
        """One command of the control protocol; the answer's text."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(10)
            channel.connect(self.where)
            stream = channel.makefile("rwb")
            stream.readline()
            stream.write(line.encode() + b"\r\n")
            stream.flush()
            status = stream.readline().decode()
            if not line.startswith("READ") or not status.startswith("200"):
                return status.strip()
            length = int(stream.readline().split()[1])
            return stream.read(length).decode()


@contextmanager
def started(tmp_path, text, *options):
    (tmp_path / "appliance.click").write_text(text)
    made = Process(tmp_path, *options)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()
        made.notify.close()


@pytest.mark.parametrize("form", [[], ["--threaded"]], ids=["inline", "threaded"])
def test_sighup_reads_the_file_again_and_a_bad_file_changes_nothing(tmp_path, form):
    with started(tmp_path, GOOD, *form) as made:
        assert made.state("READY")["STATUS"].startswith("generation 1")
        made.config.write_text(GOOD + "extra :: Idle -> Discard;")
        made.process.send_signal(signal.SIGHUP)
        assert int(made.state("RELOADING")["MONOTONIC_USEC"]) > 0
        assert made.state("READY")["STATUS"].startswith("generation 2")
        assert "extra" in made.ask("READ list")
        made.config.write_text("FromDevice(mem:a) -> Discart;")
        made.process.send_signal(signal.SIGHUP)
        made.state("RELOADING")
        assert made.state("READY")["STATUS"].startswith("generation 2")
        assert made.ask("READ generation").strip() == "2"
        change = json.loads(made.ask("READ change"))
        assert change["done"]
        assert not change["outcome"]["accepted"]
        assert "did you mean 'Discard'" in change["outcome"]["details"]
        made.state("WATCHDOG")
        made.process.send_signal(signal.SIGTERM)
        made.state("STOPPING")
        output, errors = made.process.communicate(timeout=20)
        assert made.process.returncode == 0
        assert "Traceback" not in output + errors
        assert not os.path.exists(made.where)


def test_after_a_crash_a_refused_file_gives_way_to_what_was_good(tmp_path):
    with started(tmp_path, GOOD, "--state", str(tmp_path / "state")) as made:
        made.state("READY")
        made.process.kill()
    (tmp_path / "notify.sock").unlink()
    with started(tmp_path, "nonsense ->", "--state", str(tmp_path / "state")) as made:
        made.state("READY")
        assert made.ask("READ c.class") == "Counter"
        made.process.send_signal(signal.SIGINT)
        _, errors = made.process.communicate(timeout=20)
        assert "what was good last" in errors
    line, = audit_lines(tmp_path)
    assert (line["action"], line["accepted"], line["generation"], line["who"]) == ("fallback", False, 1, "start")
    assert (line["file"], line["instead"]) == (str(tmp_path / "appliance.click"),) * 2
    assert "what was good last" in line["message"]


def test_when_what_was_good_last_is_refused_too_the_audit_log_says_so(tmp_path):
    """A library or an element that it needs is gone, say: the two lines, and no start."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "last-good.json").write_text(json.dumps({"text": "gone :: Nothing;", "filename": "old.click",
                                                      "definitions": {}}))
    with started(tmp_path, "nonsense ->", "--state", str(state)) as made:
        _, errors = made.process.communicate(timeout=20)
        assert made.process.returncode == 3
    assert "Traceback" not in errors
    assert [(line["file"], line["generation"]) for line in audit_lines(tmp_path)] == [
        (str(tmp_path / "appliance.click"), 1), ("old.click", 0)]


def audit_lines(folder):
    return [json.loads(line) for line in (folder / "state" / "audit.log").read_text().splitlines()]


def test_a_refused_file_without_a_good_one_does_not_start(tmp_path):
    with started(tmp_path, "nonsense ->", "--state", str(tmp_path / "state")) as made:
        _, errors = made.process.communicate(timeout=20)
        assert made.process.returncode == 3
        assert "2 errors: nothing of it was started" in errors


@pytest.mark.parametrize("form", [[], ["--threaded"]], ids=["inline", "threaded"])
def test_metrics_show_what_handlers_show(tmp_path, form):
    where = str(tmp_path / "metrics.sock")
    text = GOOD + "InfiniteSource(LIMIT 5, STOP false) -> q :: Queue(3) -> Idle;"
    with started(tmp_path, text, "--metrics", where, *form) as made:
        made.state("READY")
        while made.ask("READ q.drops") != "2":
            pass
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(10)
            channel.connect(where)
            channel.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            answer = channel.makefile("rb").read().decode()
        assert 'netos_queue_length{element="q",class="Queue"} 3\n' in answer
        assert 'netos_element_drops_total{element="q",class="Queue",reason="queue-full"} 2\n' in answer
        assert json.loads(made.ask("READ counters"))["elements"]["q"]["drops"] == {"queue-full": 2}
        made.process.send_signal(signal.SIGINT)
        made.process.communicate(timeout=20)
        assert made.process.returncode == 0
        assert not os.path.exists(where)


@pytest.mark.parametrize("form", [[], ["--threaded"], ["-j", "2", "--threaded"]], ids=" ".join)
def test_a_stop_that_is_written_ends_it(tmp_path, form):
    """The thread stands still for the write, and must hear of the stop all the same."""
    with started(tmp_path, GOOD, *form) as made:
        made.state("READY")
        made.ask("WRITE stop")
        made.process.communicate(timeout=20)
        assert made.process.returncode == 0

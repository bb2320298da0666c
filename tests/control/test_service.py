"""`netos run` as a service: its log, PID file, draining, exit statuses."""

import json
import os
import signal
import subprocess
import sys

import pytest

from netos.testing.running import ROOT, RunningNetos

GOOD = "FromDevice(mem:a) -> c :: Counter -> Queue -> ToDevice(mem:b);\n"
FORMS = pytest.mark.parametrize("form", [[], ["--threaded"]], ids=["inline", "threaded"])


def netos(*arguments, **options):
    """A netos command to its end."""
    return subprocess.run([sys.executable, "-m", "netos", *arguments], cwd=ROOT, capture_output=True, text=True,
                          timeout=60, **options)


def test_the_whole_life_in_json(tmp_path):
    """Start, a reload, a refused one, the stop with its figures: what an operator's log collector gets."""
    with RunningNetos(tmp_path, GOOD, "--state", str(tmp_path / "state")) as run:
        start = run.event("start")
        assert start["fields"]["elements"] == 4
        assert start["fields"]["devices"] == ["a", "b"]
        assert start["fields"]["pid"] == run.process.pid
        run.config.write_text(GOOD + "extra :: Idle -> Discard;")
        run.process.send_signal(signal.SIGHUP)
        reload = run.event("reload")
        assert reload["fields"]["accepted"]
        assert (reload["fields"]["generation"], reload["fields"]["who"]) == (2, "SIGHUP")
        run.config.write_text("FromDevice(mem:a) -> Discart;")
        run.process.send_signal(signal.SIGHUP)
        refused = run.event("reload")
        assert (refused["level"], refused["fields"]["accepted"]) == ("warning", False)
        assert "did you mean 'Discard'" in refused["message"]
        assert run.end(signal.SIGTERM) == 0
        assert [seen["fields"]["signal"] for seen in run.events("signal")] == ["SIGTERM"]
        (stop,) = run.events("stop")
        assert stop["fields"]["balance"]["held"] == 0
        assert run.output == ""
    audit = [json.loads(line) for line in (tmp_path / "state" / "audit.log").read_text().splitlines()]
    assert [(line["action"], line["accepted"]) for line in audit] == [("reload", True), ("reload", False)]


def test_people_read_text(tmp_path):
    (tmp_path / "x.click").write_text("Idle -> Discard; Script(wait 1ms, write stop);")
    done = netos("run", str(tmp_path / "x.click"), "--control", "none")
    assert done.returncode == 0
    told = [line for line in done.stderr.splitlines() if " in one go" not in line]
    assert told == ["netos: 3 elements on no device; stop with Ctrl-C",
                    "netos: received 0, created 0, sent 0, consumed 0, dropped 0, held 0"]
    assert netos("run", str(tmp_path / "x.click"), "--control", "none", "--quiet").stderr == ""


def test_the_journal_gets_priorities(tmp_path):
    (tmp_path / "x.click").write_text("Idle -> Discard; Script(wait 1ms, write stop);")
    with (tmp_path / "journal").open("w+") as journal:
        status = os.fstat(journal.fileno())
        subprocess.run([sys.executable, "-m", "netos", "run", str(tmp_path / "x.click"), "--control", "none"], cwd=ROOT,
                       stderr=journal, timeout=60, env={**os.environ, "JOURNAL_STREAM":
                                                        f"{status.st_dev}:{status.st_ino}"})
        journal.seek(0)
        told = [line for line in journal if " in one go" not in line]       # the watchdog, on a busy machine
        assert [line[:10] for line in told] == ["<6>netos: "] * 2


@pytest.mark.parametrize(("text", "status", "event"), [
    ("nonsense ->", 3, "configuration"), ("FromDevice(pcap:/nowhere/x) -> Discard", 3, "configuration"),
    ("Script(write stop)", 0, "stop")])
def test_exit_statuses_and_their_events(tmp_path, text, status, event):
    with RunningNetos(tmp_path, text) as run:
        assert run.rest() == status
        assert run.events(event)


@pytest.mark.parametrize(("arguments", "status", "words"), [
    (["--drain", "-1"], 2, "from 0 to 3600 seconds"), (["--user", "nobody-of-this-name"], 1, "useradd"),
    (["--readable", "/tmp"], 2, "say --sandbox auto"), (["--sandbox", "on", "--writable", "/none"], 2, "make it first"),
    (["--pid-file", "/nowhere/x.pid"], 1, "make the folder first"), (["--log", "xml"], 2, "invalid choice")])
def test_wrong_options_say_what_to_do_before_anything_starts(tmp_path, arguments, status, words):
    (tmp_path / "x.click").write_text(GOOD)
    done = netos("run", str(tmp_path / "x.click"), "--control", "none", *arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failure_is_an_event_too(tmp_path):
    (tmp_path / "x.click").write_text(GOOD)
    done = netos("run", str(tmp_path / "x.click"), "--log", "json", "--control", str(tmp_path / "no" / "x"))
    assert done.returncode == 1
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["failed"]


def test_the_pid_file_says_who_runs_and_goes(tmp_path):
    path = tmp_path / "x.pid"
    with RunningNetos(tmp_path, GOOD, "--pid-file", str(path)) as run:
        run.event("start")
        assert path.read_text() == f"{run.process.pid}\n"
        second = netos("run", str(run.config), "--pid-file", str(path), "--control", "none")
        assert second.returncode == 1
        assert f"process {run.process.pid} runs already" in second.stderr
        run.process.kill()
        run.process.wait()
        assert path.exists()
    with RunningNetos(tmp_path, GOOD, "--pid-file", str(path)) as run:
        run.event("start")
        assert path.read_text() == f"{run.process.pid}\n"
        assert run.end(signal.SIGINT) == 0
    assert not path.exists()


DRAINED = """s :: InfiniteSource(LIMIT 40, STOP false) -> q :: Queue -> Shaper(200) -> Unqueue -> Discard;
more :: RatedSource(RATE 1000) -> c :: Counter -> q2 :: Queue -> Unqueue -> Discard;"""


@FORMS
def test_sigterm_stops_sources_and_lets_queues_empty(tmp_path, form):
    """Forty packets at two hundred a second: without draining most would be left."""
    with RunningNetos(tmp_path, DRAINED, "--drain", "20", *form) as run:
        run.event("start")
        while run.read("s.count") != "40":
            pass
        assert run.end(signal.SIGTERM) == 0
        (drained,) = run.events("drained")
        assert drained["fields"]["left"] == 0
        (stop,) = run.events("stop")
        assert stop["fields"]["balance"]["held"] == 0
        assert stop["fields"]["balance"]["consumed"] >= 40


@FORMS
def test_what_cannot_leave_in_time_is_told(tmp_path, form):
    with RunningNetos(tmp_path, "InfiniteSource(LIMIT 5, STOP false) -> q :: Queue -> Idle;", "--drain", "0.05",
                      *form) as run:
        run.event("start")
        while run.read("q.length") != "5":
            pass
        assert run.end(signal.SIGTERM) == 0
        (drained,) = run.events("drained")
        assert drained["level"] == "warning"
        assert drained["fields"]["queues"] == {"q": 5}
        assert "5 in q" in drained["message"]


def test_sigint_does_not_wait(tmp_path):
    with RunningNetos(tmp_path, "InfiniteSource(LIMIT 5, STOP false) -> Queue -> Idle;", "--drain", "100") as run:
        run.event("start")
        assert run.end(signal.SIGINT) == 0
        assert not run.events("drained")


@pytest.mark.parametrize(("second", "status"), [(signal.SIGINT, -2), (signal.SIGTERM, -15)])
def test_a_second_signal_ends_it_now(tmp_path, second, status):
    with RunningNetos(tmp_path, "InfiniteSource(LIMIT 5, STOP false) -> q :: Queue -> Idle;", "--drain", "100") as run:
        run.event("start")
        while run.read("q.length") != "5":
            pass
        run.process.send_signal(signal.SIGTERM)
        run.event("signal")
        assert run.end(second) == status

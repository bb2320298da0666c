"""The verbs that talk to a running appliance, over a real UNIX socket; the appliance runs on a thread."""

import io
import json
import re
import sys

import pytest

from netos.cli import drops, main, top
from netos.cli.rates import rates_between, short

TEXT = """src :: InfiniteSource(LIMIT 30, BURST 30, LENGTH 100, STOP false) -> q :: Queue(4)
    -> u :: Unqueue(ACTIVE false) -> d :: Discard; Idle -> s :: Strip(99) -> Discard"""


@pytest.fixture
def ask(running, capfd):
    """Run a verb against the appliance; its exit status, what it printed, and its complaints."""
    with running(TEXT) as path:
        def run(verb, *arguments):
            status = main.main([verb, "--socket", path, *arguments])
            out, error = capfd.readouterr()
            return status, out, error

        yield run


def test_read(ask):
    assert ask("read", "q.capacity") == (0, "4\n", "")
    assert ask("read", "1.name") == (0, "src\n", "")
    status, out, _ = ask("read", "q.length", "--json")
    assert (status, json.loads(out)) == (0, {"generation": 1, "handler": "q.length", "value": "4"})


def test_write(ask, monkeypatch):
    assert ask("write", "q.capacity", "9") == (0, "", "")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"11")))
    assert json.loads(ask("write", "q.capacity", "-", "--json")[1])["generation"] == 1
    assert ask("read", "q.capacity")[1] == "11\n"


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("read", "x.y"), "No element named 'x'; `netos read list` shows"), (("read", "srx.y"), "did you mean src?"),
    (("read", "q.x"), "No handler named 'q.x'; `netos handlers q` shows"),
    (("read", "versoin"), "did you mean version?"),
    (("write", "q.capcity", "9"), "did you mean capacity?"),
    (("write", "q.capacity", "0"), "q.capacity"), (("write", "q.length"), "can only be read"),
    (("handlers", "x*"), "no element matches 'x*': `netos read list` shows"), (("top", "--interval", "0"), "above 0"),
])
def test_refusals(ask, arguments, complaint):
    status, out, error = ask(*arguments)
    assert status > 0
    assert out == ""
    assert error.startswith(f"netos {arguments[0]}: ")
    assert complaint in error
    assert ask("read", "q.capacity")[1] == "4\n"


@pytest.mark.parametrize("verb", [("read", "x"), ("write", "x"), ("handlers",), ("top",), ("drops",)])
def test_without_an_appliance_it_says_how_to_start_one(capfd, tmp_path, verb):
    assert main.main([*verb, "--socket", str(tmp_path / "none")]) == 1
    assert "start one with 'netos run FILE'" in capfd.readouterr().err


def test_handlers(ask):
    lines = ask("handlers", "q")[1].splitlines()
    assert "q.capacity\trw" in lines
    assert "q.reset\tw" in lines
    everything = ask("handlers")[1].splitlines()
    assert {"list\tr", "counters\tr", "byte_counts\trw", *lines} <= set(everything)
    assert set(json.loads(ask("handlers", "?", "--json")[1])["handlers"]) == {"q", "u", "d", "s"}


def test_drops(ask):
    assert ask("drops") == (0, "REASON       q  TOTAL\nqueue-full  26     26\n", "")
    assert json.loads(ask("drops", "--json")[1]) == {"generation": 1, "drops": {"queue-full": {"q": 26}}}


def test_top(ask):
    status, out, _ = ask("top", "--once", "--interval", "0.001")
    assert status == 0
    assert re.search(r"^generation 1, up \d+ s, 4 packets held$", out, re.MULTILINE)
    assert re.search(r"^q +Queue +0 +0 +0 +0 +4/4$", out, re.MULTILINE)
    found = json.loads(ask("top", "--once", "--json", "--no-bytes", "--interval", "0.001")[1])
    assert found["elements"]["src"]["class"] == "InfiniteSource"
    assert ask("read", "byte_counts")[1] == "false\n", "what top switched on it switches off again"


def snap(uptime, packets, count=None, drops=None, cycles=0):
    port = [{"packets": packets, "bytes": count}]
    return {"generation": 1, "uptime": uptime, "balance": {"held": 3}, "cpus": [{"cycles": int(uptime * 1000)}],
            "elements": {"x": {"class": "X", "inputs": [], "outputs": port, "drops": drops or {},
                               "task": {"runs": 1, "cycles": cycles, "scheduled": True}}},
            "devices": {"a": {"rx": {"packets": packets, "bytes": 0, "errors": 0},
                              "tx": {"packets": 0, "bytes": packets, "errors": 1}}}}


def test_rates_are_differences_by_time():
    found = rates_between(snap(1, 100, 1000, {"loop": 1}, 0), snap(3, 300, 5000, {"loop": 2, "closed": 4}, 500))
    assert found["elements"]["x"] == {"class": "X", "in": 0, "out": 100, "bits": 16000, "drops": 2.5, "queue": None,
                                      "capacity": None, "cpu": 0.25}
    assert found["devices"]["a"] == {"rx": 100, "tx": 0, "rx_bits": 0, "tx_bits": 800, "errors": 0}


def test_a_counter_that_began_anew_is_no_negative_rate():
    assert rates_between(snap(1, 100), snap(2, 30))["elements"]["x"]["out"] == 30
    new = snap(2, 7)
    new["elements"]["y"] = new["elements"].pop("x")
    assert rates_between(snap(1, 100), new)["elements"]["y"]["out"] == 7


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0, "0"), (12.34, "12.3"), (999, "999"), (1234, "1.23k"),
                                             (999_999, "1000k"), (5e6, "5M"), (28.4e9, "28.4G"), (3e15, "3000T")])
def test_numbers_are_short(value, text):
    assert short(value) == text


def test_where_there_is_no_room_the_busiest_are_shown():
    before, after = snap(1, 0), snap(2, 0)
    for counts, factor in ((before, 0), (after, 1)):
        for number in range(50):
            counts["elements"][f"e{number}"] = {**counts["elements"]["x"],
                                                "outputs": [{"packets": number * factor, "bytes": None}]}
    lines = list(top.table(rates_between(before, after), 5))
    assert [line.split()[0] for line in lines[-3:]] == ["e47", "e48", "e49"]
    assert len(list(top.table(rates_between(before, after)))) == 55


def test_many_elements_make_a_list():
    counts = {"queue-full": {f"element{number}": number + 1 for number in range(20)}}
    assert drops.table(counts, 80)[0].split() == ["REASON", "ELEMENT", "PACKETS"]
    assert drops.table(counts, 80)[1].split() == ["queue-full", "element19", "20"]
    assert drops.table({}, 80) == ["no packet was dropped"]


def test_the_last_dropped_packets(ask):
    """Nothing is dropped meanwhile; nothing is kept afterwards."""
    status, out, _ = ask("drops", "--packets", "0")
    assert (status, out.splitlines()[-1]) == (0, "nothing was dropped meanwhile")
    assert ask("read", "drop_samples")[1] == "null\n"
    sample = {"reason": "loop", "element": "x", "text": "3 bytes: 61 6263"}
    assert drops.packet_lines([sample])[1].split(maxsplit=2) == ["loop", "x", "3 bytes: 61 6263"]

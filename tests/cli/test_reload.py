"""netos reload, confirm and rollback against a running appliance: what they print and how they exit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netos.cli.changing import who
from netos.cli.main import main

ROOT = Path(__file__).parents[2]
GOOD = "FromDevice(mem:a) -> c :: Counter -> Queue -> ToDevice(mem:b);\n"


@pytest.fixture
def appliance(tmp_path):
    """A running `netos run`; the fixture's value is its control socket."""
    (tmp_path / "first.click").write_text(GOOD)
    where = str(tmp_path / "control.sock")
    command = [sys.executable, "-m", "netos", "run", str(tmp_path / "first.click"), "--control", where,
               "--state", str(tmp_path / "state")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert "control at" in process.stderr.readline()
    yield where
    process.kill()
    process.communicate()


def run(capfd, *arguments):
    status = main(list(arguments))
    output = capfd.readouterr()
    return status, output.out, output.err


def test_the_whole_story(appliance, tmp_path, capfd):
    second, bad = tmp_path / "second.click", tmp_path / "bad.click"
    second.write_text(GOOD + "extra :: Idle -> Queue($SIZE) -> Discard;")
    bad.write_text(GOOD + "Idle -> Discart;")
    status, out, _ = run(capfd, "reload", "--socket", appliance, str(second), "SIZE=7")
    assert (status, out) == (0, "generation 2 runs\n")
    status, out, err = run(capfd, "reload", str(bad), "--socket", appliance)
    assert status == 3
    assert "generation 2 goes on" in out
    assert "bad.click:2:9" in err
    assert "did you mean 'Discard'" in err
    status, out, _ = run(capfd, "rollback", "--socket", appliance)
    assert (status, out) == (0, "generation 3 runs\n")
    status, out, _ = run(capfd, "reload", "--socket", appliance, "--confirm", "60", str(second), "SIZE=7")
    assert status == 0
    assert "confirm within 60 s" in out
    assert run(capfd, "confirm", "--socket", appliance)[0] == 0
    status, out, _ = run(capfd, "confirm", "--socket", appliance)
    assert status == 3
    assert "no change to confirm" in out
    status, out, _ = run(capfd, "rollback", "99", "--socket", appliance)
    assert status == 3
    assert "there is no generation 99" in out
    audit = [json.loads(line) for line in (tmp_path / "state" / "audit.log").read_text().splitlines()]
    assert [line["action"] for line in audit] == ["reload", "reload", "rollback", "reload", "confirm"]
    assert {line["who"] for line in audit} == {who()}


def test_without_an_appliance_it_says_how_to_start_one(tmp_path, capfd):
    (tmp_path / "x.click").write_text(GOOD)
    status, _, err = run(capfd, "reload", "--socket", str(tmp_path / "nobody.sock"), str(tmp_path / "x.click"))
    assert status != 0
    assert "netos run" in err
    assert "Traceback" not in err


def test_a_file_that_is_not_there(appliance, capfd):
    status, _, err = run(capfd, "reload", "--socket", appliance, os.devnull + "/x")
    assert status != 0
    assert "cannot read" in err


def test_new_rules_can_end_the_flows_that_they_refuse(tmp_path, capfd):
    """Three flows begin under rules that allow all; then only DNS may, then nothing is left."""
    from elements.firewall.flow_scan import first_packet

    begin = [(17, 0x0A000102, 5000, 0xC6336407, 53), (17, 0x0A000102, 5001, 0xC6336407, 99),
             (6, 0x0A000102, 4000, 0xC6336407, 443)]
    sources = "".join(f"InfiniteSource(DATA \\<{first_packet(key).hex()}>, LIMIT 1, ACTIVE $FEED, STOP false) -> all;\n"
                      for key in begin)
    file, where = tmp_path / "rules.click", str(tmp_path / "control.sock")
    file.write_text(f"""define($ALLOW all, $FEED true); all :: MarkIPHeader -> track :: ConnTrack(100)
        -> rules :: IPFilter(allow state established, allow state new and ($ALLOW), drop all)
        -> ConnTrackConfirm(track) -> Discard; {sources}""")
    process = subprocess.Popen([sys.executable, "-m", "netos", "run", str(file), "--control", where], cwd=ROOT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert "control at" in process.stderr.readline()
        while run(capfd, "flows", "--socket", where, "--count")[1] != "3 flows\n":
            assert process.poll() is None
        reload = ["reload", "--socket", where, str(file), "FEED=false"]
        assert run(capfd, *reload, "ALLOW=tcp or dst port 53")[1] == "generation 2 runs\n"
        assert run(capfd, "flows", "--socket", where, "--count")[1] == "3 flows\n"
        assert run(capfd, *reload, "ALLOW=dst port 53", "--kill-states=changed")[1] == \
            "generation 3 runs; 2 flows killed\n"
        assert "> 198.51.100.7:53" in run(capfd, "flows", "--socket", where)[1]
        assert run(capfd, *reload, "ALLOW=dst port 53", "--kill-states=all")[1].endswith("; 1 flow killed\n")
        assert run(capfd, *reload, "--kill-states=some")[0] == 2
    finally:
        process.kill()
        process.communicate()

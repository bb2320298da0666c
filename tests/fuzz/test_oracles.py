"""Every oracle of the fuzzer hears of the defect it is there for; without that it would be decoration.

Each defect is planted in a stack, or in an element, by netos.testing.broken. A campaign has to find it, shrink it and
write it down; what was written has to show it again, and nothing when the defect is gone. All this takes processes that
have no packet buffers: one makes all campaigns, others replay by the command that was printed.
"""

import ctypes
import json
import os
import subprocess
import sys

import pytest

PREPARE = """
import json, sys
from pathlib import Path

import netos.fuzz.campaign as campaigns
import netos.fuzz.fuzzed_host as host
import netos.fuzz.readers as readers
import netos.fuzz.trial as trials
from netos.fuzz.capture import read_finding
from netos.fuzz.plan import Plan
from netos.registry import default_registry
from netos.testing.broken import Broken, BrokenStack, break_stack

default_registry.register(Broken)
campaigns.GROWTH = 12 << 20
host.Made = BrokenStack
"""
CAMPAIGNS = PREPARE + """
def read_dns(self, data, now):
    if data[-1:] == b"\\3":
        raise ValueError("planted")

def look(target, defect):
    plan = Plan(scapy=False, budget=2.0 if defect == "heap" else 0.1, protocols=["udp", "dns"])
    if target == "element":
        plan.target, plan.text = defect, f"FromDevice(tap0) -> Broken({defect}) -> Queue(1000) -> ToDevice(tap0);"
    break_stack(defect if target == "stack" and defect != "python" else "none")
    readers.Readers.read_dns = read_dns if defect == "python" else sound
    trials.PATIENCE = campaigns.PATIENCE = campaigns.SHORT_PATIENCE = 0.2 if defect in ("spin", "wait") else 30.0
    trials.WAITING = 3 if defect == "wait" else 100
    campaigns.ROUND.update({True: 40_000, False: 40_000 if defect == "lose-all" else 10_000})
    rounds = {"heap": None, "pieces": 5}.get(defect, 1)         # the fifth, at the latest, has a small link
    campaigns.FINDINGS = 1
    said = []
    campaign = campaigns.Campaign(plan, Path(f"{target}-{defect}"), said.append, rounds=rounds,
                                  shrinking=1.0 if defect == "lose-all" else 10.0)
    found = campaign.run(30.0, lambda campaign: None)
    if not found:
        return {"reason": None}
    report = vars(found[0])
    plan, seed, records = read_finding(report["path"])
    report["again"] = trials.trial(plan, seed, records, plan.corpus())
    break_stack("none")
    readers.Readers.read_dns = sound
    report["without"] = trials.trial(plan, seed, records, plan.corpus()) if target == "stack" else None
    return report

sound = readers.Readers.read_dns
print(json.dumps({f"{target} {defect}": look(target, defect) for target, defect in json.loads(sys.argv[1])}))
"""
REPLAY = PREPARE + """
from netos.cli.main import main
break_stack(sys.argv.pop(1))
sys.exit(main(sys.argv[1:]))
"""
STACK = {       # defect: what is found, frames that suffice at most
    "leak": ("packets have leaked: more are held than lie in queues", 1),
    "uncounted": ("packets were counted as gone that still lie in queues", 1),
    "lose": ("buffers were lost: the pools are not full again", 1),
    "lose-all": ("no packet buffer is free: they have leaked", None),
    "spin": ("endless loop", 1),
    "wait": ("it waits for ever", 1),
    "crash": ("crash (SIGSEGV)", 1),
    "slow": ("a batch of frames took too long", 1),
    "standstill": ("time stands still: the stack's timers never end", 1),
    "sequences": ("SND.UNA, SND.NXT and the highest sequence number sent are out of order", 12),
    "buffers": ("a connection's buffer holds more than its limit", 12),
    "segments": ("a connection can send nothing any more: its segment size or congestion window is gone", 12),
    "pings": ("the host answers pings no more", 0),
    "pieces": ("the answer to a large ping is not what was asked for", 12),     # a path that was told to be small
    "syns": ("the host accepts connections no more", 0),
    "data": ("a new connection carries no data", 0),
    "checksums": ("a UDP datagram with a wrong checksum was sent", 2),
    "keep": ("connections are left an hour after all was closed", 1),
    "at-close": ("packets were left when all was closed", 0),
    "python": ("DNS: ValueError: planted", 1),
    "heap": ("memory grows", None)}
ELEMENT = {     # what ends the process is in tests/cli/test_fuzz.py
    "leak": ("packets were left when all was closed", 1),
    "lose": ("buffers were lost: the pools are not full again", 1),
    "lose-all": ("no packet buffer is free: they have leaked", None),
    "slow": ("a batch of frames took too long", 1),
    "mute": ("nothing comes out any more, whatever is sent", 1),
    "heap": ("memory grows", None)}
if hasattr(ctypes.CDLL(None), "__asan_init"):        # reading past a packet's end is seen in the asan build alone
    STACK["read-past"] = ELEMENT["read-past"] = ("crash (SIGABRT)", 1)
ALL = [(target, defect, *expected) for target, table in (("stack", STACK), ("element", ELEMENT))
       for defect, expected in table.items()]


def run(place, script, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
    return subprocess.run([sys.executable, "-c", script, *arguments], cwd=place, env=environment, capture_output=True,
                          text=True, timeout=300)


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory):
    """What each campaign has found, and where."""
    place = tmp_path_factory.mktemp("campaigns")
    done = run(place, CAMPAIGNS, json.dumps([row[:2] for row in ALL]))
    assert done.returncode == 0, done.stderr
    return place, json.loads(done.stdout)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("target", "defect", "what", "most"), ALL, ids=[f"{row[0]}-{row[1]}" for row in ALL])
def test_a_defect_is_found_shrunk_and_shown_again(campaigns, target, defect, what, most):
    found = campaigns[1][f"{target} {defect}"]
    if what.startswith("crash") and "exit status" in found["reason"]:
        what = found["reason"]                      # the address sanitizer has made it one
    assert found["reason"].split(": from")[0] == what
    if most is None:                                # it takes rounds, or each frame of one
        return
    assert found["reproduced"]
    assert found["again"] == what
    assert found["frames"] <= most
    assert found["without"] is None


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("target", "defect"), [("stack", "sequences"), ("stack", "crash"), ("element", "lose")])
def test_a_capture_is_shown_again_by_a_fresh_process(campaigns, target, defect):
    place, found = campaigns
    path = found[f"{target} {defect}"]["path"]
    done = run(place, REPLAY, defect if target == "stack" else "none", "replay", path)
    assert done.returncode == 1, done.stderr
    assert f"FOUND {found[f'{target} {defect}']['reason']}" in done.stdout

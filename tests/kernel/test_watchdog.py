"""The watchdog names who has kept everything else waiting: in a task, in a timer, or when a device was read."""

import logging
import time

import pytest

from netos.drivers.devices import give_device
from netos.drivers.memory import memory_pair
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

TASK = "culprit :: InfiniteSource(LIMIT 1) -> Discard"
TIMER = "culprit :: TimedSource(0.000001, LIMIT 1) -> Discard"
DEVICE = "culprit :: FromDevice(d) -> Discard"


def watched(text, allowed):
    """What the watchdog says when a run may take that many nanoseconds."""
    cpu = VirtualCpu()
    cpu.overrun = allowed
    outside, inside = memory_pair("d-outside", "d")
    give_device(cpu, inside)
    named = []
    cpu.on_overrun = lambda element, nanoseconds: named.append((element.name, nanoseconds > allowed))
    with Router.from_text(text, cpu=cpu):
        outside.send(b"x" * 60)
        until = time.monotonic() + 0.002
        while time.monotonic() < until:         # the time stamp counter's rate is known after a millisecond
            cpu.run()
    return named


@pytest.mark.parametrize("text", [TASK, TIMER, DEVICE], ids=["task", "timer", "device"])
def test_it_names_the_element(text):
    assert ("culprit", True) in watched(text, 1)
    assert watched(text, 10**12) == []


def test_without_a_listener_the_log_hears_of_it_less_and_less_often(caplog):
    cpu = VirtualCpu()
    cpu.overrun = 1
    text = "slow :: InfiniteSource(LIMIT 20) -> Discard"
    with caplog.at_level(logging.WARNING, "netos.kernel"), Router.from_text(text, cpu=cpu):
        for _ in range(40):
            cpu.run_tasks_once()
    said = [record.getMessage() for record in caplog.records if record.name == "netos.kernel"]
    assert all(line.startswith("slow ran for") for line in said)
    assert len(said) == 5               # 1, 2, 4, 8, 16
    assert cpu.overruns["slow"] >= 20

"""Tasks run by stride scheduling: shares follow tickets, and sleeping saves up nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.kernel.vcpu import VirtualCpu
from netos.testing.kernel import KernelTask


@pytest.fixture
def cpu() -> VirtualCpu:
    return VirtualCpu(0)


def busy(cpu: VirtualCpu, log: list[str], name: str, tickets: int = 1024) -> KernelTask:
    """A task that is always runnable."""

    def run(task: KernelTask) -> bool:
        log.append(name)
        task.schedule()
        return True

    task = KernelTask(cpu, run, name)
    task.tickets = tickets
    task.schedule()
    return task


def test_three_to_one_tickets_give_three_to_one_runs_at_every_moment(cpu: VirtualCpu) -> None:
    log: list[str] = []
    tasks = busy(cpu, log, "a", 3000), busy(cpu, log, "b", 1000)
    cpu.run_tasks_once(4000)
    assert Counter(log) == {"a": 3000, "b": 1000}
    for end in range(1, len(log)):
        assert abs(log[:end].count("a") - 3 * end / 4) <= 2 if end < 200 else True
    assert [task.runs for task in tasks] == [3000, 1000]


@given(st.lists(st.integers(1, 32768), min_size=2, max_size=6))
def test_shares_follow_tickets(tickets: list[int]) -> None:
    cpu = VirtualCpu(0)
    log: list[str] = []
    tasks = [busy(cpu, log, str(number), share) for number, share in enumerate(tickets)]
    runs = 500
    cpu.run_tasks_once(runs)
    for task, share in zip(tasks, tickets, strict=True):
        assert abs(task.runs - runs * share / sum(tickets)) <= len(tickets) + 1 + runs * 0.001


def test_equal_tasks_take_turns_in_the_order_they_came(cpu: VirtualCpu) -> None:
    log: list[str] = []
    tasks = [busy(cpu, log, name) for name in "abc"]
    cpu.run_tasks_once(9)
    assert "".join(log) == "abcabcabc"
    assert len(tasks) == cpu.runnable == 3


def test_a_task_that_slept_saves_up_no_credit(cpu: VirtualCpu) -> None:
    log: list[str] = []
    tasks = [busy(cpu, log, "busy"), busy(cpu, log, "sleeper")]
    tasks[1].cancel()
    cpu.run_tasks_once(1000)
    del log[:]
    tasks[1].schedule()
    cpu.run_tasks_once(20)
    assert Counter(log) == {"busy": 10, "sleeper": 10}


def test_waking_itself_again_and_again_buys_no_more_than_a_share(cpu: VirtualCpu) -> None:
    log: list[str] = []

    def greedy(task: KernelTask) -> bool:
        log.append("greedy")
        task.schedule()
        task.cancel()
        task.schedule()
        return True

    tasks = [busy(cpu, log, "modest"), KernelTask(cpu, greedy, "greedy")]
    tasks[1].schedule()
    cpu.run_tasks_once(100)
    assert Counter(log)["modest"] >= 50


def test_a_task_is_on_the_queue_once_and_cancelled_whole(cpu: VirtualCpu) -> None:
    log: list[str] = []
    task = KernelTask(cpu, lambda task: log.append(task.name) is None, "once")
    task.schedule()
    task.schedule()
    assert cpu.runnable == 1
    assert cpu.run_tasks_once(5) == 1
    task.schedule()
    task.cancel()
    task.cancel()
    assert cpu.run_tasks_once(5) == 0
    assert log == ["once"]
    assert not task.scheduled


def test_tickets_are_kept_within_click_s_range(cpu: VirtualCpu) -> None:
    task = KernelTask(cpu, lambda _task: True)
    assert task.tickets == 1024
    task.tickets = 0
    assert task.tickets == 1
    task.tickets = 1 << 20
    assert task.tickets == 32768


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["schedule", "cancel", "run"])), max_size=80))
def test_the_run_queue_agrees_with_a_sorted_list(actions: list[tuple[int, str]]) -> None:
    """Tasks that do not reschedule themselves run in the order they were scheduled, whatever was cancelled between."""
    cpu = VirtualCpu(0)
    log: list[int] = []
    tasks = [KernelTask(cpu, lambda task: log.append(task.name) is None, number) for number in range(8)]
    waiting: list[int] = []
    expected: list[int] = []
    for number, action in actions:
        if action == "schedule":
            tasks[number].schedule()
            if number not in waiting:
                waiting.append(number)
        elif action == "cancel":
            tasks[number].cancel()
            if number in waiting:
                waiting.remove(number)
        elif waiting:
            expected.append(waiting.pop(0))
            cpu.run_tasks_once(1)
        assert cpu.runnable == len(waiting)
    assert log == expected

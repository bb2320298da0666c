"""Locks, conditions and semaphores hand over in order, to one task at a time, and lose no wake-up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.kernel.sync import Condition, Lock, Semaphore
from netos.kernel.vcpu import VirtualCpu
from netos.testing.kernel import KernelTask, KernelTimer, notify, notify_all


@pytest.fixture
def cpu() -> VirtualCpu:
    return VirtualCpu(0)


def idle_task(cpu: VirtualCpu, name: str = "") -> KernelTask:
    return KernelTask(cpu, lambda _task: True, name)


def run(cpu: VirtualCpu) -> None:
    """Run tasks until none is runnable."""
    while cpu.run_tasks_once(1):
        pass


def test_three_tasks_get_a_lock_in_the_order_they_asked(cpu: VirtualCpu) -> None:
    lock = Lock(cpu, "table")
    order: list[str] = []

    def visit(task: KernelTask) -> bool:
        if not task.acquire(lock):
            return False
        order.append(task.name)
        assert lock.owner is task
        timers.append(KernelTimer(cpu, lambda _timer: task.release(lock)))
        timers[-1].schedule(cpu.now + 1000)
        return True

    timers: list[KernelTimer] = []

    tasks = [KernelTask(cpu, visit, name) for name in "abc"]
    for task in tasks:
        task.schedule()
    cpu.run_tasks_once(3)
    assert (lock.owner, lock.waiters) == (tasks[0], tasks[1:])
    cpu.advance()
    assert order == ["a", "b", "c"]
    assert (lock.owner, lock.waiters) == (None, [])
    assert lock.statistics == {"acquisitions": 3, "contentions": 2, "wait_total": 3000, "wait_maximum": 2000}
    assert [task.runs for task in tasks] == [1, 2, 2], "a wake-up was in vain, or a task spun"


def test_a_lock_handed_over_cannot_be_taken_by_a_task_that_runs_earlier(cpu: VirtualCpu) -> None:
    lock, first, second, thief = Lock(cpu), idle_task(cpu), idle_task(cpu), idle_task(cpu)
    assert first.acquire(lock)
    assert not second.acquire(lock)
    assert first.release(lock)
    assert not thief.acquire(lock)
    assert not first.acquire(lock)
    assert lock.owner is second
    assert lock.waiters == [thief, first]


def test_only_the_owner_releases_and_asking_twice_is_harmless(cpu: VirtualCpu) -> None:
    lock, owner, other = Lock(cpu), idle_task(cpu), idle_task(cpu)
    assert not other.release(lock)
    assert owner.acquire(lock)
    assert owner.acquire(lock)
    assert not other.acquire(lock)
    assert not other.acquire(lock)
    assert not other.release(lock)
    assert lock.waiters == [other]
    assert owner.release(lock)
    assert not owner.release(lock)
    assert lock.owner is other
    assert lock.statistics["contentions"] == 1


def test_a_task_that_goes_away_gives_its_place_and_its_lock_back(cpu: VirtualCpu) -> None:
    lock, first, second, third = Lock(cpu), idle_task(cpu), idle_task(cpu), idle_task(cpu)
    first.acquire(lock)
    second.acquire(lock)
    third.acquire(lock)
    second.withdraw(lock)
    assert lock.waiters == [third]
    first.withdraw(lock)
    assert lock.owner is third
    assert third.scheduled
    second.withdraw(lock)
    assert lock.owner is third


def test_a_task_waits_for_one_thing_at_a_time(cpu: VirtualCpu) -> None:
    taken, free, owner, waiter = Lock(cpu), Lock(cpu), idle_task(cpu), idle_task(cpu)
    owner.acquire(taken)
    assert not waiter.acquire(taken)
    assert not waiter.acquire(free)
    assert not waiter.acquire(Semaphore(cpu, 1))
    assert free.owner is None
    assert free.waiters == []


def test_a_lock_that_ends_lets_its_waiters_go(cpu: VirtualCpu) -> None:
    lock, owner, waiter = Lock(cpu), idle_task(cpu), idle_task(cpu)
    owner.acquire(lock)
    waiter.acquire(lock)
    for task in (owner, waiter):
        task.asked.clear()
    del lock
    assert waiter.acquire(Lock(cpu))


def test_a_condition_gives_the_lock_up_and_back(cpu: VirtualCpu) -> None:
    lock = Lock(cpu)
    condition = Condition(lock)
    consumer, producer = idle_task(cpu, "consumer"), idle_task(cpu, "producer")
    assert not consumer.wait(condition), "waited without the lock"
    assert consumer.acquire(lock)
    assert not producer.acquire(lock)
    assert consumer.wait(condition)
    assert lock.owner is producer
    assert condition.waiters == [consumer]
    assert not consumer.acquire(lock), "the lock was taken while waiting for the condition"
    assert notify(condition)
    assert (lock.owner, lock.waiters, condition.waiters) == (producer, [consumer], [])
    assert not consumer.scheduled
    producer.release(lock)
    assert consumer.scheduled
    assert consumer.acquire(lock)
    assert not notify(condition)


def test_a_notified_task_runs_at_once_when_the_lock_is_free(cpu: VirtualCpu) -> None:
    lock = Lock(cpu)
    condition = Condition(lock)
    tasks = [idle_task(cpu, name) for name in "abc"]
    for task in tasks:
        assert task.acquire(lock)
        assert task.wait(condition)
    assert notify_all(condition) == 3
    assert lock.owner is tasks[0]
    assert lock.waiters == tasks[1:]
    assert [task.scheduled for task in tasks] == [True, False, False]


def test_a_semaphore_hands_units_over_in_order(cpu: VirtualCpu) -> None:
    semaphore = Semaphore(cpu, 2)
    tasks = [idle_task(cpu, name) for name in "abcd"]
    assert [task.acquire(semaphore) for task in tasks] == [True, True, False, False]
    assert semaphore.waiters == tasks[2:]
    assert tasks[0].release(semaphore)
    assert tasks[2].scheduled
    assert not tasks[0].acquire(semaphore), "a unit that was handed over was taken by somebody else"
    assert tasks[2].acquire(semaphore)
    assert not tasks[2].acquire(semaphore), "one unit was taken twice"
    assert semaphore.value == 0


def test_a_semaphore_keeps_its_maximum(cpu: VirtualCpu) -> None:
    semaphore, task = Semaphore(cpu, 1, 1), idle_task(cpu)
    assert not task.release(semaphore)
    assert semaphore.value == 1
    with pytest.raises(ValueError, match="at most 1"):
        Semaphore(cpu, 2, 1)


def test_a_unit_handed_to_a_task_that_goes_away_goes_on(cpu: VirtualCpu) -> None:
    semaphore = Semaphore(cpu, 1)
    first, second, third = (idle_task(cpu) for _ in range(3))
    first.acquire(semaphore)
    second.acquire(semaphore)
    third.acquire(semaphore)
    first.release(semaphore)
    second.withdraw(semaphore)
    assert third.acquire(semaphore)
    third.release(semaphore)
    assert semaphore.value == 1


class Schedule:
    """Tasks that share a lock, a condition and a semaphore, run as an arbitrary schedule has it.

    Each task goes through its list of visits. In a visit it takes the lock (or a unit), keeps it for some runs and
    gives it back. Between runs the schedule wakes tasks for no reason, as notifiers may.
    """

    def __init__(self, cpu: VirtualCpu, visits: list[list[tuple[str, int]]], units: int) -> None:
        self.cpu = cpu
        self.lock = Lock(cpu)
        self.semaphore = Semaphore(cpu, units)
        self.units = units
        self.inside: dict[str, set[KernelTask]] = {"lock": set(), "unit": set()}
        self.finished = 0
        self.tasks = [KernelTask(cpu, self.body(list(plan)), str(number)) for number, plan in enumerate(visits)]

    def body(self, plan: list[tuple[str, int]]) -> Any:
        left = 0

        def run(task: KernelTask) -> bool:
            nonlocal left
            if not plan:
                return False
            kind, length = plan[0]
            what = self.lock if kind == "lock" else self.semaphore
            inside = self.inside[kind]
            if task not in inside:
                if not task.acquire(what):
                    return False
                inside.add(task)
                left = length
                assert len(inside) <= (1 if kind == "lock" else self.units)
            if left:
                left -= 1
            else:
                inside.remove(task)
                assert task.release(what)
                plan.pop(0)
                self.finished += not plan
            task.schedule()
            return True

        return run


VISITS = st.lists(st.lists(st.tuples(st.sampled_from(["lock", "unit"]), st.integers(0, 3)), min_size=1, max_size=4),
                  min_size=1, max_size=5)


@given(VISITS, st.integers(1, 3), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=20))
def test_no_schedule_loses_a_wakeup_or_lets_two_in(visits: list[list[tuple[str, int]]], units: int,
                                                   wakes: list[tuple[int, int]]) -> None:
    cpu = VirtualCpu(0)
    schedule = Schedule(cpu, visits, units)
    tasks = schedule.tasks
    for task in tasks:
        task.schedule()
    for number, runs in wakes:
        cpu.run_tasks_once(runs)
        tasks[number % len(tasks)].schedule()
    run(cpu)
    assert [task.error for task in tasks] == [None] * len(tasks)
    assert schedule.finished == len(tasks), "somebody waits for ever"
    assert (schedule.lock.owner, schedule.lock.waiters, schedule.semaphore.waiters) == (None, [], [])
    assert schedule.semaphore.value == units
    kinds = [kind for plan in visits for kind, _ in plan]
    assert schedule.lock.acquisitions == kinds.count("lock")
    assert schedule.semaphore.acquisitions == kinds.count("unit")


@given(st.integers(1, 4), st.lists(st.sampled_from(["put", "take", "run"]), max_size=60), st.integers(1, 3))
def test_producers_and_consumers_on_a_condition_move_every_item(consumers: int, actions: list[str],
                                                                 capacity: int) -> None:
    cpu = VirtualCpu(0)
    lock = Lock(cpu)
    filled = Condition(lock)
    items: list[int] = []
    wanted = [0] * consumers
    taken: list[int] = []

    def consume(number: int) -> Any:
        def run(task: KernelTask) -> bool:
            while wanted[number]:
                if not task.acquire(lock):
                    return False
                if not items:
                    assert task.wait(filled)
                    return True
                taken.append(items.pop(0))
                wanted[number] -= 1
                assert task.release(lock)
            return True

        return run

    def produce(task: KernelTask) -> bool:
        if not task.acquire(lock):
            return False
        items.append(len(items) + len(taken))
        notify(filled)
        assert task.release(lock)
        return True

    tasks = [KernelTask(cpu, consume(number), str(number)) for number in range(consumers)]
    producer = KernelTask(cpu, produce, "producer")
    turn = 0
    for action in actions:
        if action == "put":
            run(cpu)
            producer.schedule()
        elif action == "take":
            wanted[turn % consumers] += 1
            tasks[turn % consumers].schedule()
            turn += 1
        else:
            cpu.run_tasks_once(capacity)
    run(cpu)
    assert [task.error for task in [*tasks, producer]] == [None] * (consumers + 1)
    puts, takes = actions.count("put"), actions.count("take")
    assert taken == list(range(min(puts, takes)))
    assert sum(wanted) == takes - len(taken)
    assert lock.owner is None

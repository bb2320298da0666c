"""Timers expire in order of time and, among equals, in the order they were set; exactly, under virtual time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netos.kernel.vcpu import VirtualCpu
from netos.testing.kernel import KernelTimer


def timers(cpu: VirtualCpu, count: int, log: list[tuple[int, int]]) -> list[KernelTimer]:
    """Timers that write down the time and their number when they expire."""
    return [KernelTimer(cpu, lambda timer: log.append((cpu.now, timer.name)), number) for number in range(count)]


ACTIONS = st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(1, 20))), max_size=60)


@given(ACTIONS)
def test_expiry_is_by_time_then_by_order_of_setting(actions: list[tuple[int, int | None]]) -> None:
    cpu = VirtualCpu(0)
    log: list[tuple[int, int]] = []
    made = timers(cpu, 10, log)
    due: dict[int, tuple[int, int]] = {}
    for sequence, (number, when) in enumerate(actions):
        if when is None:
            made[number].cancel()
            due.pop(number, None)
        else:
            made[number].schedule(when)
            due[number] = (when, sequence)
        assert [timer.scheduled for timer in made] == [number in due for number in range(10)]
        assert cpu.next_timeout == (min(due.values())[0] if due else None)
    cpu.advance()
    assert log == [(due[number][0], number) for number in sorted(due, key=lambda number: due[number])]


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(0, 60))
def test_advancing_runs_what_is_due_and_nothing_else(times: list[int], until: int) -> None:
    cpu = VirtualCpu(0)
    log: list[tuple[int, int]] = []
    made = timers(cpu, len(times), log)
    for timer, when in zip(made, times, strict=True):
        timer.schedule(when)
    cpu.advance(until)
    assert sorted(number for _, number in log) == [number for number, when in enumerate(times) if when <= until]
    assert cpu.now == until


def test_a_timer_may_set_itself_again() -> None:
    cpu = VirtualCpu(0)
    ticks: list[int] = []

    def tick(timer: KernelTimer) -> None:
        ticks.append(cpu.now)
        timer.schedule(cpu.now + 100)

    timer = KernelTimer(cpu, tick)
    timer.schedule(100)
    cpu.advance(450)
    assert ticks == [100, 200, 300, 400]


def test_an_expiry_may_cancel_another_timer_of_the_same_moment() -> None:
    cpu = VirtualCpu(0)
    log: list[str] = []
    second = KernelTimer(cpu, lambda _timer: log.append("second"))

    def expire(_timer: KernelTimer) -> None:
        log.append("first")
        second.cancel()

    first = KernelTimer(cpu, expire)
    first.schedule(10)
    second.schedule(10)
    cpu.advance()
    assert log == ["first"]


def test_many_timers_of_one_moment_keep_their_order() -> None:
    """More than one turn expires at once, and more than the heap's first allocation."""
    cpu = VirtualCpu(0)
    log: list[tuple[int, int]] = []
    made = timers(cpu, 300, log)
    for timer in made:
        timer.schedule(7)
    cpu.advance()
    assert log == [(7, number) for number in range(300)]

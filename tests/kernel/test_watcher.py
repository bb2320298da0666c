"""Python functions that a virtual CPU calls: when a descriptor is ready, at a time, and never after the end."""

import gc
import os

import pytest

from netos.kernel.vcpu import VirtualCpu
from netos.kernel.watcher import Alarm, Watcher

SECOND = 10**9


@pytest.fixture
def pipe():
    ends = os.pipe2(os.O_NONBLOCK)
    yield ends
    for end in ends:
        os.close(end)


def test_a_readable_descriptor_calls_until_it_is_read(pipe):
    cpu, called = VirtualCpu(0), []

    def call():
        called.append(len(os.read(pipe[0], 1)))

    watcher = Watcher(cpu, pipe[0], call)
    cpu.advance(SECOND)
    assert called == []
    os.write(pipe[1], b"abc")
    cpu.advance(2 * SECOND)
    assert called == [1, 1, 1]
    watcher.close()


def test_a_sleeping_virtual_cpu_wakes_for_it(pipe):
    """wait() without limit returns; else this would hang."""
    cpu, called = VirtualCpu(), []
    watcher = Watcher(cpu, pipe[0], lambda: called.append(os.read(pipe[0], 9)))
    os.write(pipe[1], b"abc")
    while not called:
        cpu.wait()
    assert called == [b"abc"]
    watcher.close()


def test_what_is_wanted_can_change(pipe):
    cpu, called = VirtualCpu(0), []
    watcher = Watcher(cpu, pipe[1], lambda: (called.append(1), watcher.want(False, False)))
    cpu.advance(1)
    watcher.want(False, True)
    cpu.advance(2)
    cpu.advance(3)
    assert called == [1]
    watcher.close()


def test_nothing_is_called_after_the_end(pipe):
    cpu, called = VirtualCpu(0), []
    first = Watcher(cpu, pipe[0], lambda: (called.append(1), first.close()))
    os.write(pipe[1], b"abc")
    cpu.advance(SECOND)
    assert called == [1]
    first.close()
    first.want(True, True)
    second = Watcher(cpu, pipe[0], lambda: called.append(2))
    del second
    gc.collect()
    cpu.advance(2 * SECOND)
    assert called == [1], "a watcher that nobody holds watches no more"


def test_one_may_close_another_that_is_ready_too(pipe):
    """Both were reported by one look at epoll; the second is gone when its turn would come."""
    cpu, called, watchers = VirtualCpu(0), [], []
    others = [os.dup(pipe[0]) for _ in range(4)]

    def call():
        called.append(1)
        while watchers:
            watchers.pop().close()

    watchers += [Watcher(cpu, other, call) for other in others]
    os.write(pipe[1], b"abc")
    cpu.advance(SECOND)
    assert called == [1]
    for other in others:
        os.close(other)


def test_an_alarm_calls_once_at_its_time():
    cpu, called = VirtualCpu(0), []
    alarm = Alarm(cpu, lambda: called.append(cpu.now))
    alarm.set(5)
    alarm.set(3)
    cpu.advance(10 * SECOND)
    assert [when // SECOND for when in called] == [3]
    alarm.set(1)
    alarm.cancel()
    cpu.advance(20 * SECOND)
    assert len(called) == 1
    assert cpu.next_timeout is None


def test_an_exception_is_logged_and_the_rest_goes_on(pipe, caplog):
    cpu, called = VirtualCpu(0), []

    def fail():
        called.append(1)
        if len(called) < 3:
            raise ValueError("oops")
        os.read(pipe[0], 9)

    watcher = Watcher(cpu, pipe[0], fail)
    os.write(pipe[1], b"abc")
    cpu.advance(SECOND)
    assert len(called) == 3
    assert caplog.text.count("ValueError: oops") == 2
    watcher.close()


def test_a_bad_descriptor_is_refused():
    with pytest.raises(OSError, match="cannot watch descriptor"):
        Watcher(VirtualCpu(0), 99999, print)

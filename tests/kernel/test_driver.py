"""The driver loop of `netos click`: when it ends, and what signals do; the signals are real, the waits are none."""

import os
import signal

import pytest

from netos.kernel.driver import drive
from netos.router import Router

START = 10**18


def driven(text, simulated=START):
    router = Router.from_text(text, simulated=simulated).initialize()
    drive(router.cpu, router.signal_calls, router.halt)
    router.close()
    return router


def test_it_ends_at_a_stop():
    assert driven("Script(wait 3, stop)").cpu.now // 10**9 == START // 10**9 + 3


def test_it_ends_at_a_stop_in_real_time():
    assert driven("Script(wait 1ms, stop)", None).run_count == 0


def test_in_simulated_time_it_ends_when_nothing_is_left_to_do(capfd):
    """The driver script hears of that as of any other stop."""
    driven("InfiniteSource(LIMIT 3) -> c :: Counter -> Discard; DriverManager(wait_stop, print c.count)")
    assert capfd.readouterr().out == "3\n"


@pytest.mark.parametrize("simulated", [START, None])
@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_signal_stops_the_driver(capfd, name, simulated):
    before = signal.getsignal(signal.SIGINT)
    driven(f"Script(wait 1ms, set x $(kill {name} $$)); DriverManager(wait_stop 9, print 'stopped');"
           "InfiniteSource -> Discard", simulated)
    assert capfd.readouterr().out == "stopped\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_wakes_a_driver_with_nothing_to_do():
    """The signal comes while epoll waits; without the wake-up pipe this would hang."""
    router = Router.from_text("Idle -> Discard").initialize()
    router.cpu.on_stop = None
    waiting = router.cpu.wait

    class Cpu:
        simulated = False
        next_timeout = None
        stopped = False

        def __getattr__(self, name):
            return getattr(router.cpu, name)

        def run(self):
            return router.cpu.run()

        def wait(self):
            os.kill(os.getpid(), signal.SIGINT)
            waiting()

    cpu = Cpu()

    def stop():
        cpu.stopped = True

    drive(cpu, {}, stop)
    router.close()


def test_signal_scripts_go_on():
    """TYPE SIGNAL replaces the default action, even of SIGINT, and runs at each signal."""
    router = driven("s :: Script(TYPE SIGNAL INT USR1, init n 0, set n $(add $n 1), goto end $(lt $n 3), write stop);"
                    "Script(wait 1, set x $(kill INT $$), wait 1, set x $(kill USR1 $$), wait 1, set x $(kill INT $$),"
                    "wait 1)")
    assert router["s"].machine.variables["n"] == "3"


def test_no_descriptor_is_left_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        driven("Script(stop)")
    import gc
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1

"""DriverManager and driver scripts: the run count, who may end a run, and how."""

import pytest

from netos.errors import ConfigError
from netos.router import Router

START = 10**18
SECOND = 10**9
SOURCE = "InfiniteSource(LIMIT 5, STOP true) -> c :: Counter -> Discard;"


def run(text):
    """Run until the driver stops; the seconds that have passed."""
    router = Router.from_text(text, simulated=START).initialize()
    router.cpu.advance()
    assert router.run_count <= 0
    router.close()
    return (router.cpu.now - START) // 1000 / 1e6


def test_without_a_driver_script_the_first_stop_ends_the_run():
    assert run(f"{SOURCE} Script(wait 1, stop)") < 0.1


def test_an_empty_driver_script_changes_nothing():
    assert run(f"{SOURCE} DriverManager; Script(wait 1, stop)") < 0.1


def test_a_stop_lets_the_script_go_on(capfd):
    run(f"{SOURCE} DriverManager(wait_stop, print c.count)")
    assert capfd.readouterr().out == "5\n"


def test_wait_stop_counts_stops(capfd):
    assert run("Script(wait 1, write stop, loop); DriverManager(wait_stop 3, print 'over')") == 3
    assert capfd.readouterr().out == "over\n"


def test_one_stop_may_count_for_several():
    assert run("Script(wait 1, write stop 3, loop); DriverManager(wait_stop 2, wait_stop 2)") == 2


def test_after_the_last_wait_a_run_goes_on_for_a_time(capfd):
    assert run(f"{SOURCE} DriverManager(wait_stop, print 1, wait_time 2s, print 2)") == 2
    assert capfd.readouterr().out == "1\n2\n"


def test_a_script_that_does_not_wait_first_begins_at_once(capfd):
    assert run("Idle -> Discard; DriverManager(print 1, wait 3, print 2)") == 3
    assert capfd.readouterr().out == "1\n2\n"


def test_a_script_may_begin_with_a_time():
    assert run("Idle -> Discard; DriverManager(wait 3)") == 3


def test_a_stop_ends_a_timed_wait(capfd):
    assert run("Script(wait 1, write stop); DriverManager(wait 5, print $(now))") == 1
    assert capfd.readouterr().out.startswith("1000000001.0")


def test_stop_ends_the_run_wherever_it_stands():
    assert run("Idle -> Discard; DriverManager(wait 1, stop, wait 5)") == 1
    assert run("Idle -> Discard; DriverManager(wait 1, goto stop, wait 5)") == 1
    assert run("Idle -> Discard; DriverManager(wait 1, end, wait 5)") == 1


def test_after_exit_the_next_stop_ends_the_run():
    assert run("Script(wait 4, write stop); DriverManager(wait 1, exit, wait 9)") == 4


def test_loops(capfd):
    """The script counts rounds of a second; a stop in between shortens one."""
    assert run("Script(wait 1.5, write stop);"
               "DriverManager(set i 0, label again, wait 1, set i $(add $i 1), goto again $(lt $i 3))") == 2.5


def test_a_driver_script_by_type():
    assert run("Script(wait 1, write stop, loop); Script(TYPE DRIVER, wait_stop 2)") == 2


def test_a_driver_manager_may_have_another_type():
    assert run("DriverManager(TYPE PASSIVE, wait_stop 2); Script(wait 1, stop)") == 1


def test_only_one_script_manages_the_driver():
    with pytest.raises(ConfigError, match="'a' manages the driver already"):
        Router.from_text("a :: DriverManager; b :: Script(TYPE DRIVER)")


def test_a_halt_runs_the_script_to_its_end_without_waiting(capfd):
    router = Router.from_text("DriverManager(wait_stop 5, print 1, wait 10, print 2)", simulated=START).initialize()
    router.cpu.advance(START + SECOND)
    router.halt()
    router.cpu.advance()
    assert capfd.readouterr().out == "1\n2\n"
    assert router.run_count == 0
    assert router.cpu.now < START + 2 * SECOND
    router.close()


def test_a_halt_ends_a_script_that_loops(capfd):
    router = Router.from_text("DriverManager(wait 1, print 1, loop)", simulated=START).initialize()
    router.cpu.advance(START + SECOND // 2)
    router.halt()
    router.cpu.advance(START + 10 * SECOND)
    assert capfd.readouterr().out == "1\n"
    router.close()


def test_state_of_the_run_count_between():
    router = Router.from_text("DriverManager(wait_stop, wait_stop); Idle -> Discard", simulated=START).initialize()
    router.stop()
    assert router.cpu.stopped
    router.cpu.advance(START + SECOND)
    assert not router.cpu.stopped
    assert router.run_count == 1
    router.stop()
    router.cpu.advance(START + SECOND)
    assert (router.run_count, router.cpu.stopped) == (0, True)
    router.close()

"""netos click -R: hotconfig replaces the graph with its state, and a bad configuration changes nothing."""

import pytest

from netos.cli.click import Command, main, make_threads
from netos.cli.click_options import read_options
from netos.cli.click_swap import Running
from netos.errors import HandlerError
from netos.kernel.threads import Threads
from netos.router import Router

OLD = "s :: TimedSource(1, LIMIT 1000) -> c :: Counter -> q :: Queue(100) -> Idle;"
NEW = "s :: TimedSource(1, LIMIT 1000) -> c :: Counter -> q :: Queue(100) -> u :: Unqueue -> d :: Counter -> Discard;"


def build(text, old):
    return Router.from_text(text, cpu=old.cpu, threads=old.threads)


@pytest.fixture
def running():
    made = Running(Router.from_text(OLD, simulated=10**9).initialize(), build)
    yield made
    made.close()
    assert made.router.cpu.balance["held"] == 0


def test_the_new_graph_takes_the_packets_and_the_old_one_ends(running):
    old = running.router
    old.cpu.advance(old.cpu.now + 5 * 10**9)
    assert old.read("q.length") == "5"
    old.write("hotconfig", NEW)
    new = running.router
    assert running.turn() is True
    assert running.turn() is False
    assert old.order == []
    new.cpu.advance(new.cpu.now + 10**6)
    assert new.read("d.count") == "5"
    new.write("hotconfig", OLD)
    assert running.router.read("q.length") == "0"


@pytest.mark.parametrize(("text", "message"), [
    ("a :: Foo -> Discard;", "unknown element class 'Foo'"), ("Idle -> Queue(x) -> Idle;", "invalid number"),
    ("Idle ->", "syntax error"), ("FromDump(/nowhere) -> Discard;", "/nowhere"),
])
def test_a_bad_configuration_is_refused_and_the_old_one_goes_on(running, text, message):
    """Also when it fails only as it is initialised, with the old graph standing still."""
    old = running.router
    with pytest.raises(HandlerError, match=message):
        old.write("hotconfig", text)
    assert running.turn() is False
    assert running.router is old
    before = int(old.read("c.count"))
    old.cpu.advance(old.cpu.now + 3 * 10**9)
    assert int(old.read("c.count")) == before + 3


def test_a_graph_on_threads_is_replaced_with_its_packets():
    """The threads stand still for the switch; what waited for another thread is not lost."""
    threads = Threads(2)
    placed = "StaticThreadSched(s 1);"
    source = "s :: InfiniteSource(LIMIT 500) -> c :: Counter -> q :: Queue(1000) ->"
    made = Running(Router.from_text(f"{source} Idle; {placed}", threads=threads).initialize(), build)
    threads.start()
    try:
        while made.router.read("c.count") != "500":
            made.router.cpu.wait(0.001)
        made.router.write("hotconfig", "Idle -> q :: Queue(1000) -> u :: Unqueue -> d :: Counter -> Discard; "
                          "StaticThreadSched(u 1);")
        made.turn()
        while made.router.read("d.count") != "500":
            made.router.cpu.wait(0.001)
        assert made.router.read("u.home_thread") == "1"
    finally:
        threads.close()
        made.close()
    assert threads.balance["held"] == 0


def test_the_driver_goes_on_with_the_new_graph(capsys):
    """Signals, the driver's stop and the handlers printed at the end are the new graph's."""
    swapping = "Script(wait 1, write hotconfig Idle -> new :: Counter -> Discard; Script(wait 1; stop));"
    assert main(["-R", "--simtime", "-h", "new.count", "-e", f"Idle -> Discard; {swapping}"]) == 0
    assert capsys.readouterr().out == "0\n"


def test_without_the_option_there_is_no_such_handler(capsys):
    assert main(["--simtime", "-h", "hotconfig", "-e", "Script(stop)"]) == 1
    assert "no 'hotconfig' handler" in capsys.readouterr().err


def test_threads_from_the_command_line(capsys):
    text = """s :: InfiniteSource(LIMIT 1000, STOP true) -> c :: Counter -> Discard; StaticThreadSched(s 1);"""
    assert main(["-j", "2", "-h", "s.home_thread", "-h", "c.count", "-e", text]) == 0
    assert capsys.readouterr().out == "s.home_thread:\n1\n\nc.count:\n1000\n\n"


@pytest.mark.parametrize(("options", "cores"), [([], [None, None]), (["-a"], [5, 2]), (["-a1"], [2, 5])])
def test_threads_are_pinned_to_the_processors_there_are(monkeypatch, options, cores):
    """More threads than processors share them: a thread that could not be pinned would never run."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {2, 5})
    threads = make_threads(Command(read_options(["-j", "3", *options])))
    assert [thread.core for thread in threads.threads] == cores

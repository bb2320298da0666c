"""Script: the handlers every script has, and how names of handlers are looked up."""

import os

import pytest

from netos.errors import HandlerError
from netos.router import Router

START = 10**18
SECOND = 10**9


def make(text):
    return Router.from_text(text, simulated=START).initialize()


def run(text):
    """Run to the end of time."""
    router = make(text)
    router.cpu.advance()
    router.close()


def test_get_set_shift():
    router = make("s :: Script(TYPE PASSIVE)")
    router.write("s.set", "x one two three")
    assert router.read("s.shift", "x") == "one"
    assert router.read("s.get", "x") == "two three"
    with pytest.raises(HandlerError, match="no variable"):
        router.read("s.get", "y")
    with pytest.raises(HandlerError, match="name"):
        router.write("s.set", "")
    router.close()


def test_readable_and_writable():
    router = make("s :: Script(TYPE PASSIVE); Idle -> c :: Counter -> Discard")
    for path, reading, writing in (
            ("c.count", "true", "false"), ("c.reset", "false", "true"), ("x.y", "false", "false"),
            ("stop", "false", "true"), ("add", "true", "false"), ("c.count x", "false", "false")):
        assert (router.read("s.readable", path), router.read("s.writable", path)) == (reading, writing), path
    router.close()


def test_now_is_the_routers_time():
    router = make("s :: Script(TYPE PASSIVE)")
    router.cpu.advance(START + SECOND // 2)
    assert router.read("s.now").startswith("1000000000.5")
    router.close()


def test_random_stays_within_its_bounds():
    router = make("s :: Script(TYPE PASSIVE)")
    assert {router.read("s.random", "2") for _ in range(100)} == {"0", "1"}
    assert {router.read("s.random", "5 6") for _ in range(100)} == {"5", "6"}
    assert 0 <= int(router.read("s.random")) < 1 << 31
    for bad in ("0", "3 2", "1 2 3", "x"):
        with pytest.raises(HandlerError):
            router.read("s.random", bad)
    router.close()


def test_cat_and_catq(tmp_path):
    (tmp_path / "f").write_bytes(b"a\n\xff")
    router = make("s :: Script(TYPE PASSIVE)")
    assert router.read("s.cat", f"{tmp_path}/f") == "a\n\xff"
    assert router.read("s.catq", f"{tmp_path}/f") == '"a\\n\\377"'
    with pytest.raises(HandlerError, match="No such file"):
        router.read("s.cat", f"{tmp_path}/g")
    router.close()


def test_private_handlers_are_not_listed():
    router = make("s :: Script(TYPE PASSIVE)")
    listed = router.read("s.handlers")
    assert "add\tr+\n" in listed
    assert "run\trw+\n" in listed
    assert not {"cat", "catq", "kill"} & {line.split("\t")[0] for line in listed.splitlines()}
    router.close()


def test_kill_sends_signals():
    router = make("s :: Script(TYPE PASSIVE)")
    assert router.read("s.kill", f"CONT {os.getpid()}") == "0"
    for bad in ("CONT", "NOSUCH 1", "0 1"):
        with pytest.raises(HandlerError):
            router.read("s.kill", bad)
    router.close()


def test_names_are_looked_up_outward(capfd):
    run("elementclass C { s :: Script(print c.count, print d.class, print s.name);"
        "  input -> c :: Counter -> output } Idle -> x :: C -> d :: Discard; c :: Idle -> Discard")
    assert capfd.readouterr().out == "0\nDiscard\nx/s\n"


def test_a_bare_name_is_an_own_handler_or_a_global_one(capfd):
    run("Script(print add 1 2, print list, print driver)")
    assert capfd.readouterr().out.splitlines() == ["3", "1", "Script@1", "userlevel"]


def test_a_name_whose_element_does_not_exist_may_be_an_own_handler():
    router = make("p :: Script(TYPE PROXY, goto inner $(ne $0 run), return $(some.thing 1), label inner, return $0-$1)")
    assert router.read("p.run") == "some.thing-1"
    assert router.read(".driver") == "userlevel"
    with pytest.raises(HandlerError, match="no element 'some'"):
        router.read("some.thing")
    router.close()

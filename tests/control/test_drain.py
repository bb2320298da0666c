"""Draining a graph: sources fall silent, and what is left is told by queue."""

from netos.control.drain import queued, stop_sources
from netos.router import Router


def test_every_source_falls_silent_and_nothing_else_does():
    with Router.from_text("f :: FromDevice(mem:drain-a) -> q :: Queue -> u :: Unqueue -> Discard;"
                          "i :: InfiniteSource(ACTIVE true, LIMIT 3) -> Discard; r :: RatedSource -> Discard;"
                          "t :: TimedSource -> Discard; s :: Script(TYPE PASSIVE, return 1);",
                          simulated=10**18) as router:
        stop_sources(router)
        assert [router.read(f"{name}.active") for name in "firt"] == ["false"] * 4
        assert router.read("u.active") == "true"
        router.cpu.advance(router.cpu.now + 10**9)
        assert router.cpu.balance["created"] == 0


def test_what_is_left_is_told_by_queue():
    with Router.from_text("InfiniteSource(LIMIT 3, STOP false) -> q :: Queue -> Idle;"
                          "InfiniteSource(LIMIT 5, STOP false) -> p :: Queue(2) -> Idle; Idle -> e :: Queue -> Idle;",
                          simulated=10**18) as router:
        router.cpu.advance()
        assert queued(router) == [("q", 3), ("p", 2)]

"""A running appliance: the graph on its virtual CPUs, and how it is changed while packets flow.

A change is checked and built beside the running graph, which goes on; then, at a batch boundary, the old graph stands
still, the new one takes the devices and the state (by element name and class), and goes on. When anything is wrong the
old graph goes on as if nothing had happened. The old graph is kept, standing still, while a change waits to be
confirmed: taking it back hands state and devices back. Where there are several virtual CPUs, each with its replica of
the graph, all change in one pause or none does.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol, TypeVar

from netos.control.generations import Configuration, Generations
from netos.control.replicas import Replicas
from netos.errors import ConfigError, Diagnostics, NetosError
from netos.hotswap import take_over
from netos.lang import Graph, parse_config, render, unparse
from netos.registry import Registry, default_registry
from netos.router import Router

T = TypeVar("T")

# Seconds after which Python takes the interpreter from a thread that builds a graph: packets may wait for it.
SWITCH_INTERVAL = 0.0002


class Runner(Protocol):
    """What makes the virtual CPUs run: GroupRunner, or InlineRunner or VcpuThread where there is one."""

    def paused(self) -> AbstractContextManager[None]:
        """Hold them at a batch boundary."""


class Outcome(NamedTuple):
    """What came of a change: the generation that runs now, and what to tell whoever asked."""

    accepted: bool
    generation: int
    message: str
    details: str = ""           # diagnostics, as `netos check` prints them
    paused: float = 0.0         # seconds the packets had to wait
    killed: dict[str, int] = {}  # connections forgotten, by table

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return self._asdict()


class Appliance:
    """The graph that runs, the one it replaced, and the changes between them."""

    def __init__(self, runner: Runner, generations: Generations, *, registry: Registry = default_registry,
                 widen: int = 256, log: Callable[[str], None] = lambda _line: None) -> None:
        self.runner = runner
        self.generations = generations
        self.registry = registry
        self.widen = widen
        self.log = log
        self.started = time.time()
        self._replicas: Replicas | None = None
        self._replaced: Replicas | None = None
        self._replaced_generation = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._changing = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, "netos-build")
        self._claims = threading.Lock()         # a build on its thread and the end of another graph count claims

    @property
    def replicas(self) -> Replicas:
        """The graph that runs, on all virtual CPUs."""
        if self._replicas is None:
            raise NetosError("no configuration runs yet")
        return self._replicas

    @property
    def router(self) -> Router:
        """The graph that runs, as it is on the first virtual CPU."""
        return self.replicas.router

    @property
    def routers(self) -> Sequence[Router]:
        """It and its replicas, one on each virtual CPU."""
        return [] if self._replicas is None else self._replicas.routers

    @property
    def generation(self) -> int:
        """The number of the configuration that runs."""
        return self.generations.number

    @property
    def unconfirmed(self) -> bool:
        """Whether the last change goes back by itself unless it is confirmed."""
        return self._replaced is not None

    def start(self, replicas: Replicas, configuration: Configuration) -> None:
        """Begin with a graph that is initialised already."""
        self._replicas = replicas
        self.generations.advance(configuration)
        self._good("start")

    def close(self) -> None:
        """Take both graphs apart."""
        self._cancel_deadline()
        self._worker.shutdown()
        for replicas in (self._replaced, self._replicas):
            if replicas is not None:
                replicas.close()
        self._replaced = self._replicas = None

    # Asking and telling

    def read(self, path: str, argument: str = "") -> str:
        """The value of a handler, at a batch boundary; raises HandlerError."""
        with self.runner.paused():
            return self.replicas.read(path, argument)

    def write(self, path: str, text: str = "") -> None:
        """Write to a handler, at a batch boundary; raises HandlerError, and then nothing has changed."""
        with self.runner.paused():
            self.replicas.write(path, text)

    # Changing

    async def reload(self, configuration: Configuration, confirm: float | None = None, who: str = "",
                     kill_states: str = "none", action: str = "reload") -> Outcome:
        """Change to another configuration; with `confirm`, only for that many seconds unless confirm() is called.

        `who` and `action` are for the audit log; `kill_states` says which connections are forgotten then: none, all, or
        those that the new configuration would not let begin (changed).
        """
        async with self._changing:
            try:
                outcome = await self._reload(configuration, confirm)
            except NetosError as error:         # of no place in the configuration: what a class needs is not there
                outcome = Outcome(False, self.generation, f"refused: generation {self.generation} goes on",
                                  f"{error}\n")
            if outcome.accepted and kill_states != "none":
                outcome = await self._kill_states(outcome, kill_states)
            self.generations.audit(action=action, file=configuration.filename, who=who, accepted=outcome.accepted,
                                   generation=outcome.generation, message=outcome.message, details=outcome.details)
            return outcome

    async def _reload(self, configuration: Configuration, confirm: float | None) -> Outcome:
        with quick_switches():
            graph, diagnostics = await self._work(self.parse, configuration)
            if diagnostics.has_errors:
                return self._refuse(diagnostics, graph)
            if self._same(graph) and not self.unconfirmed:
                return Outcome(True, self.generation, "nothing to do: this is the configuration that runs")
            try:
                replicas = await self._work(self._build, graph, diagnostics)
            except ConfigError as error:
                return self._refuse(error.diagnostics, graph)
        if self.unconfirmed:
            self._confirm_now()
        try:
            seconds = self._switch(replicas)
        except ConfigError as error:
            return self._refuse(error.diagnostics, graph)
        before = self.generation
        self.generations.advance(configuration)
        if confirm is None:
            self._forget_replaced()
            await self._work(self._good, "reload")      # the disk may be slow: packets do not wait for it
            message = f"generation {self.generation} runs"
        else:
            self._replaced_generation = before
            self._deadline = asyncio.get_running_loop().call_later(confirm, self._not_confirmed)
            message = (f"generation {self.generation} runs; confirm within {confirm:g} s, "
                       f"or generation {before} comes back")
        return Outcome(True, self.generation, message, render(diagnostics, graph.source_lines), seconds)

    async def _kill_states(self, outcome: Outcome, which: str) -> Outcome:
        """Forget connections, and say how many."""
        from netos.control.refusal import kill_all, kill_refused

        killed = await (kill_all if which == "all" else kill_refused)(self.routers, self.runner.paused)
        count = sum(killed.values())
        each = "".join(f", {number} in {table}" for table, number in killed.items()) if len(killed) > 1 else ""
        message = f"{outcome.message}; {count} flow{'' if count == 1 else 's'} killed{each}"
        return outcome._replace(message=message, killed=killed)

    def parse(self, configuration: Configuration) -> tuple[Graph, Diagnostics]:
        """The flat graph of a configuration."""
        return parse_config(configuration.text, configuration.filename, class_info=self.registry.class_info,
                            class_names=self.registry.names, definitions=configuration.definitions)

    def _build(self, graph: Graph, diagnostics: Diagnostics) -> Replicas:
        """The new graph, not yet initialised: nothing that the running one uses changes."""
        with self._claims:
            return Replicas.build(graph, [router.cpu for router in self.routers], diagnostics=diagnostics,
                                  registry=self.registry, widen=self.widen)

    async def _work(self, function: Callable[..., T], *arguments: object) -> T:
        """What a function returns on the thread for such work: always the same one, so that memory is used again."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, function, *arguments)

    def _same(self, graph: Graph) -> bool:
        return unparse(graph) == unparse(self.router.graph)

    def _refuse(self, diagnostics: Diagnostics, graph: Graph) -> Outcome:
        count = len(diagnostics.errors)
        return Outcome(False, self.generation,
                       f"refused, {count} error{'' if count == 1 else 's'}: generation {self.generation} goes on",
                       render(diagnostics, graph.source_lines))

    def _switch(self, new: Replicas) -> float:
        """Let the new graph take over from the one that runs; after a failure that one goes on. Seconds it took."""
        old = self.replicas
        with self.runner.paused():
            start = time.perf_counter()
            take_over(new, old)
            self._replaced, self._replicas = old, new
            return time.perf_counter() - start

    def confirm(self, who: str = "") -> Outcome:
        """Keep the last change."""
        if not self.unconfirmed:
            return Outcome(False, self.generation, "there is no change to confirm")
        self._confirm_now()
        message = f"generation {self.generation} is confirmed"
        self.generations.audit(action="confirm", who=who, generation=self.generation, message=message)
        return Outcome(True, self.generation, message)

    def _confirm_now(self) -> None:
        self._cancel_deadline()
        self._forget_replaced()
        self._good("confirm")

    def _not_confirmed(self) -> None:
        self._deadline = None
        self._back("not confirmed in time")

    def _back(self, why: str, who: str = "") -> Outcome:
        """Give devices and state back to the graph that the last change replaced."""
        self._cancel_deadline()
        old, new = self._replaced, self.replicas
        assert old is not None
        refused = self.generation
        with self.runner.paused():
            new.suspend()
            old.take_state(new)
            old.resume()
            self._replicas, self._replaced = old, None
            self._end(new)
        configuration = self.generations.kept[self._replaced_generation]
        self.generations.advance(configuration)
        message = f"generation {refused} {why}: generation {self._replaced_generation} is back, as {self.generation}"
        self.generations.audit(action="back", who=who, generation=self.generation, message=message)
        return Outcome(True, self.generation, message)

    async def rollback(self, number: int | None = None, who: str = "") -> Outcome:
        """Go back to an earlier generation, by default the one before."""
        if self.unconfirmed and number in (None, self._replaced_generation):
            return self._back("was taken back", who)
        wanted = self.generation - 1 if number is None else number
        configuration = self.generations.kept.get(wanted)
        if configuration is None or wanted == self.generation:
            known = ", ".join(str(kept) for kept in sorted(self.generations.kept) if kept != self.generation)
            return Outcome(False, self.generation,
                           f"there is no generation {wanted} to go back to (there is {known or 'none'})")
        return await self.reload(configuration, who=who, action="rollback")

    def _forget_replaced(self) -> None:
        if self._replaced is not None:
            with self.runner.paused():
                self._end(self._replaced)
            self._replaced = None

    def _end(self, replicas: Replicas) -> None:
        """Take a graph apart that stands still: what it held goes back to the virtual CPU, which is held meanwhile."""
        with self._claims:
            replicas.close()
        for router in replicas.routers:
            router.elements.clear()         # they know their router: large tables would wait for the garbage collector

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _good(self, action: str) -> None:
        current = self.generations.current
        problem = self.generations.save_good(current) if current is not None else ""
        if problem:
            self.log(f"{action}: {problem}")


@contextmanager
def quick_switches() -> Iterator[None]:
    """Let whoever wants the interpreter have it soon, while a thread works on the next graph."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)

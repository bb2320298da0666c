"""The process around an appliance: runner, signals, control socket, service manager, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

from netos.control.access import Access
from netos.control.appliance import Appliance
from netos.control.changes import Changes
from netos.control.drain import Drain
from netos.control.generations import Configuration, Generations
from netos.control.logs import event
from netos.control.notify import ServiceManager
from netos.control.replicas import Replicas
from netos.control.server import serve_control
from netos.errors import NetosError
from netos.kernel.group import GroupRunner


class Settings(NamedTuple):
    """What the command line said."""

    control: str = ""               # HOST:PORT or a path for the control socket, "" for none
    control_wanted: bool = False    # somebody asked for it: without it the daemon does not start
    threaded: bool = False
    widen: int = 256
    reread: Callable[[], Configuration] | None = None      # the configuration as it is on disk now, for SIGHUP
    metrics: str = ""               # HOST:PORT or a path for metrics over HTTP, "" for none
    drain: float = 0.0              # seconds that SIGTERM gives packets to leave
    confine: Callable[[], None] = lambda: None      # gives up, once everything is open, what is needed no more


class Daemon:
    """Runs an appliance until a signal, a `stop`, or an error of its runner."""

    def __init__(self, replicas: Replicas, configuration: Configuration, generations: Generations, settings: Settings,
                 log: Callable[[str], None]) -> None:
        self.settings = settings
        self.log = log
        self.manager = ServiceManager()
        self.stopping = False
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        cpus = [router.cpu for router in replicas.routers]
        self.runner = GroupRunner(cpus, loop, threaded=settings.threaded, ended=self._runner_ended)
        if len(cpus) > 1 and not self.runner.pinned:
            event("start", f"there are fewer processors than virtual CPUs ({len(cpus)}): none is tied to its own",
                  logging.WARNING)
        self.appliance = Appliance(self.runner, generations, registry=replicas.router.registry, widen=settings.widen,
                                   log=log)
        self.appliance.start(replicas, configuration)
        self.changes = Changes(self.appliance)
        self.access = Access(self.appliance, *self.changes.handlers(), paused=self.runner.paused)

    def end(self) -> None:
        """The run is over."""
        if not self.ended.done():
            self.ended.set_result(None)

    async def run(self, ready: Callable[[str], None] = lambda _place: None) -> None:
        """Serve until the end; `ready` is called, with the control socket's place, when packets flow and it listens."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            place = await self._listen(stack)
            if self.settings.metrics:
                from netos.control.http import serve_metrics

                await stack.enter_async_context(serve_metrics(self.access, self.settings.metrics))
            self.settings.confine()
            self._catch(loop)
            self.runner.start()
            stack.callback(self.runner.close)
            watchdog = loop.create_task(self._watchdog())
            stack.callback(watchdog.cancel)
            ready(place)
            self._tell_ready()
            await self.ended
            self.manager.stopping("ending")

    async def _listen(self, stack: AsyncExitStack) -> str:
        """Open the control socket; packets are worth more than control, unless somebody asked for that."""
        if not self.settings.control:
            return ""
        try:
            await stack.enter_async_context(serve_control(self.access, self.settings.control))
        except NetosError as error:
            if self.settings.control_wanted:
                raise
            event("control", f"no control socket: {error}", logging.WARNING)
            return ""
        return self.settings.control

    def _runner_ended(self, error: BaseException | None) -> None:
        if error is not None and not self.ended.done():
            self.ended.set_exception(error)
        self.end()

    def _catch(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        if self.settings.reread is not None:
            loop.add_signal_handler(signal.SIGHUP, self._reload)
        for scripted, call in self.appliance.router.signal_calls.items():
            loop.add_signal_handler(scripted, call)

    def _stop(self, number: int) -> None:
        """The first signal ends the run; SIGTERM lets packets leave first; a second signal ends the process."""
        loop = asyncio.get_running_loop()
        for caught in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(caught)
            signal.signal(caught, signal.SIG_DFL)
        if self.stopping:
            signal.raise_signal(number)         # it came while the first was served
        self.stopping = True
        event("signal", f"{signal.Signals(number).name}: stopping", signal=signal.Signals(number).name)
        self.manager.stopping("draining" if number == signal.SIGTERM else "ending")
        with self.runner.paused():
            self.appliance.replicas.halt()
            if number == signal.SIGTERM and self.settings.drain:
                Drain(lambda: self.access.routers, self.runner.paused, self.settings.drain, self.end).start(loop)
            else:
                self.end()

    def _reload(self) -> None:
        """SIGHUP: the configuration file again."""
        assert self.settings.reread is not None
        self.manager.reloading()
        try:
            self.changes.change_to(self.settings.reread(), "SIGHUP", self._tell_ready)
        except NetosError as error:
            event("reload", f"reload: {error}", logging.WARNING, accepted=False)
            self._tell_ready()

    def _tell_ready(self) -> None:
        self.manager.ready(f"generation {self.appliance.generation}, {len(self.appliance.router.elements)} elements")

    async def _watchdog(self) -> None:
        """Tell the service manager that this loop and the virtual CPU are alive, twice in its interval."""
        while self.manager.watchdog:
            with self.runner.paused():
                self.manager.alive()
            await asyncio.sleep(self.manager.watchdog / 2)

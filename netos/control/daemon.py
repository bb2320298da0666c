"""The process around an appliance: runner, signals, control socket, service manager, until it is told to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

from netos.control.access import Access
from netos.control.appliance import Appliance
from netos.control.changes import Changes
from netos.control.generations import Configuration, Generations
from netos.control.http import serve_metrics
from netos.control.notify import ServiceManager
from netos.control.server import serve_control
from netos.errors import NetosError
from netos.kernel.inline import InlineRunner
from netos.kernel.thread import VcpuThread
from netos.router import Router

DRAIN = 0.5             # seconds that SIGTERM gives queues to empty


class Settings(NamedTuple):
    """What the command line said."""

    control: str = ""               # HOST:PORT or a path for the control socket, "" for none
    control_wanted: bool = False    # somebody asked for it: without it the daemon does not start
    threaded: bool = False
    widen: int = 256
    reread: Callable[[], Configuration] | None = None      # the configuration as it is on disk now, for SIGHUP
    metrics: str = ""               # HOST:PORT or a path for metrics over HTTP, "" for none


class Daemon:
    """Runs an appliance until a signal, a `stop`, or an error of its runner."""

    def __init__(self, router: Router, configuration: Configuration, generations: Generations, settings: Settings,
                 log: Callable[[str], None]) -> None:
        self.settings = settings
        self.log = log
        self.manager = ServiceManager()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        cpu = router.cpu
        self.runner: InlineRunner | VcpuThread
        if settings.threaded:
            self.runner = VcpuThread(cpu)
            self.runner.stopped = self.end
        else:
            self.runner = InlineRunner(cpu, asyncio.get_running_loop())
        self.appliance = Appliance(cpu, self.runner, generations, registry=router.registry, widen=settings.widen,
                                   log=log)
        self.appliance.start(router, configuration)
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
                await stack.enter_async_context(serve_metrics(self.access, self.settings.metrics))
            self._catch(loop)
            if isinstance(self.runner, InlineRunner):
                self.runner.start()
                self.runner.stopped.add_done_callback(self._runner_ended)
            else:
                self.runner.start(loop)
            stack.callback(self.runner.close)
            watchdog = loop.create_task(self._watchdog())
            stack.callback(watchdog.cancel)
            ready(place)
            self._tell_ready()
            await self.ended
            self.manager.stopping()

    async def _listen(self, stack: AsyncExitStack) -> str:
        """Open the control socket; packets are worth more than control, unless somebody asked for that."""
        if not self.settings.control:
            return ""
        try:
            await stack.enter_async_context(serve_control(self.access, self.settings.control))
        except NetosError as error:
            if self.settings.control_wanted:
                raise
            self.log(f"no control socket: {error}")
            return ""
        return self.settings.control

    def _runner_ended(self, future: asyncio.Future[None]) -> None:
        if self.ended.done():
            return
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self.ended.set_exception(error)
        else:
            self.end()

    def _catch(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        if self.settings.reread is not None:
            loop.add_signal_handler(signal.SIGHUP, self._reload)
        for scripted, call in self.appliance.router.signal_calls.items():
            loop.add_signal_handler(scripted, call)

    def _stop(self, number: int) -> None:
        """The first signal ends the run; SIGTERM lets queues empty first; a second signal ends the process."""
        loop = asyncio.get_running_loop()
        for caught in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(caught)
        with self.runner.paused():
            self.appliance.router.halt()
            self.appliance.cpu.ended()          # a driver script runs on to its end
        if number == signal.SIGTERM and self.appliance.cpu.balance["held"]:
            self.appliance.cpu.stopped = False
            loop.call_later(DRAIN, self.end)
        else:
            self.end()

    def _reload(self) -> None:
        """SIGHUP: the configuration file again."""
        assert self.settings.reread is not None
        self.manager.reloading()
        try:
            self.changes.change_to(self.settings.reread(), "SIGHUP", self._tell_ready)
        except NetosError as error:
            self.log(f"reload: {error}")
            self._tell_ready()

    def _tell_ready(self) -> None:
        self.manager.ready(f"generation {self.appliance.generation}, {len(self.appliance.router.elements)} elements")

    async def _watchdog(self) -> None:
        """Tell the service manager that this loop and the virtual CPU are alive, twice in its interval."""
        while self.manager.watchdog:
            with self.runner.paused():
                self.manager.alive()
            await asyncio.sleep(self.manager.watchdog / 2)

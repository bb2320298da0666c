"""What an operator may ask and tell: the handlers of the running graph, and those of the appliance that runs it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple, Protocol

from netos.errors import HandlerError, NetosError
from netos.handlers import Handler

if TYPE_CHECKING:
    from netos.router import Router

ONE_REPLICA = re.compile(r"(.+)@([0-9]{1,3})", re.DOTALL)
NO_ELEMENT, NO_HANDLER, NO_ROUTER = 510, 511, 540     # Click's ControlSocket codes


class AccessError(HandlerError):
    """What was named is not there; `code` is the ControlSocket's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Appliance(Protocol):
    """What runs a graph; `router` changes when the configuration is replaced."""

    @property
    def router(self) -> Router | None:
        """The graph that runs; None, or NetosError, while there is none."""

    @property
    def routers(self) -> Sequence[Router]:
        """It and its replicas, one on each virtual CPU; empty while there is none."""

    @property
    def generation(self) -> int:
        """Which graph this is: it grows with every replacement."""

    def read(self, path: str, argument: str = "") -> str:
        """The value of one of the graph's read handlers; raises HandlerError."""

    def write(self, path: str, text: str = "") -> None:
        """Write to one of the graph's handlers; raises HandlerError, and then nothing has changed."""


class RouterAppliance:
    """The least of appliances: a router in this process; `adopt` puts another in its place."""

    def __init__(self, router: Router | None = None) -> None:
        self.router = router
        self.generation = 1

    @property
    def routers(self) -> Sequence[Router]:
        """The router, if there is one."""
        return [] if self.router is None else [self.router]

    def adopt(self, router: Router) -> None:
        """Speak for this router from now on."""
        self.generation += 0 if self.router is None else 1
        self.router = router

    def read(self, path: str, argument: str = "") -> str:
        """The value of a read handler; raises HandlerError."""
        if self.router is None:
            raise AccessError(NO_ROUTER, "no router is running")
        return self.router.read(path, argument)

    def write(self, path: str, text: str = "") -> None:
        """Write to a handler; raises HandlerError."""
        if self.router is None:
            raise AccessError(NO_ROUTER, "no router is running")
        self.router.write(path, text)


class Access:
    """An appliance's handlers, and global ones beside them: what every view of a running appliance is given.

    `paused` holds the packets at a batch boundary for as long as a handler of this object's own is called.
    """

    def __init__(self, appliance: Appliance, *handlers: Handler,
                 paused: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self.appliance = appliance
        self.paused = paused
        self.handlers = {
            "generation": Handler("generation", lambda _: str(self.generation)),
            "uptime": Handler("uptime", lambda _: f"{self.uptime:.3f}"),
            "handlers": Handler("handlers", lambda _: self.handlers_text()),
        }
        self.add(*handlers)
        self.unpaused: set[str] = set()                     # names of own handlers that hold the packets themselves
        self.followers: list[Callable[[], object]] = []     # called before counters are read: the router may be new
        self.caller: object = None      # the connection whose command is carried out
        self.leavers: list[Callable[[object], object]] = []     # called with a connection that has ended
        self.tenders: list[Callable[[], bool]] = []     # look after something now and then; whether there is more to do
        self._started = time.monotonic()

    def add(self, *handlers: Handler) -> None:
        """Answer these global handlers too; they come before the router's."""
        self.handlers.update((handler.name, handler) for handler in handlers)

    @property
    def router(self) -> Router | None:
        """The graph that runs, None while there is none."""
        try:
            return self.appliance.router
        except NetosError:
            return None

    @property
    def routers(self) -> Sequence[Router]:
        """The graph that runs and its replicas, one on each virtual CPU: what is patched, is patched in all of them."""
        return self.appliance.routers

    @property
    def generation(self) -> int:
        """Which graph this is."""
        return self.appliance.generation

    @property
    def uptime(self) -> float:
        """Seconds since the appliance can be asked."""
        return time.monotonic() - self._started

    def handlers_text(self) -> str:
        """All global handlers, as the `handlers` handler prints them."""
        found = {**(self.router.handlers("") if self.router is not None else {}), **self.handlers}
        return "".join(f"{handler.name}\t{handler.flags}\n" for handler in found.values() if not handler.private)

    def read(self, path: str, argument: str = "") -> str:
        """The value of a read handler; raises HandlerError."""
        own = self.handlers.get(path)
        if own is None or own.read is None:
            return self.appliance.read(path, argument)
        with nullcontext() if path in self.unpaused else self.paused():
            return own.read(argument)

    def write(self, path: str, text: str = "") -> None:
        """Write to a handler; raises HandlerError."""
        own = self.handlers.get(path)
        if own is None or own.write is None:
            self.appliance.write(path, text)
        else:
            with nullcontext() if path in self.unpaused else self.paused():
                own.write(text)


class Found(NamedTuple):
    """A handler that somebody named, under the full name it has."""

    path: str
    handler: Handler


def split_replica(path: str) -> tuple[str, int | None]:
    """The path and K of `path@K`, which means a handler of replica K alone; None when there is no K."""
    match = ONE_REPLICA.fullmatch(path)
    return (match[1], int(match[2])) if match is not None else (path, None)


def resolve(access: Access, name: str) -> Found:
    """The handler that `element.handler`, `index.handler` (from 1 on) or `handler` means; raises AccessError.

    `@K` at the end names the handler of replica K alone. Private handlers are not there.
    """
    try:
        return resolve_all(access, name)
    except AccessError:
        path, number = split_replica(name)
        if number is None:
            raise
        found = resolve_all(access, path)
        if found.path in access.handlers:
            raise
        if number >= len(access.routers):
            raise AccessError(NO_HANDLER, f"There is no replica {number} for '{name}', only 0 to "
                                          f"{len(access.routers) - 1}") from None
        return found._replace(path=f"{found.path}@{number}")


def resolve_all(access: Access, name: str) -> Found:
    """The handler of all replicas."""
    element, dot, handler_name = name.partition(".")
    if not dot or not element:
        handler_name = handler_name if dot else element
        own = access.handlers.get(handler_name)
        if own is not None and not own.private:
            return Found(handler_name, own)
        element = ""
    router = access.router
    if router is None:
        raise AccessError(NO_ROUTER, "No router is running")
    if element and element not in router.elements:
        if not element.isdecimal() or not 1 <= int(element[:9]) <= len(router.order):
            raise AccessError(NO_ELEMENT, f"No element named '{element}'")
        element = router.order[int(element[:9]) - 1].name
    found = router.find_handler(element, handler_name)
    path = f"{element}.{handler_name}" if element else handler_name
    if found is None or found.private:
        raise AccessError(NO_HANDLER, f"No handler named '{name}'")
    return Found(path, found)

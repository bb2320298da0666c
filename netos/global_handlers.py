"""The handlers that belong to no element (Click's Router global handlers)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netos.errors import HandlerError
from netos.handlers import Handler
from netos.lang import unparse

if TYPE_CHECKING:
    from netos.router import Router

Read = Callable[["Router", str], str]
Write = Callable[["Router", str], None]


def version_text() -> str:
    """The installed version of netos."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("netos")
    except PackageNotFoundError:
        return "0"


def names_text(names: list[str]) -> str:
    """Click's list format: the count, then a line each."""
    return "".join(f"{line}\n" for line in [str(len(names)), *names])


def write_stop(router: Router, text: str) -> None:
    """Lower the run count by the number given, or by one."""
    try:
        count = int(text) if text.strip() else 1
    except ValueError:
        raise HandlerError(f"stop: a count is wanted, not '{text}'") from None
    router.stop(count)


COMBINE = {"offloads": "table"}          # of replicas, see netos.handlers
def write_timewarp(router: Router, text: str) -> None:
    """Click's factor of time; here time is real, at factor 1, or simulated from the start."""
    if router.cpu.simulated:
        raise HandlerError("timewarp: time is simulated, and goes on as fast as there is something to do")
    if text.strip() not in ("1", "1.0"):
        raise HandlerError(f"timewarp: real time has the factor 1, not '{text}'; netos click --simtime simulates time")


GLOBAL_HANDLERS: dict[str, tuple[Read | None, Write | None]] = {
    "version": (lambda _router, _: version_text(), None),
    "driver": (lambda _router, _: "userlevel", None),
    "config": (lambda router, _: unparse(router.graph), None),
    "flatconfig": (lambda router, _: unparse(router.graph), None),
    "requirements": (lambda router, _: "".join(f"{name}\n" for _kind, name in router.graph.requirements), None),
    "handlers": (lambda router, _: "".join(
        f"{handler.name}\t{handler.flags}\n" for handler in router.handlers("").values()), None),
    "list": (lambda router, _: names_text([element.name for element in router.graph.elements]), None),
    "classes": (lambda router, _: "".join(f"{name}\n" for name in router.registry.names()), None),
    "offloads": (lambda router, _: "".join(
        f"{name}\t{segmented}\t{completed}\n" for name, (segmented, completed) in router.offloads.items()), None),
    "packages": (lambda _router, _: "", None),
    "stop": (None, write_stop),
    "timewarp": (lambda router, _: "simulation" if router.cpu.simulated else "1", write_timewarp),
}


def global_handlers(router: Router) -> dict[str, Handler]:
    """The global handlers of a router, by name."""
    return {name: Handler(name, read and (lambda argument, read=read: read(router, argument)),
                          write and (lambda text, write=write: write(router, text)), combine=COMBINE.get(name, ""))
            for name, (read, write) in GLOBAL_HANDLERS.items()}

"""What `netos run` takes and does as a service: its user, sandbox, PID file, log, and what it says at start and end."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from netos.cli.configuration import UsageError
from netos.control.logs import FORMS, event
from netos.errors import NetosError

if TYPE_CHECKING:
    from netos.control.confinement import Confinement
    from netos.router import Router

T = TypeVar("T")

DRAIN = 1.0                 # seconds that SIGTERM gives packets to leave
SANDBOXES = ("auto", "on", "off")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the service."""
    made = parser.add_argument_group("as a service")
    made.add_argument("--user", metavar="USER[:GROUP]", help="become this user once devices and sockets are open, with "
                      "no capability but CAP_NET_ADMIN")
    made.add_argument("--no-net-admin", action="store_true", help="do not keep CAP_NET_ADMIN either: later reloads "
                      "can neither make nor configure interfaces")
    made.add_argument("--sandbox", choices=SANDBOXES, help="let the kernel refuse what an appliance never does: auto, "
                      "as far as it can; on, or do not start; off (default: auto with --user, else off)")
    made.add_argument("--readable", metavar="PATH", action="append", default=[],
                      help="the sandbox lets files beneath PATH be read, besides those beside FILE")
    made.add_argument("--writable", metavar="PATH", action="append", default=[],
                      help="the sandbox lets files beneath PATH be read, written and made")
    made.add_argument("--pid-file", metavar="PATH", help="keep the process number there; a second run is refused")
    made.add_argument("--drain", metavar="SECONDS", type=seconds, default=DRAIN, help="how long SIGTERM lets packets "
                      "leave that are under way (default %(default)s)")
    made.add_argument("--log", choices=FORMS, default="text", help="lines for people, or JSON lines (default: text)")


def seconds(text: str) -> float:
    """A number of seconds, as an option's value."""
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: from 0 to 3600 seconds are wanted")
    return value


def check_options(options: argparse.Namespace) -> None:
    """Refuse what cannot come true before anything is opened."""
    if options.user is not None:
        from netos.control.privileges import check_user

        check_user(options.user)
    if (options.readable or options.writable) and sandbox_of(options) == "off":
        raise UsageError("--readable and --writable are about the sandbox: say --sandbox auto, too")
    for path in [*options.readable, *options.writable]:
        if not os.path.exists(path):
            raise UsageError(f"cannot allow {path}: it does not exist; make it first")


def before_loop(options: argparse.Namespace) -> None:
    """Keep the event loop off what the sandbox will forbid; that a filter cannot be had, the sandbox says."""
    if sandbox_of(options) != "off":
        from netos.control.seccomp import refuse_rings

        with contextlib.suppress(NetosError):
            refuse_rings()


def sandbox_of(options: argparse.Namespace) -> str:
    """The sandbox's mode."""
    return str(options.sandbox or ("auto" if options.user is not None else "off"))


def giving_up(options: argparse.Namespace, control: str) -> Callable[[], None]:
    """What gives up the process's rights once everything is open; to be called before anything is made."""
    if options.user is None and sandbox_of(options) == "off":
        return lambda: None
    from netos.control.confinement import confine

    plan = confinement_of(options, control)
    return lambda: confine(plan)


def confinement_of(options: argparse.Namespace, control: str) -> Confinement:
    """What is to be given up, and what netos is about to make."""
    from netos.control.confinement import Confinement
    from netos.control.paths import runtime_folder
    from netos.control.sockets import tcp_address

    sockets = [place for place in (control, options.metrics) if place and tcp_address(place) is None]
    files = [options.pid_file] if options.pid_file else []
    state = [str(options.state)] if options.state else []
    folder = runtime_folder()
    return Confinement(
        user=options.user, net_admin=not options.no_net_admin, sandbox=sandbox_of(options),
        configuration="" if options.file == "-" else os.path.abspath(options.file),
        readable=tuple(options.readable), writable=(*options.writable, *state), sockets=(*sockets, *files),
        belongings=(*([] if os.path.isdir(folder) else [folder]), *sockets, *files, *state))


def reported(options: argparse.Namespace, load: Callable[[], T]) -> T:
    """What `load` returns; what it prints for people becomes an event of the log where machines read that."""
    if options.log == "text":
        return load()
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        try:
            return load()
        finally:
            text = printed.getvalue().strip()
            if text:
                failed = "error" in text
                event("configuration", text, logging.ERROR if failed else logging.WARNING, file=options.file)


@contextlib.contextmanager
def pid_file(options: argparse.Namespace) -> Iterator[None]:
    """Hold the PID file, if one is wanted."""
    if not options.pid_file:
        yield
        return
    from netos.control.pidfile import PidFile

    with PidFile(options.pid_file):
        yield


def announce(routers: Sequence[Router], control: str, generation: int) -> None:
    """Say what runs, on which devices, and where it can be controlled."""
    from netos.drivers.devices import claims_of

    router = routers[0]
    devices = sorted(claims_of(router.cpu))
    event("start", f"{len(router.elements)} elements on {', '.join(devices) or 'no device'}"
          f"{f', {len(routers)} replicas' if len(routers) > 1 else ''}; stop with Ctrl-C"
          f"{f'; control at {control}' if control else ''}", elements=len(router.elements), devices=devices,
          control=control, pid=os.getpid(), generation=generation, replicas=len(routers))


def conclude(routers: Sequence[Router], uptime: float) -> None:
    """Say what has come, gone and been dropped."""
    names = ("received", "created", "sent", "consumed", "dropped", "held")
    balance = {name: sum(router.cpu.balance[name] for router in routers) for name in names}
    drops: dict[str, dict[str, int]] = {}
    offloads: dict[str, list[int]] = {}
    for router in routers:
        for element, reasons in router.drops.items():
            for reason, count in reasons.items():
                drops.setdefault(element, {})[reason] = drops.get(element, {}).get(reason, 0) + count
        for element, counts in router.offloads.items():
            before = offloads.get(element, [0, 0])
            offloads[element] = [before[0] + counts[0], before[1] + counts[1]]
    lines = [", ".join(f"{name} {balance[name]}" for name in names)]
    lines += [f"  dropped {count} as {reason} in {element}" for element, reasons in drops.items()
              for reason, count in reasons.items()]
    lines += [f"  in software for {element}: {segmented} segmented, {completed} checksums completed"
              for element, (segmented, completed) in offloads.items()]
    event("stop", "\n".join(lines), balance=balance, drops=drops, offloads=offloads, uptime=round(uptime, 3))

"""netos click: run a configuration as Click's user-level driver does (click.cc), same options, same messages."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netos.args.text import quote_if_needed
from netos.cli.click_options import Given, OptionError, help_text, read_options
from netos.cli.click_swap import Running
from netos.cli.configuration import UsageError, one_character_a_byte, read_configuration
from netos.errors import ConfigError, Diagnostics, HandlerError, Location, NetosError
from netos.kernel.console import write_error, write_out

if TYPE_CHECKING:
    from netos.kernel.threads import Threads
    from netos.router import Router

SUMMARY = "run a configuration as Click's driver does"
USAGE = "Usage: netos click [OPTION]... [FILE]\nTry 'netos click --help' for more information.\n"
SIMULATION_START = 1_000_000_000
SECOND = 1_000_000_000
THREADS_MAX = 64
SOCKETS = {"port": "TCP", "unix-socket": "UNIX", "socket": "SOCKET"}


class Incomplete(ConfigError):
    """The configuration could not be read to its end."""


class Command:
    """What the command line asks for."""

    def __init__(self, given: Sequence[Given]) -> None:
        self.file: str | None = None
        self.expression = False
        self.definitions: dict[str, str] = {}
        self.handlers: list[str] = []
        self.sockets: list[str] = []            # configurations of control sockets
        self.exit_handler = ""
        self.output = ""
        self.path = os.environ.get("CLICKPATH", "")
        self.simulated: int | None = None
        self.first_processor: int | None = None
        self.threads = 1
        self.quit = self.time = self.help = self.version = False
        self.warnings = True
        self.reconfigurable = False
        for option in given:
            self.take(option.name, option.value or "", option.negated)
            if self.help or self.version:
                return
        if self.threads > 1 and self.simulated is not None:
            raise OptionError("simulated time is one thread's: leave out -j or --simtime")

    def take(self, name: str, value: str, negated: bool) -> None:
        """Note one option; raises OptionError."""
        variable, equals, text = value.partition("=")
        if name == "" and equals and variable.replace("_", "a").isalnum():
            self.once(variable not in self.definitions, f"parameter '{variable}' multiply defined")
            self.definitions[variable] = one_character_a_byte(text)
        elif name in ("", "file", "expression"):
            self.once(self.file is None, "router configuration specified twice")
            self.file, self.expression = value, name == "expression"
        elif name == "handler":
            self.handlers.append(value)
        elif name == "exit-handler":
            self.once(not self.exit_handler, "--exit-handler specified twice")
            self.exit_handler = value
        elif name == "output":
            self.once(not self.output, "output file specified twice")
            self.output = value
        elif name == "clickpath":
            self.path = value
        elif name == "simtime":
            self.simulated = round((number(value, "--simtime") if value else SIMULATION_START) * SECOND)
        elif name == "threads":
            self.threads = int(number(value, "-j"))
            if not 1 <= self.threads <= THREADS_MAX:
                raise OptionError(f"'-j' expects a number of threads from 1 to {THREADS_MAX}, not '{value}'")
        elif name == "affinity":
            self.first_processor = None if negated else int(number(value, "-a")) if value else 0
        elif name in SOCKETS:
            self.sockets.append(f"{SOCKETS[name]}, {quote_if_needed(one_character_a_byte(value))}")
        elif name == "allow-reconfigure":
            self.reconfigurable = not negated
        elif name in ("warnings", "no-warnings"):
            self.warnings = name == "warnings" and not negated
        elif name in ("quit", "time", "help", "version"):
            setattr(self, name, True)

    @staticmethod
    def once(first: bool, complaint: str) -> None:
        """Refuse an option that was given already."""
        if not first:
            raise OptionError(complaint)

    @property
    def search_path(self) -> list[str]:
        """The folders of CLICKPATH."""
        return [folder for folder in self.path.split(":") if folder]


def number(text: str, option: str) -> float:
    """The number an option takes."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise OptionError(f"'{option}' expects a number, not '{text}'")
    return value


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is Click's: 1 for a bad configuration, else what the handlers say."""
    try:
        command = Command(read_options(argv))
    except OptionError as error:
        write_error(f"netos click: {error}\n{USAGE}")
        return 1
    if command.help:
        write_out(help_text())
        return 0
    if command.version:
        from netos.global_handlers import version_text

        write_out(f"netos click (netos) {version_text()}\n")
        return 0
    loaded = load(command)
    if loaded is None:
        return 1
    router, name = loaded
    running = Running(router, (lambda text, old: make_router(text, "config", command, old))
                      if command.reconfigurable else None)
    try:
        return run(running, name, command)
    finally:
        running.close()


def load(command: Command) -> tuple[Router, str] | None:
    """The initialised router and the name of its configuration; None after errors, which have been printed."""
    try:
        text, name = (one_character_a_byte(command.file or ""), "config") if command.expression else \
            read_configuration(command.file or "-")
    except UsageError as error:
        write_error(f"{error}\n")
        return None
    try:
        router = make_router(text, name, command).initialize()
    except ConfigError as error:
        complain(error.diagnostics, command.warnings)
        write_error("" if isinstance(error, Incomplete) else "Router could not be initialized!\n")
        return None
    complain(router.diagnostics, command.warnings)
    return router, name


def make_router(text: str, name: str, command: Command, old: Router | None = None) -> Router:
    """The router of a text, not yet initialised, on the virtual CPUs of `old` if there is one; raises ConfigError."""
    from netos.lang import parse_config
    from netos.registry import default_registry
    from netos.router import Router

    graph, diagnostics = parse_config(text, name, class_info=default_registry.class_info,
                                      class_names=default_registry.names, definitions=command.definitions,
                                      search_path=command.search_path)
    for number, configuration in enumerate(command.sockets):
        graph.add(f"click_driver@@ControlSocket{f'@{number}' if number else ''}", "ControlSocket", configuration,
                  Location("command line"))
    try:
        if old is not None:
            return Router(graph, diagnostics=diagnostics, cpu=old.cpu, threads=old.threads)
        return Router(graph, diagnostics=diagnostics, simulated=command.simulated, threads=make_threads(command))
    except ConfigError as error:
        raise Incomplete(error.diagnostics) if graph.incomplete else error from None


def make_threads(command: Command) -> Threads | None:
    """The threads that -j asks for, pinned to processors in turn with -a; None for one, which needs none of this."""
    if command.threads == 1:
        return None
    from netos.kernel.threads import Threads

    first = command.first_processor
    processors = sorted(os.sched_getaffinity(0))
    return Threads(command.threads, [] if first is None else [
        processors[(first + number) % len(processors)] for number in range(command.threads)])


def complain(diagnostics: Diagnostics, warnings: bool) -> None:
    """Print diagnostics as Click does."""
    from netos.lang import render_click

    write_error(render_click(entry for entry in diagnostics if warnings or entry.severity != "warning"))


def run(running: Running, name: str, command: Command) -> int:
    """Do what is asked with a router; the exit status."""
    router = running.router
    if command.output:
        write_flat(router, command.output)
    start = (*os.times()[:2], time.perf_counter())
    if not command.quit:
        if router.elements:
            drive_router(running, command)
            router = running.router
        elif command.warnings:
            write_error(f"warning: {name}: configuration has no elements, exiting\n")
    if command.time:
        user, system, real = (after - before for after, before in zip((*os.times()[:2], time.perf_counter()), start))
        write_out(f"{user:.3f}u {system:.3f}s {int(real // 60)}:{real % 60:05.2f}\n")
    status = 0
    if command.handlers:
        from netos.cli.click_handlers import print_handlers

        status = 0 if print_handlers(router, command.handlers) else 1
    return exit_status(router, command.exit_handler) if command.exit_handler else status


def drive_router(running: Running, command: Command) -> None:
    """Run until the driver stops."""
    if command.first_processor is not None:
        try:
            os.sched_setaffinity(0, {command.first_processor})
        except OSError as error:
            write_error(f"netos click: cannot use processor {command.first_processor}: {error.strerror}\n")
    running.drive()


def write_flat(router: Router, file: str) -> None:
    """Write the flat configuration; what fails is said, and no reason not to run."""
    text = router.read("flatconfig")
    if file == "-":
        write_out(text)
        return
    try:
        with open(file, "wb") as output:
            output.write(text.encode("latin-1", "replace"))
    except OSError as error:
        write_error(f"{file}: {error.strerror}\n")


def exit_status(router: Router, handler: str) -> int:
    """What a read handler says the exit status is: an integer, or a bool."""
    from netos.args.numbers import BOOLS, integer

    try:
        text = router.read(handler).strip()
    except (HandlerError, NetosError) as error:
        write_error(f"{error}\n")
        return 255
    value = integer(text)
    if value is None:
        return 255 if text not in BOOLS else 0 if BOOLS[text] else 1
    return value & 255

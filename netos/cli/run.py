"""netos run: run a configuration as an appliance until a signal."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netos.cli.configuration import REFUSED, UsageError, load_replicas, read_configuration, split_definitions
from netos.cli.run_service import (
    add_options,
    announce,
    before_loop,
    check_options,
    conclude,
    giving_up,
    pid_file,
    reported,
)
from netos.control.logs import event, set_up
from netos.errors import NetosError

if TYPE_CHECKING:
    from netos.control.generations import Configuration, Generations
    from netos.control.replicas import Replicas
    from netos.kernel.boot import BootChart

FAILED, USAGE = 1, 2    # exit statuses
JOBS_MAX = 64
SUMMARY = "run a configuration on its devices until a signal"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos run", description=SUMMARY)
    made.add_argument("file", metavar="FILE", help="the configuration, - for standard input")
    made.add_argument("definitions", metavar="NAME=VALUE", nargs="*", default=[],
                      help="define $NAME in the configuration")
    made.add_argument("--batch", type=int, default=256, metavar="N",
                      help="packets moved at once where the configuration's bursts are smaller (default %(default)s)")
    made.add_argument("--threaded", action="store_true", help="run the packets on an OS thread of their own")
    made.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="run N replicas of the graph, each on a "
                      "virtual CPU of its own with a queue of every device (default %(default)s)")
    made.add_argument("--name", help="the appliance's name, for its control socket (default: default)")
    made.add_argument("--control", metavar="PATH|HOST:PORT", help="where to listen for netos read, reload and the like "
                      "(default: a UNIX socket by the appliance's name; `none` for nowhere)")
    made.add_argument("--metrics", metavar="PATH|HOST:PORT", default="",
                      help="serve metrics there over HTTP, /metrics for Prometheus (default: nowhere)")
    made.add_argument("--state", metavar="DIR", type=Path, help="keep the last good configuration and an audit log "
                      "there; at the start, what was good last is used when FILE is refused")
    made.add_argument("--bootchart", action="store_true", help="show how long each phase of the start took")
    made.add_argument("--quiet", action="store_true", help="print nothing but errors and warnings")
    add_options(made)
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0 after a signal or a `stop`, 3 for a bad configuration or device."""
    options = parser().parse_intermixed_args(argv)
    if not 1 <= options.batch <= 256:
        print(f"netos run: --batch {options.batch}: must be from 1 to 256", file=sys.stderr)
        return 2
    if not 1 <= options.jobs <= JOBS_MAX:
        print(f"netos run: --jobs {options.jobs}: must be from 1 to {JOBS_MAX}", file=sys.stderr)
        return 2
    set_up(options.log, options.quiet)
    check_options(options)
    gc.disable()                    # until packets flow: a start makes little garbage
    try:
        with pid_file(options):
            return run(options)
    except (NetosError, OSError) as error:
        if options.log == "text":
            raise
        event("failed", str(error), logging.ERROR)
        return USAGE if isinstance(error, UsageError) else FAILED
    finally:
        gc.enable()


def run(options: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from netos.control.generations import Generations
    from netos.kernel.boot import BootChart

    chart = BootChart()
    generations = Generations(options.state)
    started = reported(options, lambda: first_replicas(options, chart, generations))
    if isinstance(started, int):
        return started
    replicas, configuration = started
    import uvloop

    before_loop(options)
    with chart.phase("event loop"):
        loop = uvloop.new_event_loop()
    try:
        if options.bootchart:
            print(chart.text(), file=sys.stderr)
        loop.run_until_complete(serve(options, replicas, configuration, generations))
    finally:
        loop.close()
    return 0


def first_replicas(options: argparse.Namespace, chart: BootChart, generations: Generations
                   ) -> tuple[Replicas, Configuration] | int:
    """The graph to begin with: that of FILE, or when it is refused, of what was good last; else the exit status."""
    from netos.control.generations import Configuration

    definitions = split_definitions(options.definitions)
    try:
        text, name = read_configuration(options.file)
        found = load_replicas(name, definitions, options.jobs, chart=chart, widen=options.batch, text=text)
    except UsageError as error:
        if generations.load_good() is None:
            raise
        event("configuration", str(error), logging.ERROR, file=options.file)
        text, name, found = "", options.file, REFUSED
    if not isinstance(found, int):
        return found, Configuration(text, name, definitions)
    good = generations.load_good()
    if good is None:
        return found
    generations.audit("fallback", file=name, instead=good.filename, who="start", accepted=False, generation=1,
                      message=f"it is refused; starting with what was good last, {good.filename}")
    found = load_replicas(good.filename, good.definitions, options.jobs, chart=chart, widen=options.batch,
                          text=good.text)
    if not isinstance(found, int):
        return found, good
    generations.audit("fallback", file=good.filename, who="start", accepted=False, generation=0,
                      message="what was good last is refused, too: nothing was started")
    return found


async def serve(options: argparse.Namespace, replicas: Replicas, configuration: Configuration,
                generations: Generations) -> None:
    """Run the graph until it stops or a signal comes; a second signal ends the process as ever."""
    from netos.control.daemon import Daemon, Settings
    from netos.control.generations import Configuration as Kind

    def reread() -> Configuration:
        return Kind(read_configuration(options.file)[0], configuration.filename, configuration.definitions)

    settings = Settings(control_place(options), bool(options.control or options.name), options.threaded, options.batch,
                        None if options.file == "-" else reread, options.metrics, options.drain,
                        giving_up(options, control_place(options)))
    daemon = Daemon(replicas, configuration, generations, settings, lambda line: event("daemon", line))

    def ready(place: str) -> None:
        gc.enable()
        announce(daemon.access.routers, place, daemon.appliance.generation)

    try:
        await daemon.run(ready)
        conclude(daemon.access.routers, daemon.access.uptime)
    finally:
        daemon.appliance.close()


def control_place(options: argparse.Namespace) -> str:
    """Where the control socket is to be; "" for none."""
    from netos.control.paths import socket_path

    if options.control is None:
        return socket_path(options.name or "default")
    return "" if options.control == "none" else str(options.control)

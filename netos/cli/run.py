"""netos run: run a configuration as an appliance until a signal."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netos.cli.configuration import REFUSED, UsageError, load_router, read_configuration, split_definitions

if TYPE_CHECKING:
    from netos.control.generations import Configuration, Generations
    from netos.kernel.boot import BootChart
    from netos.router import Router

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
    made.add_argument("--name", help="the appliance's name, for its control socket (default: default)")
    made.add_argument("--control", metavar="PATH|HOST:PORT", help="where to listen for netos read, reload and the like "
                      "(default: a UNIX socket by the appliance's name; `none` for nowhere)")
    made.add_argument("--metrics", metavar="PATH|HOST:PORT", default="",
                      help="serve metrics there over HTTP, /metrics for Prometheus (default: nowhere)")
    made.add_argument("--state", metavar="DIR", type=Path, help="keep the last good configuration and an audit log "
                      "there; at the start, what was good last is used when FILE is refused")
    made.add_argument("--bootchart", action="store_true", help="show how long each phase of the start took")
    made.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0 after a signal or a `stop`, 3 for a bad configuration or device."""
    options = parser().parse_intermixed_args(argv)
    if not 1 <= options.batch <= 256:
        print(f"netos run: --batch {options.batch}: must be from 1 to 256", file=sys.stderr)
        return 2
    logging.basicConfig(format="netos: %(message)s", level=logging.WARNING)
    from netos.control.generations import Generations
    from netos.kernel.boot import BootChart

    chart = BootChart()
    generations = Generations(options.state)
    started = first_router(options, chart, generations)
    if isinstance(started, int):
        return started
    router, configuration = started
    import uvloop

    with chart.phase("event loop"):
        loop = uvloop.new_event_loop()
    try:
        if options.bootchart:
            print(chart.text(), file=sys.stderr)
        loop.run_until_complete(serve(options, router, configuration, generations))
    finally:
        loop.close()
    return 0


def first_router(options: argparse.Namespace, chart: BootChart, generations: Generations
                 ) -> tuple[Router, Configuration] | int:
    """The router to begin with: that of FILE, or when it is refused, of what was good last; else the exit status."""
    from netos.control.generations import Configuration

    definitions = split_definitions(options.definitions)
    try:
        text, name = read_configuration(options.file)
        found = load_router(name, definitions, chart=chart, widen=options.batch, text=text)
    except UsageError:
        if generations.load_good() is None:
            raise
        text, name, found = "", options.file, REFUSED
    if not isinstance(found, int):
        return found, Configuration(text, name, definitions)
    good = generations.load_good()
    if good is None:
        return found
    print(f"netos: {name} is refused: starting with what was good last, {good.filename}", file=sys.stderr)
    found = load_router(good.filename, good.definitions, chart=chart, widen=options.batch, text=good.text)
    return found if isinstance(found, int) else (found, good)


async def serve(options: argparse.Namespace, router: Router, configuration: Configuration,
                generations: Generations) -> None:
    """Run the router until it stops or a signal comes; a second signal ends the process as ever."""
    from netos.control.daemon import Daemon, Settings
    from netos.control.generations import Configuration as Kind

    def reread() -> Configuration:
        return Kind(read_configuration(options.file)[0], configuration.filename, configuration.definitions)

    settings = Settings(control_place(options), bool(options.control or options.name), options.threaded, options.batch,
                        None if options.file == "-" else reread, options.metrics)
    daemon = Daemon(router, configuration, generations, settings,
                    lambda line: print(f"netos: {line}", file=sys.stderr, flush=True))
    try:
        await daemon.run(lambda place: None if options.quiet else announce(router, place))
        if not options.quiet:
            print(summary(daemon.appliance.router))
    finally:
        daemon.appliance.close()


def control_place(options: argparse.Namespace) -> str:
    """Where the control socket is to be; "" for none."""
    from netos.control.paths import socket_path

    if options.control is None:
        return socket_path(options.name or "default")
    return "" if options.control == "none" else str(options.control)


def announce(router: Router, control: str) -> None:
    """Say what runs, on which devices, and where it can be controlled."""
    from netos.drivers.devices import claims_of

    devices = ", ".join(sorted(claims_of(router.cpu))) or "no device"
    print(f"netos: {len(router.elements)} elements on {devices}; stop with Ctrl-C"
          f"{f'; control at {control}' if control else ''}", flush=True)


def summary(router: Router) -> str:
    """What has come, gone and been dropped."""
    balance = router.cpu.balance
    lines = ["netos: " + ", ".join(f"{name} {balance[name]}" for name in
                                   ("received", "created", "sent", "consumed", "dropped", "held"))]
    lines += [f"  dropped {count} as {reason} in {element}"
              for element, reasons in router.drops.items() for reason, count in reasons.items()]
    lines += [f"  in software for {element}: {segmented} segmented, {completed} checksums completed"
              for element, (segmented, completed) in router.offloads.items()]
    return "\n".join(lines)

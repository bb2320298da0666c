"""netos run: run a configuration as an appliance until a signal."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netos.cli.configuration import load_router, split_definitions

if TYPE_CHECKING:
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
    made.add_argument("--bootchart", action="store_true", help="show how long each phase of the start took")
    made.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0 after a signal or a `stop`, 3 for a bad configuration or device."""
    options = parser().parse_args(argv)
    if not 1 <= options.batch <= 256:
        print(f"netos run: --batch {options.batch}: must be from 1 to 256", file=sys.stderr)
        return 2
    logging.basicConfig(format="netos: %(message)s", level=logging.WARNING)
    from netos.kernel.boot import BootChart

    chart = BootChart()
    router = load_router(options.file, split_definitions(options.definitions), chart=chart, widen=options.batch)
    if isinstance(router, int):
        return router
    import uvloop

    with chart.phase("event loop"):
        loop = uvloop.new_event_loop()
    try:
        if options.bootchart:
            print(chart.text(), file=sys.stderr)
        if not options.quiet:
            announce(router)
        loop.run_until_complete(serve(router))
        if not options.quiet:
            print(summary(router))
    finally:
        router.close()
        loop.close()
    return 0


async def serve(router: Router) -> None:
    """Run the router until it stops or a signal comes; a second signal ends the process as ever."""
    from netos.kernel.inline import InlineRunner

    loop = asyncio.get_running_loop()
    runner = InlineRunner(router.cpu, loop)

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        router.halt()
        router.cpu.ended()          # a driver script runs on to its end
        if not runner.stopped.done():
            runner.stopped.set_result(None)

    calls = {signal.SIGINT: stop, signal.SIGTERM: stop, **router.signal_calls}
    for number, call in calls.items():
        loop.add_signal_handler(number, call)
    runner.start()
    try:
        await runner.stopped
    finally:
        runner.close()


def announce(router: Router) -> None:
    """Say what runs, on which devices."""
    from netos.drivers.devices import claims_of

    devices = ", ".join(sorted(claims_of(router.cpu))) or "no device"
    print(f"netos: {len(router.elements)} elements on {devices}; stop with Ctrl-C", flush=True)


def summary(router: Router) -> str:
    """What has come, gone and been dropped."""
    balance = router.cpu.balance
    lines = ["netos: " + ", ".join(f"{name} {balance[name]}" for name in
                                   ("received", "created", "sent", "consumed", "dropped", "held"))]
    lines += [f"  dropped {count} as {reason} in {element}"
              for element, reasons in router.drops.items() for reason, count in reasons.items()]
    return "\n".join(lines)

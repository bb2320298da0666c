"""netos fuzz: mutated frames into a configuration or the stack in virtual time; captures of what goes wrong."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from netos.cli.configuration import REFUSED, UsageError, read_configuration, split_definitions
from netos.cli.fuzz_target import is_accepted
from netos.fuzz.campaign import Campaign, Finding, kind_of
from netos.fuzz.plan import STACK, Plan
from netos.fuzz.templates import PROTOCOLS, scapy_templates

SUMMARY = "send mutated frames into a configuration or the stack, and shrink what goes wrong"
OFTEN, SELDOM = 0.5, 10.0       # seconds between two lines of progress: on a terminal, elsewhere


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos fuzz", description=SUMMARY)
    made.add_argument("target", metavar="CONFIG | stack", help="a configuration, or the host's protocol stack")
    made.add_argument("definitions", metavar="NAME=VALUE", nargs="*", help="definitions of $NAME in the configuration")
    made.add_argument("--proto", action="append", choices=PROTOCOLS,
                      help="frames of this protocol alone; may be repeated")
    made.add_argument("--seconds", type=float, default=60.0, metavar="N", help="how long (60)")
    made.add_argument("--seed", type=int, default=1, metavar="S", help="what all chance follows from (1)")
    made.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (1)")
    made.add_argument("--out", default=".", metavar="DIR", help="where captures of findings go (here)")
    made.add_argument("--rounds", type=int, metavar="N", help="end after so many rounds")
    made.add_argument("--budget", type=float, default=0.5, metavar="SECONDS",
                      help="CPU time that a batch of frames may take (0.5)")
    made.add_argument("--shrink", type=float, default=60.0, metavar="SECONDS", help="time to shrink one finding (60)")
    made.add_argument("--no-scapy", action="store_true", help="only netos's own templates")
    made.add_argument("--no-checksums", action="store_true", help="let a configuration send IP headers that are wrong")
    made.add_argument("--json", action="store_true", help="print the result as JSON, and no progress")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0, 1 when something was found, 3 when the configuration has errors.

    A signal that ends it leaves what was found so far; without a finding the status is 128 and the signal's number.
    """
    options = parser().parse_args(argv)
    for name in ("jobs", "seconds", "rounds", "budget"):
        if getattr(options, name) is not None and not getattr(options, name) > 0:
            raise UsageError(f"--{name} must be more than zero")
    plan = plan_of(options)
    if plan.target != STACK and not is_accepted(plan):
        return REFUSED
    out = directory(options.out)
    campaign = Campaign(plan, out, lambda line: None if options.json else say(line), jobs=options.jobs,
                        shrinking=options.shrink, rounds=options.rounds)
    progress = Progress(quiet=options.json)
    interrupted = until_interrupted(lambda: campaign.run(options.seconds, progress.show))
    findings = campaign.findings
    if options.json:
        frames, reached, rounds, slowest = campaign.totals()
        print(json.dumps({"frames": frames, "reached": reached, "rounds": rounds, "slowest": slowest / 1e9,
                          "seconds": time.monotonic() - campaign.started,
                          "findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        progress.end(campaign)
        report(campaign, findings)
    return 1 if findings else interrupted


def until_interrupted(go: Callable[[], object]) -> int:
    """Call a function; 0, or 128 and the number of the signal, SIGINT or SIGTERM, that has ended it."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        go()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except SystemExit as ended:
        if ended.code != 128 + signal.SIGTERM:
            raise
        return 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def directory(name: str) -> Path:
    """Where findings go: found out now, not when there is one; raises UsageError."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise UsageError(f"findings cannot be written to {name}: {error.strerror}; name another directory "
                         "with --out") from error


def plan_of(options: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    plan = Plan(protocols=options.proto or list(PROTOCOLS), seed=options.seed, budget=options.budget,
                checksums=not options.no_checksums,
                scapy=not options.no_scapy and bool(scapy_templates(PROTOCOLS)))
    if options.target != STACK:
        plan.text, plan.target = read_configuration(options.target)
        plan.definitions = split_definitions(options.definitions)
    elif options.definitions:
        raise UsageError(f"the stack has no definitions: '{options.definitions[0]}'")
    return plan


def say(line: str) -> None:
    """Print a line, over one of progress."""
    print(f"\r\033[K{line}" if sys.stdout.isatty() else line, flush=True)


class Progress:
    """A line that is written again on a terminal, or now and then elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.terminal = sys.stdout.isatty()
        self.shown = time.monotonic()

    def show(self, campaign: Campaign) -> None:
        """Called often."""
        now = time.monotonic()
        if self.quiet or now - self.shown < (OFTEN if self.terminal else SELDOM):
            return
        self.shown = now
        text = line_of(campaign)
        print(f"\r\033[K{text}" if self.terminal else text, end="" if self.terminal else "\n", flush=True)

    def end(self, campaign: Campaign) -> None:
        """The last line."""
        say(line_of(campaign))


def line_of(campaign: Campaign) -> str:
    """What was done so far."""
    frames, reached, rounds, slowest = campaign.totals()
    seconds = max(time.monotonic() - campaign.started, 1e-9)
    connections = (f", {reached:,} to established connections ({reached / seconds:,.0f}/s)"
                   if campaign.plan.target == STACK else "")
    return (f"{seconds:.0f} s: {frames:,} frames ({frames / seconds:,.0f}/s){connections}, {rounds} rounds, "
            f"slowest batch {slowest / 1e6:.1f} ms, {len(campaign.findings)} found")


def report(campaign: Campaign, findings: list[Finding]) -> None:
    """What was found, each with the command that shows it again."""
    for finding in findings:
        again = campaign.again.get(kind_of(finding.reason), 0)
        print(f"FOUND {finding.reason}" + (f" ({again} times more)" if again else ""))
        if finding.reproduced:
            print(f"      {finding.frames} of {finding.noted} frames suffice: netos replay {shlex.quote(finding.path)}")
        else:
            print(f"      a replay of its {finding.noted} frames does not show it: {finding.path}")
    if not findings:
        print(f"{campaign.plan.target}: nothing was found")

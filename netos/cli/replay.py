"""netos replay: send the frames of a capture into a configuration or the stack again, at their times, watched again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from netos.cli.configuration import REFUSED, read_configuration, split_definitions
from netos.cli.fuzz_target import is_accepted
from netos.fuzz.capture import read_finding
from netos.fuzz.plan import SEEDS, STACK, Plan
from netos.fuzz.templates import PROTOCOLS, scapy_templates
from netos.fuzz.trial import trial

SUMMARY = "send a finding of netos fuzz, or any capture, into its target again"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos replay", description=SUMMARY)
    made.add_argument("file", metavar="FILE", help="a capture that netos fuzz has written, or any other")
    made.add_argument("definitions", metavar="NAME=VALUE", nargs="*", help="definitions of $NAME in the configuration")
    made.add_argument("--into", metavar="CONFIG | stack", help="another target than the finding's")
    made.add_argument("--seed", type=int, default=1, metavar="S", help="of a capture that carries none (1)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0, 1 when something goes wrong, 3 when the configuration has errors."""
    options = parser().parse_args(argv)
    plan = None
    if options.into is not None:
        plan = Plan(seed=options.seed & SEEDS, scapy=False)
        if options.into != STACK:
            plan.text, plan.target = read_configuration(options.into)
            plan.definitions = split_definitions(options.definitions)
    plan, seed, records = read_finding(options.file, plan)
    if plan.target != STACK and not is_accepted(plan):
        return REFUSED
    if plan.target != STACK and plan.scapy and not scapy_templates(PROTOCOLS):
        print("netos replay: this was found with scapy, which is not installed here: the configuration is woken with "
              "other frames (pip install 'netos[scapy]')", file=sys.stderr)
    print(f"{options.file}: {len(records)} frames into {plan.target}, seed {seed}", flush=True)
    wrong = trial(plan, seed, records, plan.corpus(), quiet=False)
    print(f"FOUND {wrong}" if wrong else "nothing goes wrong")
    return 1 if wrong else 0

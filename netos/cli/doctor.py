"""netos doctor: what this machine lacks for netos, and what to type about it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

SUMMARY = "say what this machine lacks for netos, with fixes"
SICK = 1


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos doctor", description=SUMMARY)
    made.add_argument("--json", action="store_true", help="for machines")
    made.add_argument("-q", "--quiet", action="store_true", help="print nothing but warnings and problems")
    made.add_argument("--state", metavar="DIR", default="/var/lib/netos",
                      help="the state directory that netos run is to use (default %(default)s)")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0, or 1 when something keeps netos from running."""
    from netos.control.doctor import examine, findings_json, findings_text, problems
    from netos.control.host import Host

    options = parser().parse_args(argv)
    found = examine(Host(state_folder=options.state))
    print(json.dumps(findings_json(found), indent=2) if options.json else findings_text(found, options.quiet))
    return SICK if problems(found) else 0

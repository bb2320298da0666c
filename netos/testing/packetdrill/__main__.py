"""python -m netos.testing.packetdrill: run scripts, say `ok` or what is wrong with each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from netos.testing.packetdrill.nodes import ScriptError
from netos.testing.packetdrill.runner import run_file


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 when a script failed, 2 when one could not be read."""
    parser = argparse.ArgumentParser(prog="python -m netos.testing.packetdrill", description="Run packetdrill scripts "
                                     "against netos's own stack, in virtual time. Needs no privileges.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a script")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every packet")
    parser.add_argument("--strict", action="store_true", help="fail also at packets that the script leaves out")
    parser.add_argument("--ignore-commands", action="store_true", help="pass over `commands` for the shell")
    parser.add_argument("--lenient", action="store_true",
                        help="take any window scale, and PSH or not: where stacks differ")
    options = parser.parse_args(argv)
    failed = unreadable = 0
    for name in options.files:
        try:
            run_file(name, ignore_commands=options.ignore_commands, lenient=options.lenient,
                     strict=options.strict, say=(lambda text: print(f"   {text}")) if options.verbose else None)
        except ScriptError as error:
            failed += 1
            print(f"FAIL {error}")
        except (OSError, UnicodeDecodeError) as error:
            unreadable += 1
            print(f"cannot read {name}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}", file=sys.stderr)
        else:
            print(f"ok   {name}")
    return 2 if unreadable else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

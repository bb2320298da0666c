"""The netos command: finds the module of a verb and runs it; whatever goes wrong is said in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

VERBS = ("run", "exec", "reload", "confirm", "rollback", "read", "write", "handlers", "top", "drops", "flows", "trace",
         "dump", "lab", "click", "check", "test", "fuzz", "replay", "diff", "flatten", "graph", "elements", "explain",
         "doctor")
FAILED, USAGE, INTERRUPTED, UNREAD = 1, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run `netos VERB …`; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = dispatch(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return UNREAD
    except SystemExit as leaving:       # argparse leaves this way
        return leaving.code if isinstance(leaving.code, int) else FAILED if leaving.code else 0
    except Exception as error:
        return failed(arguments, error)


def dispatch(arguments: list[str]) -> int:
    """Run the verb that the first argument names."""
    if not arguments or arguments[0] in ("help", "--help", "-h"):
        print(overview(), end="")
        return 0
    verb, *rest = arguments
    if verb in ("--version", "-v", "version"):
        from netos.global_handlers import version_text

        print(f"netos {version_text()}")
        return 0
    if verb not in VERBS:
        from difflib import get_close_matches

        hint = get_close_matches(verb, VERBS, n=1)
        print(f"netos: there is no verb '{verb}'{f'; did you mean {hint[0]}?' if hint else ''}\n"
              "Try 'netos --help' for a list.", file=sys.stderr)
        return USAGE
    status: int = import_module(f"netos.cli.{verb}").main(rest)
    return status


def overview() -> str:
    """What netos is and can do."""
    lines = ["netos: network functions written in the Click language, on a library operating system of their own", "",
             "Usage: netos VERB [ARGUMENT]...", ""]
    for verb in VERBS:
        try:
            lines.append(f"  {verb:<10} {import_module(f'netos.cli.{verb}').SUMMARY}")
        except ImportError:
            continue
    return "\n".join([*lines, "", "'netos VERB --help' says more about a verb.", ""])


def failed(arguments: list[str], error: Exception) -> int:
    """Say what went wrong; NETOS_TRACEBACK in the environment shows where."""
    from netos.errors import NetosError

    if os.environ.get("NETOS_TRACEBACK"):
        import traceback

        traceback.print_exc()
    usage = getattr(error, "exit_status", USAGE if type(error).__name__ == "UsageError" else FAILED)
    message = str(error) if isinstance(error, (NetosError, OSError)) else \
        f"{type(error).__name__}: {error} (this is a fault of netos; NETOS_TRACEBACK=1 shows where)"
    print(f"netos {' '.join(arguments[:1])}: {message}", file=sys.stderr)
    return usage


if __name__ == "__main__":
    sys.exit(main())

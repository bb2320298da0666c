"""netos lab: put a configuration between two hosts made for the occasion, and show that it forwards real packets."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence

from netos.cli.configuration import split_definitions

SUMMARY = "show a configuration at work between two hosts in network namespaces of its own"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos lab", description=SUMMARY)
    made.add_argument("file", metavar="FILE", help="a configuration with $DEV0 and $DEV1, or with $DEV alone")
    made.add_argument("definitions", metavar="NAME=VALUE", nargs="*", default=[],
                      help="define $NAME in the configuration")
    made.add_argument("--seconds", type=float, default=3.0, metavar="N", help="length of the TCP transfer (default 3)")
    made.add_argument("--memory", action="store_true", help="use memory devices and made traffic, no namespaces")
    return made


def refusal() -> tuple[str, bool]:
    """Why real taps in namespaces cannot be had here ("" when they can), and whether a user namespace would do."""
    from netos.testing.namespace import CAP_SYS_ADMIN, has_capability, namespaces_refused

    if shutil.which("ip") is None:
        return "the command ip is missing (install iproute2)", False
    if not os.path.exists("/dev/net/tun"):
        return "/dev/net/tun is missing (modprobe tun)", False
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun may not be opened by this user (run as root)", False
    refused = namespaces_refused()
    return (refused, False) if refused else ("", not has_capability(CAP_SYS_ADMIN))


def main(argv: Sequence[str]) -> int:
    """Run the verb: 0 when every test passed, 1 when one did not, 3 for a bad configuration."""
    options = parser().parse_intermixed_args(argv)
    definitions = split_definitions(options.definitions)
    if not 0 < options.seconds <= 3600:
        print(f"netos lab: --seconds {options.seconds:g}: must be more than 0, and 3600 at most", file=sys.stderr)
        return 2
    logging.basicConfig(format="netos: %(message)s", level=logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    reason, user_namespace = refusal()
    if user_namespace and not options.memory:
        from netos.testing.namespace import rerun_as_namespace_root

        sys.stdout.flush()
        rerun_as_namespace_root([sys.executable, "-m", "netos", "lab", *argv])
    if options.memory or reason:
        from netos.cli.lab_memory import MemoryLab

        print("netos lab: memory devices and made traffic"
              + (f", because {reason}" if reason and not options.memory else ""))
        return MemoryLab(options.file, definitions).run()
    from netos.cli.lab_namespaces import NamespaceLab

    return NamespaceLab(options.file, definitions, options.seconds).run()

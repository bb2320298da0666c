"""Whether what is to be fuzzed is a configuration at all, found out in a process of its own."""

from __future__ import annotations

import os
import sys

from netos.cli.configuration import REFUSED, UsageError, print_diagnostics
from netos.errors import ConfigError
from netos.fuzz.plan import Plan

BARE = 4                    # exit status of the child for a configuration without devices


def is_accepted(plan: Plan) -> bool:
    """Whether the configuration has no errors; says what is wrong with it. Raises UsageError where nothing can go in.

    In a child, for a process that has packet buffers cannot be forked into children that make their own.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = build(plan)
            sys.stderr.flush()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == BARE:
        raise UsageError(f"{plan.target} has no device that frames could go into, such as a tap of FromDevice")
    return status == 0


def build(plan: Plan) -> int:
    """Make the graph's router and take it apart again; an exit status."""
    from netos.drivers.devices import claims_of
    from netos.router import Router
    from netos.testing.appliance import CABLES

    graph, diagnostics = plan.graph()
    try:
        router = Router(graph, diagnostics=diagnostics, simulated=0)
    except ConfigError as error:
        print_diagnostics(error.diagnostics, graph.source_lines)
        return REFUSED
    fitting = any(claim.kind in CABLES for claim in claims_of(router.cpu).values())
    router.close()
    return 0 if fitting else BARE

"""Whether what is to be fuzzed is a configuration at all, found out in a process of its own."""

from __future__ import annotations

import os
import sys

from netos.cli.configuration import REFUSED, print_diagnostics
from netos.errors import ConfigError
from netos.fuzz.plan import Plan


def is_accepted(plan: Plan) -> bool:
    """Whether the configuration has no errors; says what is wrong with it.

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
    return status == 0


def build(plan: Plan) -> int:
    """Make the graph's router and take it apart again; an exit status."""
    from netos.router import Router

    graph, diagnostics = plan.graph()
    try:
        Router(graph, diagnostics=diagnostics, simulated=0).close()
    except ConfigError as error:
        print_diagnostics(error.diagnostics, graph.source_lines)
        return REFUSED
    return 0

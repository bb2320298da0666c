"""python -m bench [a|b|c ...] [--quick]: run the benchmarks and print their table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence

from bench.measure import Fact, Row, facts_table, table


def memory_rows(quick: bool) -> list[Row]:
    from bench.memory_path import rows

    return rows(quick)


def tap_rows(quick: bool) -> list[Row]:
    from bench.tap_path import rows

    return rows(quick)


def bulk_rows(quick: bool) -> list[Row]:
    from bench.bulk_path import rows

    return rows(quick)


def thread_rows(quick: bool) -> list[Row | Fact]:
    from bench.two_vcpus import rows

    return rows(quick)


def flow_rows(quick: bool) -> list[Row]:
    from bench.flows import rows

    return rows(quick)


def reload_facts(quick: bool) -> list[Fact]:
    from bench.reload_path import facts

    return facts(quick)


def daemon_facts(quick: bool) -> list[Fact]:
    from bench.daemon_figures import facts

    return facts(quick)


def start_facts(quick: bool) -> list[Fact]:
    from bench.start import facts

    return facts(quick)


def trace_rows(quick: bool) -> list[Row]:
    from bench.trace_off import rows

    return rows(quick)


def stack_bulk_rows(quick: bool) -> list[Row]:
    from bench.stack_bulk import rows

    return rows(quick)


def stack_http_rows(quick: bool) -> list[Row]:
    from bench.stack_http import rows

    return rows(quick)


def stack_ping_rows(quick: bool) -> list[Row]:
    from bench.stack_ping import rows

    return rows(quick)


def stack_memory_facts(quick: bool) -> list[Fact]:
    from bench.stack_memory import facts

    return facts(quick)


PARTS: dict[str, Callable[[bool], Sequence[Row | Fact]]] = {
    "a": memory_rows, "b": tap_rows, "c": bulk_rows, "d": thread_rows, "e": flow_rows, "f": daemon_facts,
    "h": stack_http_rows, "k": stack_bulk_rows, "m": stack_memory_facts, "p": stack_ping_rows, "r": reload_facts,
    "s": start_facts, "t": trace_rows}


def main() -> int:
    """Run what the command line names (everything by default)."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What each part measures: docs/benchmarks.md.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {' '.join(PARTS)}; everything, if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    asked = parser.parse_args()
    unknown = sorted(set(asked.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {' '.join(PARTS)}")
    print(f"netos benchmarks: {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}; "
          "medians, each pair measured in turn\n", flush=True)
    found: list[Row | Fact] = []
    for part in asked.parts or PARTS:
        print(f"  measuring {part} ...", file=sys.stderr, flush=True)
        found += PARTS[part](asked.quick)
    rows = [row for row in found if isinstance(row, Row)]
    facts = [fact for fact in found if isinstance(fact, Fact)]
    print("\n\n".join(text for text in (table(rows) if rows else "", facts_table(facts) if facts else "") if text))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

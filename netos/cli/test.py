"""netos test: put a configuration through the cases of case files, packets in and packets out, in virtual time."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from netos.cli.configuration import (
    DEFINITION,
    REFUSED,
    UsageError,
    one_character_a_byte,
    parse_text,
    print_diagnostics,
    read_configuration,
    split_definitions,
)
from netos.errors import ConfigError
from netos.testing.appliance import Appliance
from netos.testing.cases import Case, CaseError, CaseFile, Statement
from netos.testing.cases_steps import ExpectNothing, Mismatch, Run

SUMMARY = "put a configuration through cases: packets in, packets expected out"


def parser() -> argparse.ArgumentParser:
    """The verb's options."""
    made = argparse.ArgumentParser(prog="netos test", description=SUMMARY)
    made.add_argument("config", metavar="CONFIG", help="the configuration")
    made.add_argument("cases", metavar="CASES | NAME=VALUE", nargs="+",
                      help="case files, and definitions of $NAME in the configuration where they set none")
    made.add_argument("-k", dest="only", metavar="TEXT", default="", help="only cases with TEXT in their names")
    made.add_argument("--batch", type=int, default=256, metavar="N", help="packets a device gives at once (1 to 256)")
    made.add_argument("--threaded", action="store_true", help="run the packets on a thread of their own, as netos run "
                      "--threaded does; the results are the same")
    made.add_argument("--json", action="store_true", help="print the results as JSON")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the verb; the exit status is 0, 1 when a case failed, 3 when the configuration has errors."""
    options = parser().parse_args(argv)
    if not 1 <= options.batch <= 256:
        raise UsageError(f"--batch {options.batch}: must be from 1 to 256")
    definitions = [argument for argument in options.cases if DEFINITION.fullmatch(argument)]
    files = [read_cases(name) for name in options.cases if name not in definitions]
    chosen = [(file, case) for file in files for case in file.cases if options.only in case.name]
    if not chosen:
        raise UsageError(f"no case has '{options.only}' in its name" if options.only else "there is no case file")
    text, name = read_configuration(options.config)
    results = []
    for file, case in chosen:
        graph, diagnostics = parse_text(text, name, split_definitions(definitions) | variables(file, case))
        try:
            appliance = Appliance(graph, diagnostics=diagnostics, width=options.batch, threaded=options.threaded)
        except ConfigError as error:
            print_diagnostics(error.diagnostics, graph.source_lines)
            return REFUSED
        result = run_case(appliance, file, case)
        results.append(result)
        if not options.json:
            print_result(result)
    failed = sum(not result["ok"] for result in results)
    if options.json:
        print(json.dumps({"configuration": name, "failed": failed, "cases": results}, indent=1))
    else:
        print(f"{name}: {len(results)} case{'' if len(results) == 1 else 's'}, {failed} failed")
    return 1 if failed else 0


def read_cases(name: str) -> CaseFile:
    """The cases of a file; raises UsageError with all that is wrong with them."""
    try:
        with open(name, encoding="utf-8") as source:
            return CaseFile(source.read(), name)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {name}: it is not text in UTF-8") from error
    except CaseError as error:
        raise UsageError(f"nothing was tested\n{error}") from error


def variables(file: CaseFile, case: Case) -> dict[str, str]:
    """What a case sets, as configuration text."""
    return {name: one_character_a_byte(value) for name, value in {**file.common.variables, **case.variables}.items()}


def run_case(appliance: Appliance, file: CaseFile, case: Case) -> dict[str, Any]:
    """What came of a case on a fresh appliance, which is taken apart."""
    result: dict[str, Any] = {"case": case.name, "file": file.name, "line": case.line, "ok": True}
    run = Run(appliance)
    end = doing = Statement(case.line, "the end of the case: expect these frames, or 'ignore' them", ExpectNothing(""))
    try:
        for doing in (*file.common.steps, *case.steps, end):
            doing.step.run(run)
    except Mismatch as mismatch:
        result.update(ok=False, failed_line=doing.line, statement=doing.text, details=mismatch.details(),
                      expected=mismatch.expected, got=None if mismatch.got is None else mismatch.got.hex())
    finally:
        appliance.close()
    return result


def print_result(result: dict[str, Any]) -> None:
    """A line, and after a failure what was expected and what came."""
    print(f"{'ok  ' if result['ok'] else 'FAIL'}  {result['case']}")
    if not result["ok"]:
        print(f"      {result['file']}:{result['failed_line']}: {result['statement']}")
        for line in result["details"]:
            print(f"        {line}")

"""Every case of the shipped configurations, inline and on a thread: the same frames come out, in the same order."""

import os
from pathlib import Path

import pytest

pytest.importorskip("scapy.all")

from netos.cli.configuration import parse_text
from netos.cli.test import read_cases, run_case, variables
from netos.testing.appliance import Appliance

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted((CONFIGS / "tests").glob("*.cases"))


def captures(config, file, case, **options):
    """All that came out of each device in a case, what was dropped, and how the packets went."""
    graph, diagnostics = parse_text(config.read_text(encoding="latin-1"), config.name, variables(file, case))
    made = Appliance(graph, diagnostics=diagnostics, **options)
    result = run_case(made, file, case)
    assert result["ok"], result
    return made.captured, made.drops, made.cpu.balance


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_cases_give_identical_captures_inline_and_threaded(path, monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: bytes(range(count)))       # what ports are chosen by
    file = read_cases(str(path))
    for case in file.cases:
        config = CONFIGS / f"{path.stem}.click"
        inline = captures(config, file, case)
        for width in (256, 7):
            assert captures(config, file, case, threaded=True, width=width) == inline, case.name


def test_every_configuration_has_cases():
    assert {path.stem for path in FILES} == {path.stem for path in CONFIGS.glob("*.click")}

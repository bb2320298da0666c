"""netos top on a terminal: with rich in colours, without it plainly and with a word on how to get them."""

import argparse
import builtins
import io
import sys
from types import SimpleNamespace

import pytest

from netos.cli import top

ELEMENT = {"class": "Queue", "in": 1000.0, "out": 900.0, "bits": None, "drops": 0.0, "queue": 3, "capacity": 1000,
           "cpu": None}
RATES = {
    "generation": 2, "uptime": 61.2, "seconds": 1.0, "held": 7,
    "devices": {"tap0": {"rx": 5e5, "tx": 0.0, "rx_bits": 1e9, "tx_bits": 0.0, "errors": 0.0}},
    "elements": {"q": ELEMENT, "full": ELEMENT | {"queue": 950, "drops": 12.0}, "[bold]": ELEMENT | {"cpu": 0.6}}}


def options(**given):
    return argparse.Namespace(**{"json": False, "once": False, "plain": False, **given})


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Standard output as a terminal; a function that tells what was written."""
    monkeypatch.setattr(top, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setenv("TERM", "xterm")
    return lambda: capsys.readouterr().out


@pytest.fixture
def no_rich(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == "rich":
            raise ImportError("no rich")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "netos.cli.top_rich", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)


def test_without_rich_it_is_plain_and_says_what_is_missing(terminal, no_rich):
    with top.shown(options()) as show:
        show(RATES)
    written = terminal()
    assert written.startswith(top.CLEAR + "generation 2, up 61 s, 7 packets held\nDEVICE")
    assert written.endswith("pip install 'netos[tui]' has this shown in colours; "
                                        "--plain leaves this line out\n")


def test_plain_is_plain_without_a_word(terminal):
    with top.shown(options(plain=True)) as show:
        show(RATES)
    written = terminal()
    assert "netos[tui]" not in written
    assert "full     Queue    1k    900            12  950/1000" in written


@pytest.mark.parametrize("given", [{"once": True}, {}], ids=["once", "dumb"])
def test_what_is_no_display_is_not_cleared(terminal, monkeypatch, given):
    monkeypatch.setenv("TERM", "dumb")
    with top.shown(options(**given)) as show:
        show(RATES)
    written = terminal()
    assert "\x1b" not in written
    assert written.startswith("generation 2")


def test_the_busiest_are_shown_where_there_is_no_room():
    assert [row[0] for row in top.element_rows(RATES, 2)] == ["full", "[bold]"]
    assert len(top.element_rows(RATES)) == 3


def test_rich_shows_the_same_cells_and_takes_names_literally():
    console = pytest.importorskip("rich.console")
    from netos.cli.top_rich import picture

    stream = io.StringIO()
    console.Console(file=stream, width=120, color_system=None).print(picture(RATES))
    shown = [line.split() for line in stream.getvalue().splitlines() if line.strip()]
    assert shown == [line.split() for line in top.table(RATES)]


@pytest.mark.parametrize(("head", "cell", "style"), [
    ("DROPS/s", "0", "dim"), ("DROPS/s", "12", "bold red"), ("QUEUE", "950/1000", "bold red"),
    ("QUEUE", "5/10", "yellow"), ("QUEUE", "3/1000", ""), ("QUEUE", "0/0", ""), ("CPU", "91.0%", "bold red"),
    ("CPU", "", "dim"), ("IN/s", "1k", "")])
def test_what_stands_out(head, cell, style):
    pytest.importorskip("rich")
    from netos.cli.top_rich import style_of

    assert style_of(head, cell) == style

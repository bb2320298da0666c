"""netos top with the library rich: the cells of the plain table in colours; drops and full queues stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from netos.cli.rates import Counts
from netos.cli.top import DEVICE_HEADS, ELEMENT_HEADS, WORDS, device_rows, element_rows, headline

FULL, BUSY = 0.9, 0.5           # shares of a queue, of a processor, from which on they are shown in red and yellow


@contextmanager
def display(console: Console | None = None) -> Iterator[Callable[[Counts], None]]:
    """Take the terminal over; yields a function that shows rates."""
    console = console or Console()
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        yield lambda rates: live.update(picture(rates, console.height - 5), refresh=True)


def picture(rates: Counts, most: int = 0) -> Group:
    """What is shown of one interval."""
    devices = device_rows(rates)
    parts: list[Any] = [Text(headline(rates), style="bold")]
    if devices:
        parts.append(grid(DEVICE_HEADS, devices))
    parts.append(grid(ELEMENT_HEADS, element_rows(rates, max(most - len(devices) - 1, 1) if most else 0)))
    return Group(*parts)


def grid(heads: list[str], rows: list[list[str]]) -> Table:
    """A table: words to the left, numbers to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold cyan")
    for head in heads:
        made.add_column(Text(head), justify="left" if head in WORDS else "right", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(cell, style=style_of(head, cell)) for head, cell in zip(heads, row)))
    return made


def style_of(head: str, cell: str) -> str:
    """Red for what is lost or about to be, yellow for what is busy, grey for nothing."""
    if head in WORDS:
        return "bold" if head == "ELEMENT" else ""
    if cell in ("", "0"):
        return "dim"
    if head in ("DROPS/s", "ERRORS/s"):
        return "bold red"
    if head == "QUEUE":
        length, _, capacity = cell.partition("/")
        return graded(int(length) / max(int(capacity or 1), 1))
    return graded(float(cell.rstrip("%")) / 100) if head == "CPU" else ""


def graded(share: float) -> str:
    """The colour of a share."""
    return "bold red" if share >= FULL else "yellow" if share >= BUSY else ""

from collections.abc import Iterable
from typing import Any

from typing_extensions import Buffer

from elements.standard.classification import Program
from netos.proto.flow_table import FlowTable

def first_packet(key: tuple[int, ...], kind: int = 8) -> bytes: ...
def annotations(state: int = 1, paint: int = 0) -> bytes: ...
def scan(table: FlowTable, now: int, *, program: Program | None = None, states: Iterable[str] | None = None,
         start: int = 0, slots: int = 0xFFFFFFFF, limit: int = 0,
         kill: bool = False) -> tuple[int, bytes, int | None]: ...
def rows(copies: Buffer, now: int) -> list[dict[str, Any]]: ...

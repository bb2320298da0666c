from collections.abc import Iterable

from typing_extensions import Buffer, disjoint_base

@disjoint_base
class BpfProgram:
    @property
    def count(self) -> int: ...
    def __init__(self, instructions: Iterable[tuple[int, int, int, int]]) -> None: ...
    def matches(self, data: Buffer) -> bool: ...

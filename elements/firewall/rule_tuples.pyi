from collections.abc import Mapping
from typing import Self

from typing_extensions import Buffer, disjoint_base

@disjoint_base
class RuleTuples:
    count: int
    def __new__(cls, shapes: Mapping[tuple[tuple[int, int, int], ...], Mapping[tuple[int, ...], int]]) -> Self: ...
    def match_headers(self, packet: Buffer, network: int | None, transport: int | None,
                      annotations: bytes = ...) -> int | None: ...

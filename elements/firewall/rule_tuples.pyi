from collections.abc import Mapping

from typing_extensions import Buffer

class RuleTuples:
    count: int
    def __init__(self, shapes: Mapping[tuple[tuple[int, int, int], ...], Mapping[tuple[int, ...], int]]) -> None: ...
    def match_headers(self, packet: Buffer, network: int | None, transport: int | None,
                      annotations: bytes = ...) -> int | None: ...

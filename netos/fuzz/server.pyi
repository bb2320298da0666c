from collections.abc import Callable

from netos.proto.stack import Stack

UDP_PORTS: tuple[int, ...]

class Server:
    reader: Callable[[int, bytes, int], str | None] | None
    failure: str | None
    @property
    def answered(self) -> int: ...
    @property
    def kept(self) -> int: ...
    def __init__(self, stack: Stack) -> None: ...
    def close(self) -> None: ...

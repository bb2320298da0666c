from typing import Any

from typing_extensions import Buffer

from netos.proto.stack import Stack

class UdpEndpoint:
    stack: Stack
    local: tuple[str, int]
    remote: tuple[str, int] | None
    user: Any
    broadcast: bool
    def __init__(self, stack: Stack, local: tuple[str, int] | None = None, remote: tuple[str, int] | None = None, *,
                 shared: bool = False) -> None: ...
    def connect(self, remote: tuple[str, int]) -> None: ...
    def send(self, data: Buffer, remote: tuple[str, int] | None = None, source: str | None = None) -> None: ...
    def receive(self) -> tuple[bytes, tuple[str, int]] | None: ...
    @property
    def destination(self) -> str | None: ...
    def close(self) -> None: ...

from typing import Literal, NamedTuple, overload
from weakref import WeakValueDictionary

from netos.drivers.device import Device

ends: WeakValueDictionary[str, MemoryDevice]

class Offload(NamedTuple):
    flags: int = 0
    gso_type: int = 0
    gso_size: int = 0
    checksum_start: int = 0
    checksum_offset: int = 0
    header_length: int = 0

def memory_pair(name_a: str, name_b: str, capacity: int = 1024, *,
                offload: bool = False) -> tuple[MemoryDevice, MemoryDevice]: ...

class MemoryDevice(Device):
    broken: bool
    def __init__(self, name: str) -> None: ...
    def send(self, frame: bytes | bytearray | memoryview, offload: Offload | None = None) -> bool: ...
    @overload
    def receive(self, limit: int = 0xFFFFFFFF, offloads: Literal[False] = False) -> list[bytes]: ...
    @overload
    def receive(self, limit: int = 0xFFFFFFFF, *, offloads: Literal[True]) -> list[tuple[bytes, Offload]]: ...
    @property
    def pending(self) -> int: ...

from ipaddress import IPv4Interface

from netos.drivers.device import Device

class Tap(Device):
    host_address: bytes
    @property
    def made(self) -> bool: ...
    def __init__(self, name: str, *, prefix: IPv4Interface | None = None, mac: bytes | None = None,
                 mtu: int | None = None, up: bool | None = None, queue_length: int | None = None,
                 offload: bool = False, multi_queue: bool = False, persistent: bool = False,
                 namespace: int | str | None = None, descriptor: int | None = None) -> None: ...

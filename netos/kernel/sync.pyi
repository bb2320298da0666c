"""Locks, conditions and semaphores for the tasks of one virtual CPU: what Python can see of them."""

from netos.element import Element
from netos.kernel.vcpu import VirtualCpu

class Synchronizer:
    cpu: VirtualCpu
    name: str
    acquisitions: int
    contentions: int
    wait_total: int
    wait_maximum: int
    def __init__(self, cpu: VirtualCpu, name: str = "") -> None: ...
    @property
    def waiters(self) -> list[Element]: ...
    @property
    def statistics(self) -> dict[str, int]: ...

class Lock(Synchronizer):
    @property
    def owner(self) -> Element | None: ...

class Condition(Synchronizer):
    lock: Lock
    def __init__(self, lock: Lock, name: str = "") -> None: ...
    @property
    def owner(self) -> Element | None: ...

class Semaphore(Synchronizer):
    value: int
    maximum: int
    def __init__(self, cpu: VirtualCpu, value: int, maximum: int = 0xFFFFFFFF, name: str = "") -> None: ...

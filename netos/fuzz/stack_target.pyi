from collections.abc import Sequence

from netos.fuzz.fuzzed_host import FuzzedHost
from netos.fuzz.journal import Journal

class StackTarget(FuzzedHost):
    def __init__(self, seed: int, journal: Journal, corpus: Sequence[bytes] = (), *, share: int = 10,
                 offload: bool = False, mtu: int = 1500, budget: int = 200000000) -> None: ...
    def fuzz(self, count: int) -> str | None: ...

"""What is fuzzed and how: everything that a round, and its replay, follow from."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from netos.errors import NetosError
from netos.fuzz import templates
from netos.fuzz.frame import mended
from netos.fuzz.journal import Journal

if TYPE_CHECKING:
    from netos.lang import Graph

STACK = "stack"
ADDRESS = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
ETHER = re.compile(r"(?<![0-9a-fA-F:])(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}(?![0-9a-fA-F:])")
FRAMES = 2048               # of a configuration's corpus
CONNECTIONS = {"tcp": 14}   # of 16 frames, how many speak on a connection, when a protocol was asked for
SEEDS = (1 << 64) - 1       # the largest seed of a round
Record = tuple[int, int, bytes]


class FuzzError(NetosError):
    """A plan that cannot be carried out."""

    exit_status = 2


class Target(Protocol):
    """What StackTarget and ConfigTarget have in common."""

    @property
    def frames(self) -> int: ...
    @property
    def slowest(self) -> int: ...
    @property
    def journal_full(self) -> bool: ...
    def fuzz(self, count: int) -> str | None: ...
    def replay(self, records: list[Record]) -> str | None: ...
    def finish(self) -> str | None: ...


@dataclass
class Plan:
    """A target and what goes into it."""

    target: str = STACK                     # or the name of a configuration
    text: str = ""                          # of the configuration
    definitions: dict[str, str] = field(default_factory=dict)
    protocols: list[str] = field(default_factory=lambda: list(templates.PROTOCOLS))
    seed: int = 1
    scapy: bool = True
    checksums: bool = True
    budget: float = 0.5                     # seconds of CPU that a batch may take

    def to_text(self, seed: int) -> str:
        """The plan and the seed of one round, as a capture carries them."""
        return json.dumps({"plan": asdict(self), "seed": seed}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> tuple[Plan, int]:
        """What to_text() has made; raises FuzzError."""
        try:
            found = json.loads(text)
            made = cls(**found["plan"])
            for name, default in asdict(cls()).items():
                if not isinstance(getattr(made, name), int | float if isinstance(default, float) else type(default)):
                    raise ValueError(f"{name} is {getattr(made, name)!r}")
            if not set(made.protocols) <= set(templates.PROTOCOLS):
                raise ValueError(f"the protocols {made.protocols} are not all known")
            return made, int(found["seed"]) & SEEDS
        except (ValueError, TypeError, KeyError) as error:
            raise FuzzError(f"the capture's first frame is no plan of a fuzz: {error}") from error

    def corpus(self) -> list[bytes]:
        """The frames to begin with."""
        found = templates.corpus(self.protocols, scapy=self.scapy)
        return found if self.target == STACK else readdressed(found, self.text, self.seed)

    def graph(self) -> tuple[Graph, Any]:
        """The configuration, parsed."""
        from netos.cli.configuration import parse_text

        return parse_text(self.text, self.target, self.definitions)

    def make(self, seed: int, journal: Journal, corpus: list[bytes]) -> Target:
        """A fresh target; every other round's stack has a link with segmentation offload."""
        if self.target == STACK:
            from netos.fuzz.stack_target import StackTarget

            share = 10 if len(self.protocols) == len(templates.PROTOCOLS) else max(
                [CONNECTIONS.get(protocol, 3) for protocol in self.protocols])
            return StackTarget(seed, journal, corpus, share=share, offload=bool(seed & 1),
                               mtu=(1500, 1500, 576, 9000)[seed >> 1 & 3], budget=round(self.budget * 1e9))
        from netos.fuzz.config_target import ConfigTarget

        graph, diagnostics = self.graph()
        return ConfigTarget(seed, journal, graph, corpus, checksums=self.checksums, diagnostics=diagnostics,
                            budget=round(self.budget * 1e9))


def readdressed(frames: list[bytes], text: str, seed: int) -> list[bytes]:
    """Frames with the addresses that a configuration names, and their neighbours."""
    chance = Random(seed)
    addresses = sorted({templates.packed(found) for found in ADDRESS.findall(text)
                        if all(int(part) < 256 for part in found.split("."))})
    addresses = [made for made in addresses if 0 < made[0] < 224]
    addresses = sorted({*addresses, *(made[:3] + bytes([made[3] + 1 & 255]) for made in addresses)}) or [
        templates.packed(templates.HOST), templates.packed(templates.PEER)]
    ethers = sorted({bytes(int(part, 16) for part in found.split(":")) for found in ETHER.findall(text)}) or [
        templates.HOST_ETHER]
    host, peer = templates.packed(templates.HOST), templates.packed(templates.PEER)
    found = []
    for _ in range(max(FRAMES // len(frames), 1)):
        to, sender, ether = chance.choice(addresses), chance.choice(addresses), chance.choice(ethers)
        for frame in frames:
            start = ether if frame[:6] == templates.HOST_ETHER else frame[:6]
            rest = frame[14:].replace(host, b"host").replace(peer, sender).replace(b"host", to)
            found.append(mended(start + frame[6:14] + rest))
    return found

"""The channel between two layers: each net that turns there gets a horizontal track of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

TRACK, MARGIN = 7.0, 9.0
OVERLAP = 1000              # crossings that two wires on top of each other are worth
MAX_COMPARED = 60           # nets of a channel whose order is looked at pair by pair


@dataclass(slots=True)
class Crossing:
    """A net in a channel: where it meets the layer above and the layer below."""

    above: set[float] = field(default_factory=set)
    below: set[float] = field(default_factory=set)
    left: float = 0.0
    right: float = 0.0

    def cost_over(self, other: Crossing) -> int:
        """What it costs to run above the other net: crossings, and wires on top of each other."""
        cost = sum(self.left < x < self.right for x in other.above)
        cost += sum(other.left < x < other.right for x in self.below)
        return cost + OVERLAP * sum(abs(mine - theirs) < 3 for mine in self.below for theirs in other.above)


class Channel:
    """Collects the nets that cross it, then says how high it must be and where each net turns."""

    def __init__(self) -> None:
        self.nets: dict[tuple[int, int], Crossing] = {}
        self.tracks: dict[tuple[int, int], float] = {}

    def add(self, net: tuple[int, int], x: float, from_above: bool) -> None:
        """The net meets a layer at x."""
        crossing = self.nets.setdefault(net, Crossing())
        (crossing.above if from_above else crossing.below).add(round(x, 1))

    def arrange(self, edge: bool = False) -> float:
        """Choose the tracks; the height needed, which is nothing for an `edge` of the picture that no wire uses."""
        turning = []
        for net, crossing in self.nets.items():
            places = crossing.above | crossing.below
            crossing.left, crossing.right = min(places), max(places)
            if crossing.right - crossing.left > 0.5:
                turning.append(net)
        turning.sort(key=lambda net: (self.nets[net].left, self.nets[net].right, net))
        if len(turning) <= MAX_COMPARED:
            self.sort_by_crossings(turning)
        levels: list[tuple[float, float, int]] = []
        highest = -1
        for net in turning:
            left, right = self.nets[net].left - TRACK, self.nets[net].right + TRACK
            level = max((taken for start, end, taken in levels if start < right and left < end), default=-1) + 1
            levels.append((left, right, level))
            highest = max(highest, level)
            self.tracks[net] = MARGIN + TRACK * level
        if edge and not self.nets:
            return 0.0
        return 2 * MARGIN + TRACK * max(highest, 0)

    def sort_by_crossings(self, nets: list[tuple[int, int]]) -> None:
        """Bubble nets that would rather be above their predecessor upwards."""
        for _ in nets:
            changed = False
            for at in range(len(nets) - 1):
                first, second = self.nets[nets[at]], self.nets[nets[at + 1]]
                if second.cost_over(first) < first.cost_over(second):
                    nets[at], nets[at + 1] = nets[at + 1], nets[at]
                    changed = True
            if not changed:
                break

    def track(self, net: tuple[int, int]) -> float:
        """How far below the channel's top the net turns."""
        return self.tracks.get(net, MARGIN)

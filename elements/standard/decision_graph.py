"""A decision program in the making: nodes that are shared where they are equal."""

from __future__ import annotations

from typing import NamedTuple

from elements.standard.classification import Program

NETWORK = 256
TRANSPORT = 512
ANNOTATION = 131072   # far behind the largest offset in a transport header
LARGEST = 1_000_000


class Node(NamedTuple):
    """A step (see classification.pxd) whose jumps are leaves, if negative, or indexes of earlier nodes."""

    offset: int
    mask: int
    value: int
    yes: int
    no: int
    past_end: int
    end: int
    space: int


def mask_length(mask: int) -> int:
    """How many bytes of its word a mask looks at, counted from the first."""
    return 4 if mask & 0xFF else 3 if mask & 0xFF00 else 2 if mask & 0xFF_0000 else 1


class Graph:
    """Nodes built from the leaves up, so that a node's index is greater than those of the nodes it jumps to."""

    def __init__(self, headers: bool) -> None:
        self.headers = headers
        self.nodes: list[Node] = []
        self.entry = -1
        self._index: dict[tuple[int, int, int, int, int, int, int], int] = {}

    def node(self, offset: int, mask: int, value: int, needed: int, yes: int, no: int, past_end: int) -> int:
        """The index of a node, made if there is none like it; its jump if all its jumps are the same.

        The packet must have the first `needed` bytes of the word. The node takes in the one it jumps to on "yes" if
        that asks about the same word and fails the same way.
        """
        if mask == 0 or yes == no == past_end:
            return yes
        while yes >= 0:
            then = self.nodes[yes]
            if then.offset != offset or then.no != no or (then.value ^ value) & then.mask & mask:
                break
            if not no == past_end == then.past_end and then.end > offset + needed:
                break
            mask, value, yes = mask | then.mask, value | then.value, then.yes
            needed = max(needed, then.end - offset)
        key = (offset, mask, value, needed, yes, no, past_end)
        found = self._index.get(key)
        if found is None:
            if len(self.nodes) >= LARGEST:
                raise OverflowError(f"the patterns make more than {LARGEST} decision steps; simplify them")
            found = self._index[key] = len(self.nodes)
            space = (3 if offset >= ANNOTATION else min(offset >> 8, 2)) if self.headers else 0
            self.nodes.append(Node(offset, mask, value, yes, no, past_end, offset + needed, space))
        return found

    def program(self) -> Program:
        """The nodes that can be reached from the entry, as a program in the order of the text."""
        wanted: set[int] = set()
        for index in range(self.entry, -1, -1):
            if index == self.entry or index in wanted:
                wanted.add(index)
                node = self.nodes[index]
                wanted.update((node.yes, node.no, node.past_end))
        order = sorted((index for index in wanted if index >= 0), reverse=True)
        step = {index: number for number, index in enumerate(order)}
        steps = [(node.offset, node.mask, node.value, node.end - node.offset,
                  *(step.get(jump, jump) for jump in (node.yes, node.no, node.past_end)))
                 for node in (self.nodes[index] for index in order)]
        return Program(steps, entry=0 if steps else self.entry, headers=self.headers)

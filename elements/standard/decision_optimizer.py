"""Jump threading for decision programs: no step asks what the way to it already answers (as Click's dominator optimiser).

Every node is visited before those it jumps to, with the facts that hold on all ways to it. Each of its jumps then goes on
past the nodes whose answer follows from those facts and the jump's own, so a list of rules asks each question once.
"""

from __future__ import annotations

from typing import NamedTuple

from elements.standard.decision_facts import NOTHING_KNOWN, Facts
from elements.standard.decision_graph import Graph, Node

ROUNDS = 4
LARGE = 100_000


class Chain:
    """Nodes one after the other on "no" that compare the same bits with different values."""

    __slots__ = ("after", "head", "nodes")

    def __init__(self, after: int) -> None:
        self.after = after
        self.head = -1
        self.nodes: dict[int, int] = {}

    def add(self, index: int, value: int) -> None:
        self.nodes[value] = self.head = index


class Threader:
    """One round of jump threading over a graph."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.entry = graph.entry
        self.masks: dict[int, tuple[int, ...]] = {}
        self.chains: list[Chain] = []
        for index, node in enumerate(graph.nodes):
            masks = self.masks.get(node.offset, ())
            if node.mask not in masks:
                self.masks[node.offset] = (*masks, node.mask)
            self.chains.append(self.chain_for(index, node))

    def chain_for(self, index: int, node: Node) -> Chain:
        """The chain of a node, which may prolong that of its "no"."""
        chain = None
        if node.no >= 0:
            then = self.nodes[node.no]
            if then.offset == node.offset and then.mask == node.mask and then.end == node.end:
                chain = self.chains[node.no]
                if chain.head != node.no or node.value in chain.nodes:
                    chain = None
        chain = chain or Chain(node.no)
        chain.add(index, node.value)
        return chain

    def follow(self, jump: int, facts: Facts) -> int:
        """Where a jump leads in the end, given what is known on it."""
        while jump >= 0:
            node = self.nodes[jump]
            mask, value = facts.known.get(node.offset, (0, 0))
            if mask & node.mask == node.mask and facts.reaches[node.space] >= node.end:
                value &= node.mask
                if value == node.value:
                    jump = node.yes
                else:
                    chain = self.chains[jump]
                    index = chain.nodes.get(value, jump)
                    jump = self.nodes[index].yes if index < jump else chain.after
                continue
            answer = facts.answer(node, self.masks[node.offset])
            if answer is None:
                break
            jump = answer
        return jump

    def run(self) -> tuple[int, dict[int, tuple[int, int, int]]]:
        """The new entry, and the new jumps (yes, no, past end) of every node that can still be reached."""
        entry = self.follow(self.entry, NOTHING_KNOWN)
        arriving: dict[int, Facts] = {entry: NOTHING_KNOWN} if entry >= 0 else {}
        jumps: dict[int, tuple[int, int, int]] = {}
        for index in range(entry, -1, -1):
            facts = arriving.pop(index, None)
            if facts is None:
                continue
            node = self.nodes[index]
            ways = [(node.yes, facts.after_yes(node)), (node.no, facts.after_no(node))]
            if facts.may_end_before(node):
                ways.append((node.past_end, facts.after_past_end(node)))
            found = []
            for jump, known in ways:
                target = self.follow(jump, known)
                found.append(target)
                if target >= 0:
                    other = arriving.get(target)
                    arriving[target] = known if other is None else other.common(known)
            jumps[index] = found[0], found[1], found[-1]
        return entry, jumps


class Optimized(NamedTuple):
    graph: Graph
    changed: bool


def thread(graph: Graph) -> Optimized:
    """The graph after one round, without the nodes that nothing leads to any more."""
    entry, jumps = Threader(graph).run()
    result = Graph(graph.headers)
    new: dict[int, int] = {}
    for index in sorted(jumps):
        node = graph.nodes[index]
        yes, no, past_end = (new.get(jump, jump) for jump in jumps[index])
        new[index] = result.node(node.offset, node.mask, node.value, node.end - node.offset, yes, no, past_end)
    result.entry = new.get(entry, entry)
    return Optimized(result, result.nodes != graph.nodes)


def optimize(graph: Graph, entry: int) -> Graph:
    """An equivalent graph that asks less. A very large one is gone through only once."""
    graph.entry = entry
    for _ in range(ROUNDS if len(graph.nodes) < LARGE else 1):
        graph, changed = thread(graph)
        if not changed:
            break
    return graph

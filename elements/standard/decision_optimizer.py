"""Jump threading for decision programs: no step asks what is already known (Click's dominator optimiser).

Every node is visited before those it jumps to, with the facts that hold on all ways to it. Each of its jumps then goes
on past the nodes whose answer follows from those facts and the jump's own, so a list of rules asks each question once.
Ways that differ in the IP protocol are kept apart: a node is copied for each, as long as copies stay few.
"""

from __future__ import annotations

from collections.abc import Hashable

from elements.standard.decision_facts import NOTHING_KNOWN, Facts
from elements.standard.decision_graph import Graph, Node

ROUNDS = 4
LARGE = 100_000
COPIES = 3
HOPS = 4_000_000
FEWEST_HOPS = 64

Place = tuple[int, Hashable]    # a node, and in which context; or a leaf


class Chain:
    """Nodes one after the other on "no" that compare the same bits with different values."""

    __slots__ = ("after", "head", "nodes")

    def __init__(self, after: int) -> None:
        self.after = after
        self.head = -1
        self.nodes: dict[int, int] = {}


class Threader:
    """One round of jump threading over a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = graph.nodes
        self.masks: dict[int, tuple[int, ...]] = {}
        self.chains: list[Chain] = []
        self.arriving: dict[int, dict[Hashable, Facts]] = {}
        self.hops = max(FEWEST_HOPS, HOPS // (len(graph.nodes) or 1))
        self.budget = COPIES * len(graph.nodes) if graph.headers else 0
        for index, node in enumerate(graph.nodes):
            masks = self.masks.get(node.offset, ())
            if node.mask not in masks:
                self.masks[node.offset] = (*masks, node.mask)
            self.chains.append(self.chain_for(index, node))

    def chain_for(self, index: int, node: Node) -> Chain:
        """The chain of a node, which may prolong that of its "no"."""
        chain = Chain(node.no)
        if node.no >= 0:
            then, longer = self.nodes[node.no], self.chains[node.no]
            if (then.offset, then.mask, then.end) == (node.offset, node.mask, node.end) and \
                    longer.head == node.no and node.value not in longer.nodes:
                chain = longer
        chain.nodes[node.value] = chain.head = index
        return chain

    def follow(self, jump: int, facts: Facts) -> int:
        """Where a jump leads in the end, given what is known on it; in a large graph only as far as it is worth going.

        Going further is for the next round, which has longer chains to go along in one go.
        """
        for _ in range(self.hops):
            if jump < 0:
                break
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

    def arrive(self, jump: int, facts: Facts) -> Place:
        """Follow a jump and leave the facts for the node it leads to."""
        target = self.follow(jump, facts)
        if target < 0:
            return target, None
        known = self.arriving.setdefault(target, {})
        context = facts.context() if self.budget > 0 else None
        if context in known:
            known[context] = known[context].common(facts)
        else:
            self.budget -= bool(known)
            known[context] = facts
        return target, context

    def run(self) -> Graph:
        """The graph with all jumps followed, without what nothing leads to any more."""
        entry = self.arrive(self.graph.entry, NOTHING_KNOWN)
        jumps: list[tuple[Place, list[Place]]] = []
        for index in range(entry[0], -1, -1):
            for context, facts in self.arriving.pop(index, {}).items():
                node = self.nodes[index]
                found = [self.arrive(node.yes, facts.after_yes(node)), self.arrive(node.no, facts.after_no(node))]
                if facts.may_end_before(node):
                    found.append(self.arrive(node.past_end, facts.after_past_end(node)))
                jumps.append(((index, context), found))
        result = Graph(self.graph.headers)
        new: dict[Place, int] = {}
        for place, found in reversed(jumps):
            node = self.nodes[place[0]]
            yes, no, past_end = (new[way] if way[0] >= 0 else way[0] for way in (found[0], found[1], found[-1]))
            new[place] = result.node(node.offset, node.mask, node.value, node.end - node.offset, yes, no, past_end)
        result.entry = new[entry] if entry[0] >= 0 else entry[0]
        return result


def optimize(graph: Graph, entry: int) -> Graph:
    """An equivalent graph that asks less. A very large one is gone through only once."""
    graph.entry = entry
    for _ in range(ROUNDS if len(graph.nodes) < LARGE else 1):
        before, graph = graph, Threader(graph).run()
        if graph.nodes == before.nodes:
            break
    return graph

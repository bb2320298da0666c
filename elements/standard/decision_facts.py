"""What is known about a packet at a point of a decision program."""

from __future__ import annotations

from dataclasses import dataclass, replace

from elements.standard.decision_graph import NETWORK, Node

PROTOCOL_WORD, PROTOCOL_MASK = NETWORK + 8, 0x00FF_0000
FRAGMENT_WORD, FRAGMENT_MASK = NETWORK + 4, 0x1FFF
UNLIMITED = 1 << 30
REMEMBERED = 2048
COMPARED = 64

Ends = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """Known bits by offset, as (mask, value); tests (offset, mask, value) known not to say "yes";
    and for each space the end up to which the packet surely reaches, and the end it surely does not reach."""

    known: dict[int, tuple[int, int]]
    refuted: frozenset[tuple[int, int, int]]
    reaches: Ends
    ends_before: Ends

    def answer(self, node: Node, masks: tuple[int, ...]) -> int | None:
        """The jump that the node must take, or None if that is not known. `masks` are those in use at its offset."""
        if self.ends_before[node.space] <= node.end:
            return node.past_end
        if self.is_refuted(node.offset, node.mask, node.value, masks) and (
                node.no == node.past_end or self.reaches[node.space] >= node.end):
            return node.no
        return None

    def is_refuted(self, offset: int, mask: int, value: int, masks: tuple[int, ...]) -> bool:
        """Whether a test cannot say "yes": a known bit or a refuted test of fewer bits is against it."""
        known_mask, known_value = self.known.get(offset, (0, 0))
        if (value ^ known_value) & mask & known_mask:
            return True
        if self.refuted:
            mask |= known_mask
            value |= known_value
            for fewer in masks:
                if fewer & ~mask == 0 and (offset, fewer, value & fewer) in self.refuted:
                    return True
        return False

    def may_end_before(self, node: Node) -> bool:
        """Whether the packet may be too short for the node."""
        return self.reaches[node.space] < node.end

    def after_yes(self, node: Node) -> Facts:
        """The facts once the node has said "yes"."""
        mask, value = self.known.get(node.offset, (0, 0))
        known = {**self.known, node.offset: (mask | node.mask, value | node.value)}
        return Facts(known, self.refuted, self.reaching(node), self.ends_before)

    def after_no(self, node: Node) -> Facts:
        """The facts once the node has said "no"; where one bit was in question it is the other one."""
        mask, value = self.known.get(node.offset, (0, 0))
        unknown = node.mask & ~mask
        if unknown & (unknown - 1) == 0:
            known = {**self.known, node.offset: (mask | unknown, value | (~node.value & unknown))}
            return Facts(known, self.refuted, self.reaching(node), self.ends_before)
        refuted = self.refuted
        if len(refuted) < REMEMBERED:
            refuted |= {(node.offset, node.mask, node.value)}
        return Facts(self.known, refuted, self.reaching(node), self.ends_before)

    def after_past_end(self, node: Node) -> Facts:
        """The facts once the packet was too short for the node."""
        return replace(self, ends_before=with_item(self.ends_before, node.space, node.end))

    def context(self) -> tuple[int | None, bool | None]:
        """The IP protocol, if known, and whether this is a first fragment: on what most later answers depend."""
        mask, value = self.known.get(PROTOCOL_WORD, (0, 0))
        protocol = value & PROTOCOL_MASK if mask & PROTOCOL_MASK == PROTOCOL_MASK else None
        mask, value = self.known.get(FRAGMENT_WORD, (0, 0))
        if mask & FRAGMENT_MASK == FRAGMENT_MASK:
            return protocol, value & FRAGMENT_MASK == 0
        return protocol, False if (FRAGMENT_WORD, FRAGMENT_MASK, 0) in self.refuted else None

    def reaching(self, node: Node) -> Ends:
        return self.reaches if self.reaches[node.space] >= node.end else with_item(self.reaches, node.space, node.end)

    def common(self, other: Facts) -> Facts:
        """The facts that hold in both cases."""
        known = {}
        for offset, (mask, value) in self.known.items():
            other_mask, other_value = other.known.get(offset, (0, 0))
            mask &= other_mask & ~(value ^ other_value)
            if mask:
                known[offset] = mask, value & mask
        if self.refuted is other.refuted:
            refuted = self.refuted
        else:
            refuted = self.refuted & other.refuted
            refuted |= {test for test in self.refuted_beyond(refuted) if other.contradicts(test)}
            refuted |= {test for test in other.refuted_beyond(refuted) if self.contradicts(test)}
        first, second, third, fourth = map(min, self.reaches, other.reaches)
        mac, network, transport, annotation = map(max, self.ends_before, other.ends_before)
        return Facts(known, refuted, (first, second, third, fourth), (mac, network, transport, annotation))

    def refuted_beyond(self, common: frozenset[tuple[int, int, int]]) -> frozenset[tuple[int, int, int]]:
        """The refuted tests that are not among the common ones; none if they are too many to look at."""
        return self.refuted - common if len(self.refuted) - len(common) <= COMPARED else frozenset()

    def contradicts(self, test: tuple[int, int, int]) -> bool:
        """Whether a known bit is against a test."""
        offset, mask, value = test
        known_mask, known_value = self.known.get(offset, (0, 0))
        return bool((value ^ known_value) & mask & known_mask)


def with_item(ends: Ends, space: int, end: int) -> Ends:
    """The ends of the four spaces with one replaced."""
    mac, network, transport, annotation = ends
    return (end if space == 0 else mac, end if space == 1 else network, end if space == 2 else transport,
            end if space == 3 else annotation)


NOTHING_KNOWN = Facts({}, frozenset(), (0, 0, 0, UNLIMITED), (UNLIMITED,) * 4)

"""What differs between two flat graphs: elements, their arguments or rules, and connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from netos.lang.graph import Graph, GraphElement
from netos.lang.quoting import split_arguments

ANONYMOUS = re.compile(r"(.*/)?[^/]*@\d+")
KEYWORD = re.compile(r"([A-Z][A-Z0-9_]*)(?:[ \t\r\n]|\Z)")


class Change(NamedTuple):
    """An argument or rule that differs: its number from 1 where it has one, None for what is not there."""

    position: int | None
    old: str | None
    new: str | None


class ElementChange(NamedTuple):
    """An element that is in both graphs, with another class or other arguments; `rules` says that order matters."""

    old: GraphElement
    new: GraphElement
    rules: bool
    changes: list[Change]


class Difference(NamedTuple):
    """All that differs; connections are their four parts, an element's name and port twice."""

    added: list[GraphElement]
    removed: list[GraphElement]
    changed: list[ElementChange]
    connected: list[tuple[str, int, str, int]]
    disconnected: list[tuple[str, int, str, int]]

    def __bool__(self) -> bool:
        return any(self)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "same": not self,
            "added": [described(element) for element in self.added],
            "removed": [described(element) for element in self.removed],
            "changed": [{"name": change.new.name, "old_class": change.old.class_name, "class": change.new.class_name,
                         "rules": change.rules, "changes": [each._asdict() for each in change.changes]}
                        for change in self.changed],
            "connected": [list(link) for link in self.connected],
            "disconnected": [list(link) for link in self.disconnected],
        }


def described(element: GraphElement) -> dict[str, str]:
    """An element as data."""
    return {"name": element.name, "class": element.class_name, "configuration": element.configuration}


def compare(old: Graph, new: Graph, has_rules: Callable[[str], bool]) -> Difference:
    """What became of one graph in the other.

    Elements without a name of their own are the same when they stand in the same place among the others of their
    compound element. `has_rules` says whether a class's arguments are a list in which the order counts.
    """
    partner = pairs(old, new)
    partnered = set(partner.values())
    changed = [change for before, after in partner.items()
               if (change := element_change(old.elements[before], new.elements[after], has_rules)) is not None]
    old_links = {(partner.get(link.source, ~link.source), link.source_port,
                  partner.get(link.target, ~link.target), link.target_port): link for link in old.connections}
    new_links = {(link.source, link.source_port, link.target, link.target_port): link for link in new.connections}
    return Difference(
        [element for index, element in enumerate(new.elements) if index not in partnered],
        [element for index, element in enumerate(old.elements) if index not in partner],
        changed,
        [ends(new, link) for key, link in new_links.items() if key not in old_links],
        [ends(old, link) for key, link in old_links.items() if key not in new_links])


def ends(graph: Graph, link: Any) -> tuple[str, int, str, int]:
    """A connection by name."""
    return graph.elements[link.source].name, link.source_port, graph.elements[link.target].name, link.target_port


def pairs(old: Graph, new: Graph) -> dict[int, int]:
    """Which element of the new graph is which of the old one, by index, in the old graph's order."""
    found: dict[int, int] = {}
    unnamed: dict[str, tuple[list[int], list[int]]] = {}
    for index, element in enumerate(old.elements):
        match = ANONYMOUS.fullmatch(element.name)
        other = new.index(element.name)
        if match:
            unnamed.setdefault(match[1] or "", ([], []))[0].append(index)
        elif other is not None:
            found[index] = other
    for index, element in enumerate(new.elements):
        if match := ANONYMOUS.fullmatch(element.name):
            unnamed.setdefault(match[1] or "", ([], []))[1].append(index)
    for before, after in unnamed.values():
        found.update(align(old, new, before, after))
    return dict(sorted(found.items()))


def align(old: Graph, new: Graph, before: list[int], after: list[int]) -> dict[int, int]:
    """Pair elements without names: first those that are alike, in order, then what lies between by class."""
    found: dict[int, int] = {}
    for kind, i, i_end, j, j_end in edits([identity(old.elements[index]) for index in before],
                                          [identity(new.elements[index]) for index in after]):
        if kind == "equal":
            found.update(zip(before[i:i_end], after[j:j_end]))
        elif kind == "replace":
            left = after[j:j_end]
            for index in before[i:i_end]:
                class_name = old.elements[index].class_name
                same = next((other for other in left if new.elements[other].class_name == class_name), None)
                if same is not None:
                    found[index] = same
                    left.remove(same)
    return found


def identity(element: GraphElement) -> tuple[str, tuple[str, ...]]:
    """What makes elements without names alike."""
    return element.class_name, tuple(split_arguments(element.configuration))


def element_change(old: GraphElement, new: GraphElement, has_rules: Callable[[str], bool]) -> ElementChange | None:
    """What is other about an element; None for nothing."""
    rules = has_rules(new.class_name)
    before, after = split_arguments(old.configuration), split_arguments(new.configuration)
    changes = list_changes(before, after) if rules else argument_changes(before, after)
    if old.class_name == new.class_name and not changes:
        return None
    return ElementChange(old, new, rules, changes)


def edits(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[tuple[str, int, int, int, int]]:
    """What makes one sequence of the other, as difflib's opcodes.

    What both begin and end with is set aside first: difflib looks for the longest block, and among entries that are
    alike would find one that is displaced.
    """
    length = min(len(old), len(new))
    head = next((at for at in range(length) if old[at] != new[at]), length)
    length -= head
    tail = next((at for at in range(length) if old[~at] != new[~at]), length)
    yield "equal", 0, head, 0, head
    middle = SequenceMatcher(None, old[head:len(old) - tail], new[head:len(new) - tail], autojunk=False)
    for kind, i, i_end, j, j_end in middle.get_opcodes():
        yield kind, i + head, i_end + head, j + head, j_end + head
    yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)


def list_changes(old: list[str], new: list[str]) -> list[Change]:
    """Entries removed, by their old number, and added, by their new one; a moved one is both."""
    found = []
    for kind, i, i_end, j, j_end in edits(old, new):
        if kind != "equal":
            found += [Change(number + 1, old[number], None) for number in range(i, i_end)]
            found += [Change(number + 1, None, new[number]) for number in range(j, j_end)]
    return found


def argument_changes(old: list[str], new: list[str]) -> list[Change]:
    """Arguments that differ, by position or by keyword; the order of keywords says nothing."""
    before, after = keyed(old), keyed(new)
    return [Change(key if isinstance(key, int) else None, before.get(key), after.get(key))
            for key in {**before, **after} if before.get(key) != after.get(key)]


def keyed(arguments: list[str]) -> dict[int | str | tuple[str, int], str]:
    """Arguments by position from 1, or by keyword; a keyword given again has its count."""
    found: dict[int | str | tuple[str, int], str] = {}
    for position, argument in enumerate(arguments, 1):
        match = KEYWORD.match(argument)
        key: int | str | tuple[str, int] = match[1] if match else position
        count = 1
        while key in found and match:
            count += 1
            key = (match[1], count)
        found[key] = argument
    return found

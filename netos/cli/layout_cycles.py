"""An order of boxes in which packets flow down: which wires of a cycle must go back up."""

from __future__ import annotations

from collections.abc import Sequence

Arc = tuple[int, int]


def strong_components(after: Sequence[Sequence[int]]) -> list[int]:
    """For each node the number of its strongly connected component (Tarjan, 1972)."""
    found, low = [-1] * len(after), [0] * len(after)
    component = [-1] * len(after)
    stack: list[int] = []
    clock = components = 0
    for start in range(len(after)):
        walk = [(start, 0)] if found[start] < 0 else []
        while walk:
            node, step = walk.pop()
            if step == 0:
                found[node] = low[node] = clock
                clock += 1
                stack.append(node)
            elif component[after[node][step - 1]] < 0:
                low[node] = min(low[node], low[after[node][step - 1]])
            while step < len(after[node]):
                other = after[node][step]
                step += 1
                if found[other] < 0:
                    walk += [(node, step), (other, 0)]
                    break
                if component[other] < 0:
                    low[node] = min(low[node], found[other])
            else:
                if low[node] == found[node]:
                    while component[node] < 0:
                        component[stack.pop()] = components
                    components += 1
    return component


def flow_order(count: int, arcs: Sequence[Arc], sources: Sequence[int]) -> list[int]:
    """Each node's place from the top; an arc from a lower to a higher place goes back up.

    Packets start in what has no arc to it, then in `sources`: what leads back to one of those from further down goes
    up, and so does what closes a cycle on a walk from there in depth.
    """
    after: list[list[int]] = [[] for _ in range(count)]
    into = [0] * count
    for source, target in arcs:
        after[source].append(target)
        into[target] += 1
    component = strong_components(after)
    heads = set(sources)
    finished: list[int] = []
    seen = [False] * count
    for start in sorted(range(count), key=lambda node: (into[node] > 0, node not in heads, node)):
        walk = [(start, 0)]
        while walk:
            node, step = walk.pop()
            if step == 0 and seen[node]:
                continue
            seen[node] = True
            for number in range(step, len(after[node])):
                other = after[node][number]
                if not seen[other] and not (other in heads and component[other] == component[node]):
                    walk += [(node, number + 1), (other, 0)]
                    break
            else:
                finished.append(node)
    place = [0] * count
    for at, node in enumerate(reversed(finished)):
        place[node] = at
    return place

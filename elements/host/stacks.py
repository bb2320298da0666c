"""The stacks of a virtual CPU, by name: they outlive the graphs in which they are used."""

from __future__ import annotations

from typing import Any

from netos.proto.stack import Stack


class NamedStack:
    """A stack, and how its interfaces were set up: an element that comes back with other arguments changes them."""

    def __init__(self, cpu: Any) -> None:
        self.stack = Stack(cpu)
        self.addresses: dict[str, list[str]] = {}
        self.gateways: dict[str, str | None] = {}


def stack_of(cpu: Any, name: str = "default") -> NamedStack:
    """The virtual CPU's stack of that name, made when it is asked for first."""
    stacks: dict[str, NamedStack] = cpu.__dict__.setdefault("stacks", {})
    if name not in stacks:
        stacks[name] = NamedStack(cpu)
    return stacks[name]

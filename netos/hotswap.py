"""The moment of a change: one graph takes over from another (Click's hot swap)."""

from __future__ import annotations

from typing import Any, Protocol


class Graph(Protocol):
    """A router, or its replicas."""

    def initialize(self) -> Any:
        """Get ready; raises ConfigError."""

    def suspend(self) -> None:
        """Stand still."""

    def resume(self) -> None:
        """Go on."""


def take_over(new: Any, old: Graph) -> None:
    """Let `new` take devices and state from `old`, which stands still from now on; after a failure it goes on.

    To be called at a batch boundary. `old` is kept or closed by the caller.
    """
    old.suspend()
    try:
        new.initialize()
    except BaseException:
        old.resume()
        raise
    new.take_state(old)

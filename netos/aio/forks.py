"""Forked children: they have none of the packet memory, so nothing of the stack may be touched there, nor freed."""

from __future__ import annotations

import gc
import os

_was_enabled = False


def _before() -> None:
    global _was_enabled
    _was_enabled = gc.isenabled()
    gc.disable()                # no collection on the way to _in_child(): it would free what the child does not have


def _in_parent() -> None:
    if _was_enabled:
        gc.enable()


def _in_child() -> None:
    gc.freeze()
    _in_parent()


def keep_forks_off() -> None:
    """Have the garbage collector of forked children leave alone what there was before."""
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)

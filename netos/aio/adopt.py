"""The loops of asyncio and uvloop in this process become loops on the stack, whatever way a program makes them."""

from __future__ import annotations

import asyncio
import os
from asyncio import unix_events
from functools import partial
from typing import Any

from netos.aio.loop import EventLoop
from netos.aio.own_sockets import Adopted


def adopt_event_loops() -> None:
    """From now on asyncio.run(), policies, loop factories, uvloop.run() and the like make loops on the current host.

    The classes are replaced where programs find them. A class that a program has derived from a loop before is out of
    reach; a program that is started after this has none.
    """
    class SelectorEventLoop(Adopted, EventLoop):
        """asyncio's selector loop, on the stack."""

    SelectorEventLoop.__qualname__ = SelectorEventLoop.__name__
    places: list[Any] = [asyncio, unix_events]
    for place in places:
        replace(place, "SelectorEventLoop", SelectorEventLoop)
        if hasattr(place, "EventLoop"):     # since Python 3.13
            replace(place, "EventLoop", SelectorEventLoop)
    replace(asyncio.DefaultEventLoopPolicy, "_loop_factory", SelectorEventLoop)
    asyncio.set_event_loop_policy(None)
    adopt_uvloop()


def replace(place: Any, name: str, made: type) -> None:
    """Put a class where programs find it; in forked children, which have no stack, the one that was there."""
    os.register_at_fork(after_in_child=partial(setattr, place, name, getattr(place, name)))
    setattr(place, name, made)


def adopt_uvloop() -> None:
    """The same for uvloop, if it is there: its functions and its policy look for the class in the module."""
    try:
        import uvloop
    except ImportError:
        return
    from netos.aio.uv import UvEventLoop

    class Loop(Adopted, UvEventLoop):   # type: ignore[misc] # as UvEventLoop itself
        """uvloop's loop, on the stack."""

    Loop.__qualname__ = Loop.__name__
    replace(uvloop, "Loop", Loop)

exec(open("/tmp/h5/ed2.py").read().split("edit(\"netos/aio/host.py\"")[0])
edit("netos/aio/adopt.py",
('''    SelectorEventLoop.__qualname__ = SelectorEventLoop.__name__
    places: list[Any] = [asyncio, unix_events]
    for place in places:
        place.SelectorEventLoop = SelectorEventLoop
        if hasattr(place, "EventLoop"):     # since Python 3.13
            place.EventLoop = SelectorEventLoop
    policy: Any = asyncio.DefaultEventLoopPolicy
    policy._loop_factory = SelectorEventLoop
    asyncio.set_event_loop_policy(None)
    adopt_uvloop()
''','''    SelectorEventLoop.__qualname__ = SelectorEventLoop.__name__
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
'''),
('''    Loop.__qualname__ = Loop.__name__
    module: Any = uvloop
    module.Loop = Loop
''','''    Loop.__qualname__ = Loop.__name__
    replace(uvloop, "Loop", Loop)
'''),
('''import asyncio
import socket
import sys
from asyncio import unix_events
''','''import asyncio
import os
import socket
import sys
from asyncio import unix_events
from functools import partial
'''))

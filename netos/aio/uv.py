"""Event loops on the stack: uvloop's, its IPv4 connections, servers and datagrams made by netos."""

from __future__ import annotations

import uvloop

from netos.aio.loop import StackMixin


class UvEventLoop(StackMixin, uvloop.Loop):     # type: ignore[misc] # uvloop's stubs and typeshed's do not agree
    """uvloop's loop on the stack of the current host."""

    @property
    def _debug(self) -> bool:
        """What asyncio's methods ask a loop for."""
        return self.get_debug()

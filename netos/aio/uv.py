"""Event loops on the stack: uvloop's, its IPv4 connections, servers and datagrams made by netos."""

from __future__ import annotations

import uvloop

from netos.aio.loop import StackMixin


class UvEventLoop(StackMixin, uvloop.Loop):
    """uvloop's loop on the stack of the current host."""

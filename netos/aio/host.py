"""The host that event loops of this process are on: a virtual CPU, a graph with a HostStack in it, its stack."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from asyncio.log import logger
from collections.abc import Callable, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from netos.addresses import parse_ipv4
from netos.aio.forks import keep_from_children
from netos.errors import NetosError
from netos.kernel.inline import InlineRunner

if TYPE_CHECKING:
    from netos.aio.resolving import Names
    from netos.proto.stack import Stack
    from netos.router import Router

LOOPBACK_ONLY = "Idle -> HostStack -> Idle;"


def random_ether() -> str:
    """A locally administered Ethernet address."""
    return ":".join(f"{byte:02x}" for byte in (0x02, *secrets.token_bytes(5)))


def tap_config(tap: str, address: str = "", *, ether: str = "", gateway: str = "", mtu: int = 1500,
               offload: bool = True, dhcp: bool = False) -> str:
    """The configuration of a host with one interface on a tap device."""
    arguments = [address] if address else []
    arguments += [f"ETHER {ether or random_ether()}", f"MTU {mtu}"]
    arguments += [f"GATEWAY {gateway}"] if gateway else []
    arguments += ["DHCP true"] if dhcp else []
    return (f"FromDevice({tap}, BURST 32, MTU {mtu}, OFFLOAD {'true' if offload else 'false'}, UP true)\n"
            f"    -> host :: HostStack({', '.join(arguments)})\n    -> ToDevice({tap}, BURST 32);\n")


class Host:
    """A host for the event loops of this process, as long as it is the current one (a context manager).

    `tap` and `address` make one with an interface on a tap device; `config` is any configuration text with a HostStack
    in it; without either the host has nothing but 127.0.0.1. Its devices are open from the start on, packets flow while
    one of its loops runs. With `dhcp` it waits for an address, for `patience` seconds at most, unless a loop runs in
    this thread already. `dns` are the servers that names are looked up with; else DHCP's, else /etc/resolv.conf's.
    """

    def __init__(self, tap: str = "", address: str = "", *, config: str = "", ether: str = "", gateway: str = "",
                 mtu: int = 1500, offload: bool = True, dhcp: bool = False, dns: Sequence[str] = (),
                 patience: float = 30.0, filename: str = "host") -> None:
        from netos.router import Router

        for server in dns:
            parse_ipv4(server)              # ValueError now, and not when the first name is looked up
        if not config:
            config = LOOPBACK_ONLY if not tap else tap_config(
                tap, address, ether=ether, gateway=gateway, mtu=mtu, offload=offload, dhcp=dhcp)
        self.router: Router = Router.from_text(config, filename, widen=256).initialize()
        self.elements: list[Any] = [element for element in self.router.order if type(element).__name__ == "HostStack"]
        if not self.elements:
            self.router.close()
            raise NetosError(f"{filename} has no HostStack: put one where packets for this host arrive")
        self.loop: asyncio.AbstractEventLoop | None = None      # the one that moves the packets just now
        self.dns = tuple(dns)
        self.closed = False
        self._runner: InlineRunner | None = None
        self._overruns = self._thread = 0
        self.router.cpu.on_overrun = self._overrun
        keep_from_children(self)
        try:
            if asyncio._get_running_loop() is None and not self.wait_for_leases(patience):
                raise NetosError(f"no DHCP server has given an address within {patience:g} seconds: is one on that "
                                 "link? Start one, give an address, or have more patience (netos exec --patience "
                                 "SECONDS, Host(patience=...))")
        except BaseException:
            self.close()
            raise

    @cached_property
    def names(self) -> Names:
        """What looks names up; made when the first is asked for, because that takes time."""
        from netos.aio.resolving import Names

        return Names(self, self.dns)

    @property
    def stack(self) -> Stack:
        """The protocol stack."""
        stack: Stack = self.elements[0].stack
        return stack

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have this loop move the packets, until detach()."""
        if self.loop is not None:
            raise RuntimeError("another event loop runs on this host: a host has one at a time")
        self.loop = loop
        self._thread = threading.get_ident()
        self._runner = InlineRunner(self.router.cpu, loop)
        self._runner.stopped.add_done_callback(self._stopped)
        self._runner.start()

    def call(self, function: Callable[[], object]) -> None:
        """Call the function where the stack may be touched: here, or in the thread of the loop that moves the packets.

        For what garbage collection does: it runs in any thread, also while packets are moved without the GIL.
        """
        loop = self.loop
        if loop is not None and self._thread != threading.get_ident():
            try:
                loop.call_soon_threadsafe(function)
                return
            except RuntimeError:            # it has just been closed
                pass
        function()

    def _stopped(self, stopped: asyncio.Future[None]) -> None:
        """No packets move any more, though the loop runs."""
        stopped.get_loop().call_exception_handler({
            "message": "netos's network has stopped: its configuration's driver has ended it, or has failed",
            "exception": stopped.exception()})

    def _overrun(self, element: Any, nanoseconds: int) -> None:
        """What a HostStack runs is the program: of its slow callbacks asyncio's debug mode tells."""
        if element in self.elements:
            return
        self._overruns += 1
        if self._overruns & (self._overruns - 1) == 0:
            logger.warning("%s ran for %.1f ms in one go, and everything else waited (overrun %d of this host)",
                           getattr(element, "name", type(element).__name__), nanoseconds / 1e6, self._overruns)

    def detach(self) -> None:
        """The loop has stopped."""
        if self._runner is not None:
            self._runner.close()
        self.loop = self._runner = None

    def wait_for_leases(self, timeout: float) -> bool:
        """Wait, before a loop runs, until every interface with DHCP has an address; False when it took too long."""
        until = time.monotonic() + timeout
        cpu = self.router.cpu
        while any(element.dhcp is not None and element.dhcp.lease is None for element in self.elements):
            left = until - time.monotonic()
            if left <= 0:
                return False
            if not cpu.run():
                cpu.wait(min(left, 0.1))
        return True

    def abandon(self) -> None:
        """In a forked child: the host is closed here, and the parent's descriptors stay as they are."""
        self.closed = True
        if self._runner is not None:
            self._runner.abandon()
        self.loop = self._runner = None

    def close(self) -> None:
        """Close devices; connections that are open are reset. RuntimeError while one of its loops runs."""
        if self.loop is not None:
            raise RuntimeError("an event loop still runs on this host: stop the loop, then close the host")
        if not self.closed:
            self.closed = True
            self.router.close()

    def use(self) -> Self:
        """Have new event loops be on this host, until another is used."""
        global _current
        self._before, _current = _current, self
        return self

    __enter__ = use

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        global _current
        _current = self._before
        self.close()

    _before: Any = None


_current: Host | None = None


def current_host() -> Host:
    """The host that new event loops are on; made, with 127.0.0.1 alone, when none was."""
    global _current
    if _current is None:
        _current = Host()
    return _current

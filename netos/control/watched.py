"""The control protocol served by a virtual CPU itself, without an event loop, for the ControlSocket element.

The socket belongs to the virtual CPU, not to a graph: the elements of two graphs that name the same place share it, so
that it outlives a change of the configuration. The graph that came last answers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from netos.control.access import Access, RouterAppliance
from netos.control.connections import ControlServer
from netos.control.flows import add_flows
from netos.control.protocol import Options
from netos.control.sockets import ListenError
from netos.control.switches import add_counters
from netos.kernel.watcher import Alarm, Watcher

if TYPE_CHECKING:
    from netos.kernel.vcpu import VirtualCpu
    from netos.router import Router


class CpuReactor:
    """A virtual CPU as what waits for sockets and time."""

    def __init__(self, cpu: VirtualCpu) -> None:
        self.cpu = cpu

    def watch(self, descriptor: int, callback: Callable[[], object]) -> Watcher:
        """Call while the descriptor is readable, until told otherwise."""
        return Watcher(self.cpu, descriptor, callback)

    def alarm(self, callback: Callable[[], object]) -> Alarm:
        """A clock that has not been set."""
        return Alarm(self.cpu, callback)


class SharedServer:
    """A control server and the graphs that share it, in the order they came."""

    def __init__(self, cpu: VirtualCpu, key: tuple[str, str], listening: socket.socket, verbose: bool) -> None:
        self.key = key
        self.holders: list[tuple[Router, Options]] = []
        self.appliance = RouterAppliance()
        self.socket = listening
        access = Access(self.appliance, paused=self.paused)
        add_counters(access)
        add_flows(access)
        self.server = ControlServer(access, [listening], CpuReactor(cpu), Options(), verbose)
        self.cpu = cpu

    def paused(self) -> AbstractContextManager[None]:
        """Hold the threads of the graph that answers, if it has any, at a batch boundary."""
        return self.holders[-1][0].paused() if self.holders else nullcontext()

    def hold(self, router: Router, options: Options) -> None:
        """One more graph shares this; it answers from now on."""
        if any(holder[0] is router for holder in self.holders):
            raise ListenError(f"two elements cannot listen at the same place, {self.key[0]} {self.key[1]}: remove one")
        self.holders.append((router, options))
        self.show()

    def release(self, router: Router) -> None:
        """A graph is closed: the one before it answers again; with the last one the socket is closed."""
        self.holders = [holder for holder in self.holders if holder[0] is not router]
        if self.holders:
            self.show()
        else:
            shared_servers(self.cpu).pop(self.key, None)
            self.server.close()

    def show(self) -> None:
        """Speak for the graph that came last."""
        router, options = self.holders[-1]
        self.appliance.adopt(router)
        self.server.options.readonly, self.server.options.proxy = options.readonly, options.proxy


def shared_servers(cpu: VirtualCpu) -> dict[tuple[str, str], SharedServer]:
    """The control servers of a virtual CPU, by kind and place."""
    keeper: Any = cpu
    found: dict[tuple[str, str], SharedServer] = keeper.__dict__.setdefault("control_servers", {})
    return found


def share_server(cpu: VirtualCpu, key: tuple[str, str], make: Callable[[], socket.socket], *,
                 verbose: bool = False) -> SharedServer:
    """The control server of a place, made if there is none; `make` raises ListenError."""
    servers = shared_servers(cpu)
    if key not in servers:
        servers[key] = SharedServer(cpu, key, make(), verbose)
    return servers[key]

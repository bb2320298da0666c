"""The stacks of a virtual CPU, by name: they outlive the graphs in which they are used, and end with their last user.

A graph that is tried and refused, or taken back, leaves no trace: what an element does to its stack it undoes when it
is suspended or cleaned up, and does again when it is resumed. Of the elements that want the same thing, an interface or
a port, in graphs that take turns, the last one to come has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netos.errors import NetosError
from netos.proto.endpoints import TcpListener
from netos.proto.stack import Stack
from netos.proto.udp_endpoint import UdpEndpoint

if TYPE_CHECKING:
    from elements.host.dhcp import DhcpInterface
    from netos.kernel.vcpu import VirtualCpu


class Held:
    """Something of a stack's that one element has at a time; events of a port's endpoint go to that element."""

    def __init__(self, endpoint: TcpListener | UdpEndpoint | None = None) -> None:
        self.endpoint = endpoint
        self.holders: list[Any] = []
        if endpoint is not None:
            endpoint.user = self

    @property
    def holder(self) -> Any:
        """Who has it."""
        return self.holders[-1]

    def take(self, element: Any) -> None:
        """`element` has it from now on."""
        self.leave(element)
        self.holders.append(element)

    def leave(self, element: Any) -> bool:
        """`element` does not want it any more; whether nobody does."""
        if element in self.holders:
            self.holders.remove(element)
        return not self.holders

    def stack_event(self, events: int) -> None:
        """Somebody has connected, or a datagram has come."""
        if self.holders:
            self.holder.port_event(self.endpoint)


class NamedStack:
    """A stack, who uses it, and who has which of its interfaces and ports."""

    def __init__(self, cpu: VirtualCpu, name: str) -> None:
        self.cpu = cpu
        self.name = name
        self.stack = Stack(cpu)
        self.users: set[Any] = set()
        self.interfaces: dict[str, Held] = {}
        self.ports: dict[tuple[str, int], Held] = {}
        self.clients: dict[str, DhcpInterface] = {}         # by the names of interfaces
        self.announced: set[tuple[str, str]] = set()        # (Ethernet address, address)

    def leave(self, user: Any) -> None:
        """The user needs the stack no more; without users it ends."""
        self.users.discard(user)
        if not self.users and stacks_of(self.cpu).get(self.name) is self:
            del stacks_of(self.cpu)[self.name]

    # Interfaces

    def hold_interface(self, name: str, element: Any) -> None:
        """The element has the interface from now on."""
        self.interfaces.setdefault(name, Held()).take(element)

    def leave_interface(self, name: str, element: Any) -> None:
        """It has it no more; one that nobody wants is removed."""
        held = self.interfaces.get(name)
        if held is not None and held.leave(element):
            del self.interfaces[name]
            self.stack.remove_interface(name)

    def hold_client(self, name: str, ether: bytes, element: Any) -> DhcpInterface:
        """The element has the interface's DHCP client from now on; another Ethernet address is another client."""
        from elements.host.dhcp import DhcpInterface

        client = self.clients.get(name)
        if client is not None and client.client.ether.packed != ether:
            client.close()
            client = None
        if client is None:
            client = self.clients[name] = DhcpInterface(self.stack, name, ether, self.clients)
        client.take(element)
        return client

    def leave_client(self, client: DhcpInterface, element: Any) -> None:
        """It has it no more; one that nobody has ends."""
        if client.leave(element):
            client.close()
            if self.clients.get(client.name) is client:
                del self.clients[client.name]

    # Ports

    def hold_port(self, protocol: str, number: int, element: Any) -> Held:
        """The element serves a TCP or UDP port from now on; raises NetosError when somebody else has it."""
        held = self.ports.get((protocol, number))
        if held is None:
            try:
                made = TcpListener(self.stack, ("", number)) if protocol == "tcp" else UdpEndpoint(
                    self.stack, ("", number))
            except OSError as error:
                raise NetosError(f"cannot serve {protocol} port {number} of the stack {self.name}: {error.strerror}"
                                 ) from error
            held = self.ports[protocol, number] = Held(made)
        others = [other for other in held.holders if other.router is element.router and other is not element]
        if others:
            raise NetosError(f"{protocol} port {number} of the stack {self.name} is served by {others[0].name}: "
                             "give one of them another PORT")
        held.take(element)
        return held

    def leave_port(self, protocol: str, number: int, element: Any) -> None:
        """The element serves it no more; one that nobody serves is closed."""
        held = self.ports.get((protocol, number))
        if held is not None and held.leave(element):
            del self.ports[protocol, number]
            if held.endpoint is not None:
                held.endpoint.user = None
                held.endpoint.close()


def stacks_of(cpu: VirtualCpu) -> dict[str, NamedStack]:
    """All stacks of a virtual CPU."""
    found: dict[str, NamedStack] = cpu.__dict__.setdefault("stacks", {})
    return found


def stack_of(cpu: VirtualCpu, name: str, user: Any) -> NamedStack:
    """The virtual CPU's stack of that name, made when it is asked for first, for a user who will leave() it."""
    stacks = stacks_of(cpu)
    if name not in stacks:
        stacks[name] = NamedStack(cpu, name)
    stacks[name].users.add(user)
    return stacks[name]

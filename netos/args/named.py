"""Numbers that have names: ports, IP protocols, ICMP types and codes, TCP options (Click's NamedIntArg, IPPortArg)."""

from __future__ import annotations

from netos.args.numbers import check_range, integer
from netos.args.scope import EMPTY_SCOPE, Scope
from netos.args.types import ArgumentType


class NamedInteger(ArgumentType[int]):
    """A number, or a name from the database of that kind; not above `maximum`."""

    def __init__(self, database: str, maximum: int = 255) -> None:
        self.name = database
        self.database = database
        self.maximum = maximum

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        value = integer(text)
        if value is None:
            found = scope.database(self.database, text)
            if not isinstance(found, int):
                raise self.error(text, f"is not a number or the name of a known {self.database}")
            value = found
        return check_range(value, 0, self.maximum)


class Port(NamedInteger):
    """A port number or name; `protocol` is `tcp` or `udp`, or a type's user asks for either: `any`."""

    def __init__(self, protocol: str = "any") -> None:
        super().__init__("port" if protocol == "any" else f"{protocol} port", 65535)

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        if self.database == "port":
            found = scope.database("tcp port", text)
            found = scope.database("udp port", text) if found is None else found
            if isinstance(found, int):
                return found
        return super().parse(text, scope)


class Protocol(NamedInteger):
    """An IP protocol, number or name."""

    def __init__(self) -> None:
        super().__init__("ip protocol")


class ICMPType(NamedInteger):
    """An ICMP type, number or name."""

    def __init__(self) -> None:
        super().__init__("icmp type")


class ICMPCode(NamedInteger):
    """A code of one ICMP type, number or name."""

    def __init__(self, icmp_type: int) -> None:
        super().__init__(f"icmp code {icmp_type}")


class TCPOption(NamedInteger):
    """A TCP option, number or name."""

    def __init__(self) -> None:
        super().__init__("tcp option")

"""Routes and changes of routes as text, for the lookup elements (Click's IPRouteTable)."""

from __future__ import annotations

from typing import Any

from netos.addresses import IPv4Address, ipv4_number, ipv4_prefix_numbers
from netos.args import EMPTY_SCOPE, ArgumentType, Integer, IPv4, IPv4Prefix, Remaining, Scope
from netos.lang.quoting import split_words


class Route(Remaining):
    """`ADDR/MASK [GATEWAY] OUTPUT` as (prefix, length, gateway, port); partial: gateway and port may be None.

    A name of AddressInfo before the output must not be taken for a keyword, hence Remaining.
    """

    name = "route"

    def __init__(self, partial: bool = False) -> None:
        self.partial = partial

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> Any:
        words = split_words(text)
        if not (1 if self.partial else 2) <= len(words) <= 3:
            usage = "'ADDR/MASK [[GATEWAY] OUTPUT]'" if self.partial else "'ADDR/MASK [GATEWAY] OUTPUT'"
            raise self.error(text, f"is not a route: expected {usage}")
        prefix, length = prefix_numbers(words.pop(0), scope)
        gateway: int | None = None if self.partial else 0
        if len(words) == 2 or (self.partial and words and not words[0].isdigit()):
            gateway = gateway_number(words.pop(0), scope)
        port = Integer(minimum=0).parse(words[0], scope) if words else None
        return prefix >> (32 - length) << (32 - length), length, gateway, port


# A million routes are read in seconds: literals go straight to numbers, and only names by way of argument types

def prefix_numbers(word: str, scope: Scope) -> tuple[int, int]:
    """Address and length of a prefix, or of an address alone."""
    try:
        return ipv4_prefix_numbers(word, bare=True)
    except ValueError:
        prefix = IPv4Prefix(bare=True).parse(word, scope)
        return int(prefix.ip), prefix.network.prefixlen


def gateway_number(word: str, scope: Scope) -> int:
    """A gateway's address, 0 for `-`."""
    try:
        return 0 if word == "-" else ipv4_number(word)
    except ValueError:
        return int(IPv4().parse(word, scope))


class Changes(ArgumentType[list[tuple[str, int, int, int | None, int | None]]]):
    """Lines `add ROUTE`, `set ROUTE` or `remove ROUTE`, each as RouteTable.apply takes it."""

    name = "changes of routes"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> list[tuple[str, int, int, int | None, int | None]]:
        return [self.change(line.strip(), scope) for line in text.splitlines() if line.strip()]

    def change(self, line: str, scope: Scope) -> tuple[str, int, int, int | None, int | None]:
        """One line."""
        verb, _, route = line.partition(" ")
        if verb not in ("add", "set", "remove"):
            raise self.error(line, "is not 'add ROUTE', 'set ROUTE' or 'remove ROUTE'")
        return (verb, *Route(partial=verb == "remove").parse(route, scope))


def route_line(prefix: int, length: int, gateway: int, port: int) -> str:
    """A route as the `table` handler prints it: prefix, gateway or `-`, port, in columns of tabs."""
    first = f"{IPv4Address(prefix)}/{length}"
    second = str(IPv4Address(gateway)) if gateway else "-"
    first += "\t" if len(first) >= 16 else "\t\t"
    return f"{first}{second}\t{port}\n" if len(second) >= 8 else f"{first}{second}\t\t{port}\n"

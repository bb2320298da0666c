"""What a lab is to do with a configuration: which devices it has, and which addresses the hosts beside it get."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Interface

from netos.cli.configuration import UsageError


@dataclass(frozen=True)
class Host:
    """A host of the lab: its end of the cable, its address, the gateway it uses ("" for none)."""

    name: str
    device: str
    address: IPv4Interface
    gateway: str = ""


@dataclass(frozen=True)
class Plan:
    """The hosts, whom the client talks to, and the hops a traceroute must show."""

    hosts: tuple[Host, ...]
    target: str
    hops: tuple[str, ...]


def defaults(text: str) -> dict[str, str]:
    """The variables that a configuration's `define` statements give defaults for."""
    found: dict[str, str] = {}
    text = re.sub(r"//[^\n]*", "", text)
    for statement in re.findall(r"^\s*define\s*\((.*?)\)\s*;?\s*(?=\n|$)", text, re.DOTALL | re.MULTILINE):
        for name, value in re.findall(r"\$(\w+)\s+([^,\s]+)", statement):
            found.setdefault(name, value)
    return found


def neighbour(address: IPv4Interface, offset: int) -> IPv4Interface:
    """Another address of the same network."""
    return IPv4Interface(f"{address.ip + offset}/{address.network.prefixlen}")


def make_plan(text: str, definitions: dict[str, str]) -> Plan:
    """Read the variables DEV0, DEV1, ADDR0, ADDR1 (a router), DEV0, DEV1 (a bridge) or DEV, ADDR (one host)."""
    variables = {**defaults(text), **definitions}
    try:
        if "ADDR0" in variables and "ADDR1" in variables:
            inner, outer = IPv4Interface(variables["ADDR0"]), IPv4Interface(variables["ADDR1"])
            server = Host("server", variables["DEV1"], neighbour(outer, 1), str(outer.ip))
            client = Host("client", variables["DEV0"], neighbour(inner, 1), str(inner.ip))
            return Plan((client, server), str(server.address.ip), (str(inner.ip), str(server.address.ip)))
        if "DEV0" in variables and "DEV1" in variables:
            client = Host("client", variables["DEV0"], IPv4Interface("10.0.1.2/24"))
            server = Host("server", variables["DEV1"], IPv4Interface("10.0.1.3/24"))
            return Plan((client, server), "10.0.1.3", ("10.0.1.3",))
        if "DEV" in variables and "ADDR" in variables:
            own = IPv4Interface(variables["ADDR"])
            own = own if own.network.prefixlen < 32 else IPv4Interface(f"{own.ip}/24")
            return Plan((Host("client", variables["DEV"], neighbour(own, 1)),), str(own.ip), (str(own.ip),))
    except (KeyError, ValueError) as error:
        raise UsageError(f"the lab cannot use this configuration's variables: {error}") from None
    raise UsageError("the lab needs a configuration that defines $DEV0 and $DEV1 (a router also $ADDR0 and $ADDR1, "
                     "with /length), or $DEV and $ADDR")

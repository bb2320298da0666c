"""PortInfo: names for TCP and UDP ports (Click's PortInfo)."""

from __future__ import annotations

from typing import Annotated

from netos.args import Remaining, define_ports
from netos.args.each import read_each
from netos.element import Element


class PortInfo(Element):
    """Let names stand for ports in the compound element this one lies in; arguments `NAME PORT[/tcp|/udp] [ALIAS…]`."""

    ports = "0/0"
    phase = 0

    def configure(self, *entries: Annotated[str, Remaining]) -> None:
        compound = self.name.rpartition("/")[0]
        read_each(lambda entry: define_ports(self.router.names, entry, compound), entries)

"""AddressInfo: names for addresses (Click's AddressInfo)."""

from __future__ import annotations

from typing import Annotated

from netos.args import Remaining, define_addresses
from netos.args.each import read_each
from netos.element import Element


class AddressInfo(Element):
    """Let NAME stand for addresses and prefixes in the compound element this one lies in; arguments `NAME ADDRESS…`."""

    ports = "0/0"
    phase = 0

    def configure(self, *entries: Annotated[str, Remaining]) -> None:
        compound = self.name.rpartition("/")[0]
        read_each(lambda entry: define_addresses(self.router.names, entry, compound), entries)

"""IPRewriterPatterns: names for IPRewriter's patterns (Click's IPRewriterPatterns)."""

from __future__ import annotations

from typing import Annotated

from elements.tcpudp.rewriter_spec import PATTERNS, parse_pattern
from netos.args import Remaining
from netos.args.each import read_each
from netos.element import Element
from netos.errors import ArgumentError
from netos.lang.quoting import split_words


class IPRewriterPatterns(Element):
    """Let names stand for patterns: arguments `NAME SADDR SPORT DADDR DPORT`."""

    ports = "0/0"
    phase = 1           # after AddressInfo

    def configure(self, *entries: Annotated[str, Remaining]) -> None:
        read_each(self.define, entries)

    def define(self, entry: str) -> None:
        """Define what one argument says."""
        name, *fields = split_words(entry) or [""]
        if len(fields) != 4:
            raise ArgumentError(f"expected 'NAME SADDR SPORT DADDR DPORT', not '{entry}'")
        pattern = parse_pattern(fields, self.router.scope(self.name))
        self.router.names.define(PATTERNS, name, pattern, self.name.rpartition("/")[0])

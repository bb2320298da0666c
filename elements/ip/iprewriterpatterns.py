"""IPRewriterPatterns: names for IPRewriter's patterns (Click's IPRewriterPatterns)."""

from __future__ import annotations

from typing import Annotated

from elements.tcpudp.rewriter_spec import PATTERNS, parse_pattern
from netos.args import Remaining
from netos.element import Element
from netos.errors import ArgumentError
from netos.lang.quoting import split_words


class IPRewriterPatterns(Element):
    """Let names stand for patterns: arguments `NAME SADDR SPORT DADDR DPORT`."""

    ports = "0/0"
    phase = 1           # after AddressInfo

    def configure(self, *entries: Annotated[str, Remaining]) -> None:
        scope = self.router.scope(self.name)
        for entry in entries:
            name, *fields = split_words(entry) or [""]
            if len(fields) != 4:
                raise ArgumentError(f"expected 'NAME SADDR SPORT DADDR DPORT', not '{entry}'")
            self.router.names.define(PATTERNS, name, parse_pattern(fields, scope), self.name.rpartition("/")[0])

"""The tokens of the pcap-filter language (pcap-filter(7)), each with the column where it starts."""

from __future__ import annotations

import re
from typing import NamedTuple

from netos.errors import NetosError

TOKEN = re.compile(r"""
    (?P<ether> [0-9A-Fa-f]{1,2} (?: (?: :[0-9A-Fa-f]{1,2} ){5} | (?: -[0-9A-Fa-f]{1,2} ){5} ) (?![\w:.-])
             | [0-9A-Fa-f]{4} \. [0-9A-Fa-f]{4} \. [0-9A-Fa-f]{4} (?![\w:.-]) )
  | (?P<ip6> (?= [0-9A-Fa-f:]* :: | (?: [0-9A-Fa-f]+ : ){6} ) [0-9A-Fa-f:]+ (?: \d+ (?: \.\d+ ){3} )? (?![\w.-]) )
  | (?P<ip> \d+ (?: \.\d+ ){1,3} (?![\w.-]) )
  | (?P<number> (?: 0[xX][0-9A-Fa-f]+ | \d+ ) (?![\w.-]*[\w]) )
  | (?P<name> \\? [A-Za-z0-9_] (?: [\w.-]* [\w] )? )
  | (?P<operator> && | \|\| | >= | <= | == | != | << | >> | [-!<>=&|^+*/%()\[\]:] )
""", re.VERBOSE | re.ASCII)


class Token(NamedTuple):
    """`kind` is ether, ip6, ip, number, name or operator, or end behind the last one."""

    kind: str
    text: str
    column: int


class FilterError(NetosError):
    """A filter that cannot be used: the message stands under a caret at the place."""

    def __init__(self, text: str, column: int, length: int, message: str) -> None:
        self.column = column
        self.length = max(length, 1)
        self.message = message
        super().__init__(f"in the filter\n  {text}\n  {' ' * column}{'^' * self.length}\n{message}")


def tokens(text: str) -> list[Token]:
    """The tokens of a filter, and the one at its end; raises FilterError."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = TOKEN.match(text, at)
        if match is None:
            raise FilterError(text, at, 1, f"'{text[at]}' is nothing that a filter can have")
        found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, Token("end", "", len(text.rstrip()))]

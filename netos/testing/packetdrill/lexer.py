"""The words of packetdrill's language."""

from __future__ import annotations

import re
from typing import NamedTuple

from netos.testing.packetdrill.nodes import ScriptError


class Token(NamedTuple):
    """A word: what kind it is, how it is written, where."""

    kind: str
    text: str
    line: int
    start: int
    end: int


PATTERN = re.compile(r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/|\#[^\n]*)
  | (?P<code>%\{.*?\}%)
  | (?P<command>`[^`]*`)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<option>--[A-Za-z_][\w-]*(?:=[^\s]*)?)
  | (?P<address>\d+\.\d+\.\d+\.\d+)
  | (?P<hex>0[xX][0-9a-fA-F]+)
  | (?P<float>\d+\.\d+|\.\d+)
  | (?P<number>\d+)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<ellipsis>\.\.\.)
  | (?P<symbol>[-+*~<>()\[\]{},:=|.&;])
""", re.VERBOSE | re.DOTALL)
UNENDED = {"%{": "the code that begins here has no '}%'", "`": "the command that begins here has no second '`'",
           '"': "the string that begins here does not end on its line",
           "/*": "the comment that begins here does not end"}


def tokens(text: str, name: str) -> list[Token]:
    """All words of a script, and one of the kind "end"; raises ScriptError."""
    found: list[Token] = []
    at, line = 0, 1
    while at < len(text):
        match = PATTERN.match(text, at)
        if match is None:
            begun = next((why for start, why in UNENDED.items() if text.startswith(start, at)), None)
            raise ScriptError(name, line, begun or f"{text[at]!r} means nothing here")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), line, at, match.end()))
        line += match.group().count("\n")
        at = match.end()
    found.append(Token("end", "the end of the script", line, at, at))
    return found

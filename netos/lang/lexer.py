"""Lexer: a configuration text as tokens, with landmarks (Click's lib/lexer.cc, doc/click.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from netos.errors import Diagnostic, Diagnostics, Location
from netos.lang.quoting import COMMENT, HEX_BLOCK, unquote
from netos.lang.sources import Source

KEYWORDS = frozenset({"elementclass", "require", "define", "provide"})
IDENTIFIER, VARIABLE, END = "identifier", "variable", "end"

_space = re.compile(rf"(?:[ \t\n\v\f\r]|{COMMENT})*+")
_token = re.compile(
    r"(?P<identifier>[A-Za-z0-9_@]+(?:/[A-Za-z0-9_@]+)*)|(?P<variable>\$[A-Za-z0-9_]*)"
    r"|->|=>|::|\|\||\.\.\.|.", re.DOTALL)
_directive = re.compile(r'#[ \t]*(?:line[ \t]+)?([0-9]+)[ \t]*("(?:[^"\\\r\n]|\\[^\r\n])*"?)?[^\r\n]*')
_rest_of_line = re.compile(r"[^\r\n]*")
_configuration_piece = re.compile(
    rf"""[^()'"\\/#]++|'[^']*+'|"(?:[^"\\]|{HEX_BLOCK}|\\[^<])*+"|{HEX_BLOCK}|{COMMENT}|(?P<special>.)""", re.DOTALL)


class Token(NamedTuple):
    """A lexical token: `kind` is "identifier", "variable", "end", or the keyword or punctuation itself."""

    kind: str
    text: str
    start: int

    def __str__(self) -> str:
        return self.text if self.kind != END else "end of file"


class Lexer:
    """Tokens on demand, because what `(` opens depends on where it stands."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.text = source.text
        self.diagnostics = diagnostics
        self.position = 0

    def location(self, token: Token) -> Location:
        """Where a token starts."""
        return self.source.location(token.start)

    def error(self, message: str, start: int, length: int = 1, *hints: str) -> None:
        """Complain about the text at an offset."""
        self.diagnostics.append(Diagnostic("error", message, self.source.location(start), max(length, 1), hints))

    def next(self) -> Token:
        """The next token, after space, comments and line directives."""
        while True:
            match = _space.match(self.text, self.position)
            start = self.position = match.end() if match else self.position
            if not self._at_directive(start):
                break
            self.position = self._read_directive(start)
        match = _token.match(self.text, start)
        if match is None:
            return Token(END, "", len(self.text))
        self.position = match.end()
        text = match.group()
        return Token(text if text in KEYWORDS else match.lastgroup or text, text, start)

    def configuration(self, opening: Token) -> tuple[str, Sequence[tuple[int, int]]]:
        """The text from behind `(`, the token just read, to the matching `)`, which is read too; and its cuts.

        Where a line directive stands there is a cut, (offset in that text, offset in the source behind the directive).
        """
        text = self.text
        start = position = opening.start + 1
        depth = 1
        parts: list[str] = []
        cuts: list[tuple[int, int]] = []
        length = 0
        while match := _configuration_piece.match(text, position):
            special = match.group("special")
            if special == ")":
                depth -= 1
                if not depth:
                    break
            elif special == "(":
                depth += 1
            elif special == "#" and self._at_directive(position):
                parts.append(text[start:position])
                start = position = self._read_directive(position)
                length += len(parts[-1])
                cuts.append((length, start))
                continue
            elif special in ("'", '"'):
                self.error(f"syntax error: missing {special} to end the quoted text", position)
                break
            position = match.end()
        if match is None:
            self.error("syntax error: missing ')'", opening.start, 1, "this '(' is never closed")
        closed = match is not None and match.group("special") == ")"
        end = position if closed else len(text)
        parts.append(text[start:end])
        self.position = end + closed
        return "".join(parts), tuple(cuts)

    def _at_directive(self, position: int) -> bool:
        return self.text.startswith("#", position) and (position == 0 or self.text[position - 1] in "\r\n")

    def _read_directive(self, position: int) -> int:
        """Take the line directive at `position` into account; where its line ends."""
        match = _directive.match(self.text, position)
        if match is None:
            match = _rest_of_line.match(self.text, position)
            end = match.end() if match else position
            self.error("unknown preprocessor directive", position, end - position,
                       "a line that starts with '#' must be a line directive: # N \"file\"; comments start with //")
            return end
        number, filename = match.groups()
        line = int(number) if len(number) < 10 else 0
        self.source.redirect(position, line, None if filename is None else unquote(filename))
        return match.end()

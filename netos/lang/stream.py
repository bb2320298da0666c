"""The parser's view of the tokens: one token of look-ahead, and the small lists (ports, formals)."""

from __future__ import annotations

import re

from netos.errors import Diagnostic, Diagnostics
from netos.lang import nodes
from netos.lang.lexer import END, IDENTIFIER, VARIABLE, Lexer, Token
from netos.lang.sources import Source

MAX_PORT = 65535
MAX_PORTS = 1_000_000

_integer = re.compile(r"0[xX][0-9A-Fa-f]+|0[bB][01]+|[0-9]+")


def port_number(text: str) -> int | None:
    """A port number, in any of Click's spellings of integers."""
    digits = text.replace("_", "")
    if not _integer.fullmatch(digits) or len(digits) > 40:
        return None
    if digits[:2] in ("0x", "0X", "0b", "0B"):
        return int(digits, 0)
    try:
        return int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)
    except ValueError:
        return None


class TokenStream:
    """Tokens with one token of look-ahead, and complaints about them."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.lexer = Lexer(source, diagnostics)
        self._peeked: Token | None = None
        self._ports_left = MAX_PORTS

    def peek(self) -> Token:
        """The next token, left in place."""
        if self._peeked is None:
            self._peeked = self.lexer.next()
        return self._peeked

    def next(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self._peeked = None
        return token

    def accept(self, kind: str) -> Token | None:
        """Take the next token if it is of that kind."""
        return self.next() if self.peek().kind == kind else None

    def error(self, message: str, token: Token, *hints: str) -> None:
        """Complain about a token."""
        self.lexer.error(message, token.start, len(token.text), *hints)

    def syntax_error(self, token: Token, *hints: str) -> None:
        """Complain about a token that cannot stand where it does."""
        self.error(f"syntax error near '{token}'", token, *hints)

    def warn(self, message: str, token: Token) -> None:
        """Remark on a token."""
        location = self.lexer.location(token)
        self.lexer.diagnostics.append(Diagnostic("warning", message, location, max(len(token.text), 1)))

    def name(self, token: Token) -> nodes.Name:
        """An identifier as a node."""
        return nodes.Name(token.text, self.lexer.location(token))

    def configuration(self) -> nodes.Text | None:
        """A configuration string in parentheses, if one stands here."""
        opening = self.accept("(")
        if opening is None:
            return None
        text, cuts = self.lexer.configuration(opening)
        return nodes.Text(text, self.lexer.source, opening.start + 1, cuts)

    def ports(self) -> nodes.Ports | None:
        """A port list `[0, 2-4]`, if one stands here; `[]` and a trailing comma make it expandable."""
        opening = self.accept("[")
        if opening is None:
            return None
        numbers: list[int] = []
        expandable = False
        while True:
            if self.accept("]"):
                expandable = True
                break
            if self.peek().kind != IDENTIFIER:
                self.error("syntax error: expected port number", self.peek())
                self.accept("]")
                break
            span = self._port_range()
            self._ports_left -= len(span)
            if self._ports_left < 0:
                self.error(f"more than {MAX_PORTS} ports", opening)
                span = range(1)
            numbers += span
            if self.accept("]"):
                break
            if not self.accept(","):
                self.error("syntax error: expected ',' or ']' in port list", self.peek())
                break
        if not numbers:
            numbers = [0]
        return nodes.Ports(numbers, expandable, self.lexer.location(opening),
                           max(self.lexer.position - opening.start, 1) if self._peeked is None else 1)

    def _port_range(self) -> range:
        """A port number, or two with `-` between."""
        first = self._port()
        if not self.accept("-"):
            return range(first, first + 1)
        if self.peek().kind != IDENTIFIER:
            self.error("syntax error: expected port number", self.peek())
            return range(first, first + 1)
        token = self.peek()
        last = self._port()
        if last < first:
            self.error(f"syntax error: port range {first}-{last} runs backwards", token)
            last = first
        return range(first, last + 1)

    def _port(self) -> int:
        token = self.next()
        number = port_number(token.text)
        if number is None:
            self.error("syntax error: port number should be integer", token)
        elif number > MAX_PORT:
            self.error(f"port number {token} out of range, bound {MAX_PORT}", token)
        else:
            return number
        return 0

    def formals(self) -> list[nodes.Formal]:
        """The parameters of a compound element with their closing `|`, if there are any (`ycompound_arguments`)."""
        formals: list[nodes.Formal] = []
        while not self.accept("|"):
            keyword = ""
            token = self.peek()
            if token.kind == IDENTIFIER:
                position = self.lexer.position
                self.next()
                if self.peek().kind == VARIABLE:
                    keyword = token.text
                else:
                    self.lexer.position, self._peeked = position, token
            if self.peek().kind != VARIABLE:
                if formals:
                    self.error("expected variable", self.peek())
                break
            variable = self.next()
            formals.append(nodes.Formal(keyword, variable.text[1:], self.lexer.location(token)))
            if self.accept("|"):
                break
            if not self.accept(","):
                self.error("expected ',' or '|'", self.peek())
                break
        return formals

    def at_end(self) -> bool:
        """Whether the text is used up."""
        return self.peek().kind == END

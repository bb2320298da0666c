"""The grammar of the pcap-filter language (pcap-filter(7), libpcap's grammar.y): text in, a condition on packets out.

    expression := term {('and' | '&&' | 'or' | '||') term}, from left to right
    term := ('not' | '!') term | '(' expression ')' | value relation value | primitive | identifier
    primitive := [protocol] ['src' | 'dst' | 'src or dst' | 'src and dst'] [kind] identifier | protocol | …

An identifier that stands alone has the qualifiers of the one before: `port 80 or 443`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from netos.proto.pcapfilter_arithmetic import (
    GREEDY,
    LENGTH,
    PRECEDENCE,
    RELATIONS,
    Unusable,
    Value,
    binary,
    field,
    negated,
    number_value,
    relation,
)
from netos.proto.pcapfilter_code import Condition, Not, every, some
from netos.proto.pcapfilter_identifiers import Identifiers, Qualifiers, Service
from netos.proto.pcapfilter_lexer import FilterError, Token, tokens
from netos.proto.pcapfilter_names import ALIASES, CONSTANTS, DIRECTIONS, KINDS, PROTOCOLS, UNSUPPORTED, WORDS
from netos.proto.pcapfilter_terms import Layout

DEEPEST = 50
TERMS_MAX = 300
AND, OR, NOT = ("and", "&&"), ("or", "||"), ("not", "!")
OPERATORS = frozenset((*PRECEDENCE, *GREEDY, *RELATIONS))
LENGTHS = ("len", "length")
BEGINNINGS = "a host, net, port, proto, a protocol such as tcp, or a field such as tcp[13]"
Found = tuple[Condition, Qualifiers | None]


class Parser:
    """Reads one filter for one layout of packets; raises FilterError."""

    def __init__(self, text: str, layout: Layout, service: Service) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.layout = layout
        self.identifiers = Identifiers(layout, service, self.fail)
        self.position = 0
        self.depth = 0
        self.terms = 0

    # Tokens

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    def word(self, ahead: int = 0) -> str:
        """The text of a token from here on, in its usual spelling."""
        token = self.tokens[min(self.position + ahead, len(self.tokens) - 1)]
        return ALIASES.get(token.text, token.text)

    def take(self) -> Token:
        """The next token, which is then behind us."""
        token = self.token
        self.position += token.kind != "end"
        return token

    def accept(self, *texts: str) -> bool:
        """Take the next token if it is one of these."""
        found = self.word() in texts
        self.position += found
        return found

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail(self.token, f"'{text}' is missing here")

    def fail(self, token: Token, message: str) -> NoReturn:
        raise FilterError(self.text, token.column, len(token.text), message)

    # Boolean expressions

    def parse(self) -> Condition:
        """The condition that the filter stands for."""
        condition, _ = self.expression(Qualifiers())
        if self.token.kind != "end":
            self.fail(self.token, f"'{self.token.text}' does not go on the filter: 'and' or 'or' could, or its end")
        return condition

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(self.token, f"this is nested more than {DEEPEST} deep")

    def expression(self, qualifiers: Qualifiers | None) -> Found:
        self.deeper()
        condition, qualifiers = self.term(qualifiers)
        while self.word() in AND + OR:
            join = every if self.take().text in AND else some
            term, qualifiers = self.term(qualifiers)
            condition = join(condition, term)
        self.depth -= 1
        return condition, qualifiers

    def term(self, qualifiers: Qualifiers | None) -> Found:
        self.terms += 1
        if self.terms > TERMS_MAX:
            self.fail(self.token, f"a filter has at most {TERMS_MAX} terms")
        negative = False
        while self.accept(*NOT):
            negative = not negative
        if self.is_arithmetic():
            found: Found = self.relation(), None
        elif self.accept("("):
            found = self.expression(qualifiers)
            self.expect(")")
        elif self.token.kind == "name" and self.word() in WORDS:
            found = self.primitive()
        else:
            found = self.identifier(qualifiers), qualifiers
        return (Not(found[0]), found[1]) if negative else found

    def identifier(self, qualifiers: Qualifiers | None) -> Condition:
        """An address, a number or a name, under the qualifiers that went before."""
        token = self.token
        if token.kind == "end":
            self.fail(token, f"the filter ends too early: {BEGINNINGS} is missing")
        if token.kind == "operator":
            self.fail(token, f"'{token.text}' cannot stand here: {BEGINNINGS} can")
        if qualifiers is None:
            self.fail(token, f"what is '{token.text}'? Write {BEGINNINGS} before it")
        self.take()
        length = mask = None
        if self.accept("/"):
            length = self.take()
        elif self.accept("mask"):
            mask = self.take()
        return self.identifiers.condition(token, qualifiers, length, mask)

    # Primitives

    def primitive(self) -> Found:
        token, word = self.token, self.word()
        if word in UNSUPPORTED:
            self.fail(token, f"'{token.text}' is not among the filters here: {UNSUPPORTED[word]}")
        if self.accept("less", "greater"):
            return self.layout.length(word, self.number("bytes")), None
        if self.accept("vlan"):
            return self.layout.vlan(self.number("of the VLAN", 4095) if self.token.kind == "number" else None), None
        protocol = self.take().text if word in PROTOCOLS else None
        protocol = ALIASES.get(protocol, protocol) if protocol else None
        if self.word() in ("broadcast", "multicast"):
            return self.group(protocol), None
        direction = self.direction()
        kind = self.take().text if self.word() in KINDS else None
        if protocol and not direction and not kind:
            return self.alone(token, protocol), None
        if not protocol and not direction and not kind:
            self.fail(token, f"'{token.text}' cannot stand here: {BEGINNINGS} can")
        if kind is None and self.word() in WORDS:
            self.fail(self.token, f"'{self.token.text}' cannot follow here: host, net, port or an address can")
        qualifiers = Qualifiers(protocol, direction, kind, token)
        return self.identified(qualifiers)

    def identified(self, qualifiers: Qualifiers) -> Found:
        """What follows the qualifiers: an identifier, or several in parentheses."""
        negative = False
        while self.accept(*NOT):
            negative = not negative
        if self.accept("("):
            condition, _ = self.expression(qualifiers)
            self.expect(")")
        else:
            condition = self.identifier(qualifiers)
        return Not(condition) if negative else condition, qualifiers

    def direction(self) -> str | None:
        word = self.word()
        if word not in DIRECTIONS:
            return None
        self.take()
        if self.word() in AND + OR and self.word(1) in DIRECTIONS and self.word(1) != word:
            word = "and" if self.take().text in AND else "or"
            self.take()
        return word

    def alone(self, token: Token, protocol: str) -> Condition:
        """A protocol without anything more."""
        if protocol == "ether":
            self.fail(token, "'ether' alone says nothing: host, src, dst, proto, broadcast or multicast can follow")
        if self.token.kind in ("number", "ip", "ip6", "ether"):
            kind = "port" if self.token.kind == "number" else "host"
            self.fail(self.token, f"what is '{self.token.text}'? Write '{kind}' before it")
        return self.layout.protocol(protocol)

    def group(self, protocol: str | None) -> Condition:
        """`broadcast` and `multicast`."""
        token = self.take()
        if token.text == "broadcast" and protocol in (None, "ether"):
            return self.layout.broadcast()
        if token.text == "broadcast" and protocol == "ip":
            self.fail(token, "'ip broadcast' depends on the net's mask, which nobody knows here: "
                             "write 'dst host' and the broadcast address, or 'ether broadcast'")
        if token.text == "broadcast" or protocol not in (None, "ether", "ip", "ip6"):
            self.fail(token, f"'{token.text}' can follow ether{', ip and ip6' if token.text == 'multicast' else ''}")
        return self.layout.multicast(protocol or "ether")

    def number(self, what: str, most: int = 0xFFFFFFFF) -> int:
        """A number."""
        token = self.take()
        if token.kind != "number" or integer(token.text) > most:
            self.fail(token, f"a number {what} is wanted here{f', at most {most}' if most < 0xFFFFFFFF else ''}")
        return integer(token.text)

    # Arithmetic

    def is_arithmetic(self) -> bool:
        """Whether a value comes, to be compared, rather than a condition."""
        word, token = self.word(), self.token
        if word in LENGTHS or word in CONSTANTS or word == "-":
            return True
        if word in PROTOCOLS:
            return self.word(1) == "["
        if token.kind == "number":
            return self.word(1) in OPERATORS
        if word != "(":
            return False
        depth = 0
        for ahead in range(len(self.tokens) - self.position):
            depth += {"(": 1, ")": -1}.get(self.word(ahead), 0)
            if depth == 0:
                return self.word(ahead + 1) in OPERATORS
        return False

    def relation(self) -> Condition:
        left, start = self.value(), self.token
        if start.text not in RELATIONS:
            self.fail(start, "a comparison is missing here: one of > >= = != <= <")
        self.take()
        try:
            return relation(start.text, left, self.value())
        except Unusable as problem:
            self.fail(start, str(problem))

    def value(self, least: int = 0) -> Value:
        """A value whose operators bind more strongly than `least`."""
        self.deeper()
        found = self.operand()
        while self.word() in GREEDY or PRECEDENCE.get(self.word(), 0) > least:
            operator = self.take()
            right = self.value(PRECEDENCE.get(operator.text, 0))
            try:
                found = binary(operator.text, found, right)
            except Unusable as problem:
                self.fail(operator, str(problem))
        self.depth -= 1
        return found

    def operand(self) -> Value:
        token = self.take()
        word = ALIASES.get(token.text, token.text)
        if token.kind == "number":
            return number_value(integer(token.text))
        if word in CONSTANTS:
            return number_value(CONSTANTS[word])
        if word in LENGTHS:
            return LENGTH
        if word == "-":
            return negated(self.value(max(PRECEDENCE.values())))
        if word == "(":
            found = self.value()
            self.expect(")")
            return found
        if word not in PROTOCOLS or self.word() != "[":
            self.fail(token, "a number, 'len', or a field such as ip[0] or tcp[2:2] is wanted here")
        self.take()
        index, size = self.value(), 1
        if self.accept(":"):
            at = self.token
            size = self.number("1, 2 or 4")
            if size not in (1, 2, 4):
                self.fail(at, "a field has 1, 2 or 4 bytes")
        self.expect("]")
        return field(self.layout, word, index, size)


def integer(text: str) -> int:
    """A number as C reads it."""
    return int(text, 16 if text[:2].lower() == "0x" else 8 if text[0] == "0" and text.isdigit() and
               not set(text) & {"8", "9"} else 10)


def condition_of(text: str, ether: bool, service: Callable[[str, str], int | None]) -> Condition:
    """The condition of a filter on Ethernet frames, or on packets that begin with their IP header."""
    return Parser(text, Layout(ether), service).parse()

"""The grammar of IPFilter's and IPClassifier's patterns: text in, a condition on packets out (Click's ipfilter.cc).

    expression := or-expression ['?' expression ':' expression]
    or-expression := and-expression {('or' | '||') and-expression}
    and-expression := factor {['and' | '&&'] factor}
    factor := ('not' | '!') factor | '(' expression ')' | 'true' | 'false' | primitive
    primitive := {qualifier} ['[' POS [':' LEN] ']'] ['&' mask] [relation] [data]
"""

from __future__ import annotations

from elements.ip.filter_lexer import Token, tokens
from elements.ip.filter_names import (
    CONSTANTS,
    DIRECTIONS,
    FIELDS,
    KINDS,
    WITHOUT_DATA,
    Field,
    Vocabulary,
)
from elements.ip.filter_primitive import Primitive, Unsuitable
from elements.ip.filter_values import read_data, read_number
from elements.standard.decision import All, Always, AnyOf, Choice, Condition, Not
from elements.standard.decision_graph import NETWORK, TRANSPORT
from elements.standard.pattern_error import Complaint

DEEPEST = 100
RELATIONS = {"=": "=", "==": "=", "!=": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
FIELD_LIMITS = {NETWORK: 256, TRANSPORT: 65_000}
AND, OR = ("and", "&&"), ("or", "||")


class Parser:
    """Reads one pattern; a wrong primitive is put in `complaints`, or in `warnings`, and does not end the reading."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.tokens = tokens(text)
        self.vocabulary = vocabulary
        self.position = 0
        self.depth = 0
        self.before: Primitive | None = None
        self.complaints: list[Complaint] = []
        self.warnings: list[Complaint] = []

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    def take(self) -> Token:
        """The next token, which is then behind us."""
        token = self.token
        if token.text:
            self.position += 1
        return token

    def accept(self, *texts: str) -> bool:
        """Take the next token if it is one of these."""
        found = self.token.text in texts
        self.position += found
        return found

    def parse(self) -> Condition:
        """The condition that the rest of the pattern stands for; look at `complaints` before using it."""
        try:
            if self.token.text == "-" and len(self.tokens) == self.position + 2:
                return Always(True)
            condition = self.expression()
            if self.token.text:
                raise self.unexpected(f"garbage after expression at '{self.token.text}'")
            return condition
        except Complaint as complaint:
            self.complaints.append(complaint)
        return Always(False)

    def unexpected(self, message: str) -> Complaint:
        """A complaint about the next token, or the pattern's end."""
        return Complaint(message, self.token.column, len(self.token.text))

    def expression(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.unexpected(f"nested more than {DEEPEST} deep; split the pattern")
        cases: list[tuple[Condition, Condition]] = []
        condition = self.or_expression()
        while self.accept("?"):
            then = self.expression()
            if not self.accept(":"):
                raise self.unexpected("missing ':' in ternary expression (put a space before and after it)")
            cases.append((condition, then))
            condition = self.or_expression()
        self.depth -= 1
        return Choice(tuple(cases), condition) if cases else condition

    def or_expression(self) -> Condition:
        terms = [self.and_expression()]
        while self.accept(*OR):
            terms.append(self.and_expression())
        return AnyOf(tuple(terms)) if len(terms) > 1 else terms[0]

    def and_expression(self) -> Condition:
        terms = [self.factor()]
        while self.accept(*AND) or self.token.text not in (*OR, ")", "?", ":", ""):
            terms.append(self.factor())
        return All(tuple(terms)) if len(terms) > 1 else terms[0]

    def factor(self) -> Condition:
        negated = False
        while self.accept("not", "!"):
            negated = not negated
        token = self.token
        if self.accept("("):
            condition = self.expression()
            if not self.accept(")"):
                raise self.unexpected("missing ')'")
        elif token.text in CONSTANTS:
            condition = Always(CONSTANTS[self.take().text])
        elif token.text in RELATIONS or token.text in ("&", "[", "]") or not token.is_structure:
            condition = self.primitive()
        elif self.position and self.tokens[self.position - 1].text:
            raise self.unexpected(f"missing expression after '{self.tokens[self.position - 1].text}'")
        else:
            raise self.unexpected(f"missing expression before '{token.text}'" if token.text else "empty pattern")
        return Not(condition) if negated else condition

    def primitive(self) -> Condition:
        """A primitive, or what is false if it is wrong."""
        start = self.position
        item = Primitive()
        try:
            self.qualifiers(item)
            before = None if self.position > start else self.before
            if item.kind not in WITHOUT_DATA:
                self.field(item)
                self.comparison(item)
            if self.position == start:
                word = self.take()
                while not self.token.is_structure:
                    self.take()     # what follows an unknown word is rather its data than another mistake
                raise Complaint(f"unknown word '{word.text}'{self.vocabulary.suggestion(word.text)}",
                                word.column, len(word.text))
            item.complete(before)
            self.before = item
            return item.condition()
        except Unsuitable as problem:
            self.complaints.append(self.about(start, str(problem)))
        except Complaint as complaint:
            self.complaints.append(complaint)
        finally:
            self.warnings.extend(self.about(start, warning) for warning in item.warnings)
        return Always(False)

    def about(self, start: int, message: str) -> Complaint:
        """A complaint about all tokens from the one at `start` to here."""
        first, last = self.tokens[start], self.tokens[max(self.position - 1, start)]
        return Complaint(message, first.column, last.column + len(last.text) - first.column)

    def qualifiers(self, item: Primitive) -> None:
        """Read directions, protocols and kinds."""
        while item.kind not in WITHOUT_DATA:
            word = self.token.text
            if word in KINDS or word == "ether":
                self.set_kind(item, word)
            elif word in DIRECTIONS:
                self.set_direction(item)
            elif word != "ip" and not self.set_protocol(item, word):
                break
            self.position += 1

    def set_kind(self, item: Primitive, word: str) -> None:
        if word == "host" and item.kind == "ether":
            return
        if item.kind is not None and not (word == "ether" and item.kind == "host"):
            raise self.twice("type")
        item.kind = FIELDS.get(word, word)

    def set_direction(self, item: Primitive) -> None:
        if item.direction:
            raise self.twice("'src' or 'dst'")
        item.direction = self.token.text
        following = [token.text for token in self.tokens[self.position + 1:self.position + 3]]
        if len(following) == 2 and following[0] in AND + OR and following[1] in DIRECTIONS - {item.direction}:
            item.direction = "and" if following[0] in AND else "or"
            self.position += 2

    def set_protocol(self, item: Primitive, word: str) -> bool:
        """Take the word as the primitive's protocol, unless it is none, or data."""
        protocol = None if self.token.is_structure else self.vocabulary.protocol(word)
        if protocol is None or item.kind in ("host", "net", "ether"):
            return False
        if item.kind == "port" and any("port" in meaning.kind for meaning in self.vocabulary.meanings(word)):
            return False
        if item.protocol is not None:
            raise self.twice("transport protocol")
        item.protocol = protocol
        return True

    def twice(self, what: str) -> Complaint:
        """A complaint about the next token, which is skipped."""
        token = self.take()
        return Complaint(f"{what} specified twice", token.column, len(token.text))

    def field(self, item: Primitive) -> None:
        """Read `[POS]` or `[POS:LEN]` after `ip`, `transp` or a protocol."""
        if self.token.text != "[" or not self.position:
            return
        base, bracket = self.tokens[self.position - 1], self.take()
        inside: list[str] = []
        while self.token.text not in ("]", ""):
            inside.append(self.take().text)
        length = self.token.column + 1 - bracket.column
        if not self.accept("]"):
            raise Complaint("missing ']'", bracket.column)
        numbers = [read_number(text) for text in "".join(inside).split(":")]
        if base.text != "ip" and item.protocol is None:
            raise Complaint(f"'[' must follow 'ip', 'transp' or a protocol, not '{base.text}'", bracket.column, length)
        if item.kind is not None:
            raise Complaint("type specified twice", bracket.column, length)
        position, size = (*numbers, 1)[:2]
        if len(numbers) > 2 or position is None or size is None:
            raise Complaint("syntax error after '[', expected '[POS]' or '[POS:LEN]'", bracket.column, length)
        if not 1 <= size <= 4:
            raise Complaint("LEN in '[POS:LEN]' out of range, should be between 1 and 4", bracket.column, length)
        if position // 4 != (position + size - 1) // 4:
            raise Complaint(f"field [{position}:{size}] does not fit in a single word of four bytes; test its parts",
                            bracket.column, length)
        space = NETWORK if base.text == "ip" else TRANSPORT
        if position + size > FIELD_LIMITS[space]:
            raise Complaint(f"POS {position} out of range (0-{FIELD_LIMITS[space] - 1})", bracket.column, length)
        item.kind = Field(space, 8 * position, 8 * size, item.protocol if space == TRANSPORT else None)

    def comparison(self, item: Primitive) -> None:
        """Read mask, relation and data."""
        if self.accept("&"):
            item.mask = read_number(self.token.text)
            if item.mask is None:
                raise self.unexpected("missing bitmask after '&'")
            token = self.take()
            if item.mask == 0:
                self.warnings.append(Complaint("bitmask of 0 ignored", token.column, len(token.text)))
                item.mask = None
        operator = self.token
        if operator.text in RELATIONS:
            item.relation = RELATIONS[self.take().text]
        item.data = read_data(self, item)
        if item.data is None and (operator.text in RELATIONS or item.mask is not None):
            raise Complaint(f"dangling operator near '{operator.text}'", operator.column, len(operator.text))

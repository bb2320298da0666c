"""Parser: tokens to the syntax tree, going on after errors so that one run finds them all (doc/click.y)."""

from __future__ import annotations

from netos.errors import Diagnostics
from netos.lang import nodes
from netos.lang.lexer import END, IDENTIFIER, Token
from netos.lang.sources import Source
from netos.lang.stream import TokenStream

MAX_DEPTH = 50

_connectors = frozenset({"->", "=>"})
_block_ends = frozenset({"}", ")", "||", END})
_chain_ends = _block_ends | {IDENTIFIER, "{", "(", "[", "elementclass", "require", "define"}
_element_ends = _chain_ends | _connectors | {";", ","}


class Parser(TokenStream):
    """Recursive descent; `depth` counts the compounds and groups around."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        super().__init__(source, diagnostics)
        self.depth = 0

    def file(self) -> list[nodes.Statement]:
        """All statements of the text."""
        statements = self.statements()
        while not self.at_end():
            self.syntax_error(self.next())
            statements += self.statements()
        return statements

    def statements(self) -> list[nodes.Statement]:
        """Statements up to what closes the block, which is left in place."""
        statements: list[nodes.Statement] = []
        while (token := self.peek()).kind not in _block_ends:
            if token.kind in _connectors and self.depth and statements:
                self.warn(f"suggest 'input {token}' or '[0] {token}' to start connection", token)
            statement = self.statement(token)
            if statement is not None:
                statements.append(statement)
        return statements

    def statement(self, token: Token) -> nodes.Statement | None:
        """One statement; `token` is its first, not yet taken."""
        if token.kind in (IDENTIFIER, "{", "(", "[") or (self.depth and token.kind in _connectors):
            return self.chain()
        self.next()
        if token.kind == "elementclass":
            return self.element_class()
        if token.kind in ("require", "define"):
            text = self.configuration()
            if text is None:
                self.syntax_error(self.peek(), f"write {token}(…)")
                return None
            return nodes.Require(text) if token.kind == "require" else nodes.Define(text)
        if token.kind in _connectors:
            self.syntax_error(token, "a connection starts with an element")
        elif token.kind != ";":
            self.syntax_error(token)
        if token.kind == "provide":
            self.configuration()
        return None

    def element_class(self) -> nodes.Statement | None:
        """What follows `elementclass`."""
        token = self.accept(IDENTIFIER)
        if token is None:
            self.error("expected element type name", self.peek())
        if opening := self.accept("{"):
            body: nodes.Name | nodes.Compound = self.compound(opening)
        elif existing := self.accept(IDENTIFIER):
            body = self.name(existing)
        else:
            self.syntax_error(self.peek(), "elementclass NAME { … } or elementclass NAME EXISTING")
            return None
        return nodes.ElementClass(self.name(token), body) if token else None

    def chain(self) -> nodes.Chain:
        """A connection or declaration, up to what ends it."""
        chain = nodes.Chain()
        while True:
            chain.stages.append(self.stage())
            token = self.peek()
            if token.kind not in _connectors:
                break
            self.next()
            chain.connectors.append(nodes.Connector(token.text, self.lexer.location(token)))
        if token.kind == ";":
            self.next()
        elif token.kind not in _chain_ends:
            self.syntax_error(self.next())
        return chain

    def stage(self) -> list[nodes.Element]:
        """The elements between two arrows."""
        elements = [self.element()]
        while comma := self.accept(","):
            element = self.element()
            if element.implicit and element.inputs is None:
                if self.depth:
                    self.syntax_error(comma, "an element must follow ','")
                break
            elements.append(element)
        return elements

    def element(self) -> nodes.Element:
        """One element with its ports; an implicit one when there is none."""
        location = self.lexer.location(self.peek())
        inputs = self.ports()
        token = self.peek()
        element = nodes.Element(location, inputs)
        if inputs is not None and token.kind in (IDENTIFIER, "{", "("):
            element.location = self.lexer.location(token)
        if token.kind == IDENTIFIER:
            element.name = self.name(self.next())
            if colons := self.accept("::"):
                element.body = self.element_type(colons)
        elif token.kind == "{":
            element.body = self.compound(self.next())
        elif token.kind == "(":
            element.body = self.group(self.next())
            element.outputs = self.ports()
            return element
        else:
            if not self.depth:
                self.missing_element(inputs, token)
            return element
        element.configuration = self.configuration()
        element.outputs = self.ports()
        return element

    def missing_element(self, inputs: nodes.Ports | None, token: Token) -> None:
        """Complain that no element stands where one must."""
        if inputs is not None:
            self.error("stranded port ignored", token, "implicit ports are for compound elements and groups")
        elif token.kind in _element_ends:
            self.syntax_error(token, "an element must stand here")

    def element_type(self, colons: Token) -> nodes.Name | nodes.Compound:
        """What follows `::`."""
        if token := self.accept(IDENTIFIER):
            return self.name(token)
        if opening := self.accept("{"):
            return self.compound(opening)
        self.syntax_error(self.peek(), "an element class must follow '::'")
        return nodes.Name("", self.lexer.location(colons))

    def compound(self, opening: Token) -> nodes.Compound:
        """A compound element class; its `{` was just taken."""
        compound = nodes.Compound(self.lexer.location(opening))
        if not self.enter(opening):
            return compound
        while True:
            if dots := self.accept("..."):
                compound.extends = bool(compound.bodies)
                if not compound.extends or self.peek().kind != "}":
                    self.error("'...' should occur last, after one or more compounds", dots)
            else:
                location = self.lexer.location(self.peek())
                formals = self.formals()
                compound.bodies.append(nodes.Body(location, formals, self.block("}")))
            if not self.accept("||"):
                break
        self.leave(opening, "}")
        return compound

    def group(self, opening: Token) -> nodes.Group:
        """An element group; its `(` was just taken."""
        group = nodes.Group(self.lexer.location(opening))
        if self.enter(opening):
            group.statements = self.block(")")
            self.leave(opening, ")")
        return group

    def block(self, closer: str) -> list[nodes.Statement]:
        """Statements up to `closer` (or `||` in a compound), complaining about other closers on the way."""
        statements = self.statements()
        while self.peek().kind not in (closer, END) and not (closer == "}" and self.peek().kind == "||"):
            if closer == ")" and self.peek().kind == "}":
                break
            self.syntax_error(self.next())
            statements += self.statements()
        return statements

    def enter(self, opening: Token) -> bool:
        """Go one block deeper; if that is too deep, complain and skip the block."""
        if self.depth < MAX_DEPTH:
            self.depth += 1
            return True
        self.error(f"syntax error: blocks nested more than {MAX_DEPTH} deep", opening)
        level = 1
        while level and not self.at_end():
            token = self.next()
            level += {"{": 1, "(": 1, "}": -1, ")": -1}.get(token.kind, 0)
        return False

    def leave(self, opening: Token, closer: str) -> None:
        """Take the end of a block."""
        self.depth -= 1
        if not self.accept(closer):
            self.error(f"syntax error near '{self.peek()}', expected '{closer}'", opening,
                       f"this '{opening}' is never closed")


def parse(source: Source, diagnostics: Diagnostics) -> list[nodes.Statement]:
    """The statements of a text."""
    return Parser(source, diagnostics).file()


"""Elements and handlers as arguments (Click's ElementArg, ElementCastArg, HandlerCallArg)."""

from __future__ import annotations

from typing import Literal

from netos.args.scope import EMPTY_SCOPE, Scope
from netos.args.types import ArgumentType, article
from netos.errors import ArgumentError
from netos.lang.quoting import shift_word, unquote

Mode = Literal["read", "write"]


class ElementName(ArgumentType[object]):
    """The name of an element, looked up outward through the compound elements; the value is the element.

    `cast` names a class the element must be of, or a capability it must list in its `capabilities`.
    """

    name = "element"

    def __init__(self, cast: str | None = None) -> None:
        self.cast = cast
        if cast:
            self.name = cast

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> object:
        name = unquote(text)
        element = scope.element(name)
        if element is None:
            raise ArgumentError(f"'{name}' does not name an element")
        if self.cast and not is_a(element, self.cast):
            raise ArgumentError(f"'{name}' is {article(type(element).__name__)}, expected {article(self.cast)}")
        return element

    def unparse(self, value: object) -> str:
        return str(getattr(value, "name", value))


def is_a(element: object, what: str) -> bool:
    """Whether the element is of a class of that name or lists that capability."""
    return any(cls.__name__ == what for cls in type(element).__mro__) or what in getattr(element, "capabilities", ())


class HandlerReference:
    """A handler named in a configuration, to be resolved when it is called: handlers come later than arguments."""

    __slots__ = ("_scope", "argument", "mode", "text")

    def __init__(self, text: str, argument: str, scope: Scope, mode: Mode = "read") -> None:
        self.text = text
        self.argument = argument
        self.mode: Mode = mode
        self._scope = scope

    def resolve(self) -> tuple[object | None, str]:
        """The element and the name of its handler; the element is None for a global handler.

        A dotted name whose first part is no element is a global handler's whole name.
        """
        element_name, dot, handler = self.text.partition(".")
        if not dot:
            return None, self.text
        if not element_name:
            return None, handler
        element = self._scope.element(element_name)
        return (None, self.text) if element is None else (element, handler)

    def __repr__(self) -> str:
        return f"HandlerReference({self.text!r}, {self.argument!r})"

    def __str__(self) -> str:
        return f"{self.text} {self.argument}" if self.argument else self.text


class HandlerCall(ArgumentType[HandlerReference]):
    """A handler and its argument, `element.handler text…` or a global `handler text…`; `mode` is `read` or `write`."""

    def __init__(self, mode: Mode = "read") -> None:
        self.mode: Mode = mode
        self.name = f"{mode} handler call"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> HandlerReference:
        handler, argument = shift_word(text)
        handler = unquote(handler)
        if not handler or handler.endswith(".") or "/" in handler.rpartition(".")[2]:
            raise self.error(text, "is not a handler (as element.handler)")
        return HandlerReference(handler, argument, scope, self.mode)

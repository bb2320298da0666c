"""Handlers: the only way to ask or tell a running element (Click's Handler).

A read handler is a method marked `@read_handler`, or an attribute named in the class literal `handlers`; a write handler
is a method marked `@write_handler`, whose one parameter's annotation (a type of netos.args) says how the text is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from netos.errors import ArgumentError, HandlerError

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Handler:
    """One name of an element: how to read it, how to write it."""

    name: str
    read: Callable[[str], str] | None = None
    write: Callable[[str], None] | None = None
    read_parameter: bool = False
    private: bool = False

    @property
    def flags(self) -> str:
        """Click's letters: r and w, + for a read handler that takes parameters."""
        return ("r" if self.read else "") + ("w" if self.write else "") + ("+" if self.read_parameter else "")


def read_handler(name: str | Function, *, private: bool = False) -> Any:
    """Mark a method as the read handler of its own name, or of `name`; a second parameter takes the handler's argument."""
    return _mark("netos_read", name, private)


def write_handler(name: str | Function, *, private: bool = False) -> Any:
    """Mark a method as the write handler of its own name, or of `name`."""
    return _mark("netos_write", name, private)


def _mark(attribute: str, name: str | Function, private: bool) -> Any:
    def mark(function: Function) -> Function:
        names = getattr(function, attribute, ()) + ((name if isinstance(name, str) else function.__name__),)
        setattr(function, attribute, names)
        if private:
            function.netos_private = True  # type: ignore[attr-defined]
        return function

    return mark if isinstance(name, str) else mark(name)


def text_of(value: object) -> str:
    """A value as handlers print it: Click's words for truth, no quotes, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return format(value, ".12g") if isinstance(value, float) else str(value)


def element_handlers(element: Any) -> dict[str, Handler]:
    """The handlers an element's class declares, by name, in order of declaration."""
    reads: dict[str, tuple[Callable[[str], str], bool, bool]] = {}
    writes: dict[str, tuple[Callable[[str], None], bool]] = {}
    for kind in reversed(type(element).__mro__):
        for name in kind.__dict__.get("handlers", ()):
            reads[name] = (_attribute_reader(element, name), False, False)
        for member in kind.__dict__.values():
            private = getattr(member, "netos_private", False)
            for name in getattr(member, "netos_read", ()):
                reads[name] = (*_method_reader(element, member), private)
            for name in getattr(member, "netos_write", ()):
                writes[name] = (_method_writer(element, member), private)
    found = {}
    for name in [*reads, *(name for name in writes if name not in reads)]:
        read, parameter, hidden = reads.get(name, (None, False, False))
        write, hidden_write = writes.get(name, (None, False))
        found[name] = Handler(name, read, write, parameter, hidden or hidden_write)
    return found


def _attribute_reader(element: Any, name: str) -> Callable[[str], str]:
    return lambda _argument: text_of(getattr(element, name))


def _method_reader(element: Any, method: Any) -> tuple[Callable[[str], str], bool]:
    if len(inspect.signature(method).parameters) > 1:
        return (lambda argument: text_of(method(element, argument))), True
    return (lambda _argument: text_of(method(element))), False


def _method_writer(element: Any, method: Any) -> Callable[[str], None]:
    parameters = list(inspect.signature(method, eval_str=True).parameters.values())[1:]
    if not parameters:
        return lambda _text: method(element)
    kind = parameters[0].annotation

    def write(text: str) -> None:
        if kind is inspect.Parameter.empty:
            method(element, text)
            return
        if not text.strip() and parameters[0].default is not inspect.Parameter.empty:
            method(element)
            return
        try:
            value = (kind() if isinstance(kind, type) else kind).parse(text.strip(), element.router.scope(element.name))
        except ArgumentError as error:
            raise HandlerError(f"{element.name}: {error}") from None
        method(element, value)

    return write

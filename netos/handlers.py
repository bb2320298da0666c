"""Handlers: the only way to ask or tell a running element (Click's Handler).

A read handler is a method marked `@read_handler`, or an attribute named in the class literal `handlers`; a write
handler is a method marked `@write_handler`, whose parameter's annotation (of netos.args) says how the text is read.
An element may add others: `extra_handlers()` lists them, `missing_handler(name)` answers for names that nobody lists.

Where a graph has replicas on several virtual CPUs, what they answer is combined into one answer. The class literal
`combine`, by handler, says how, where the default is not right:
    sum, max, min   of numbers
    table           equal lines once, the whole numbers in them added up: `established 3`
    lines           all lines, those that are equal once
    entries         a line for each first word: that of the first replica that has it
    first           the first replica's answer
    concatenate     each answer under a heading, `replica 1:`
By default a setting (a handler that can be written, too) or text is shown as it is, if it is the same everywhere, and
concatenated else; whole numbers that cannot be written are summed. What is written goes to all replicas, the first one
first, and when that refuses nothing has changed; with the rule `any` it is enough that one takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, overload

from netos.args.types import argument_type
from netos.errors import ArgumentError, HandlerError

Function = TypeVar("Function", bound=Callable[..., Any])


class Handler(NamedTuple):
    """One name of an element: how to read it, how to write it."""

    name: str
    read: Callable[[str], str] | None = None
    write: Callable[[str], None] | None = None
    read_parameter: bool = False
    private: bool = False
    combine: str = ""               # how the answers of replicas become one; "": by what they are

    @property
    def flags(self) -> str:
        """Click's letters: r and w, + for a read handler that takes parameters."""
        return ("r" if self.read else "") + ("w" if self.write else "") + ("+" if self.read_parameter else "")


@overload
def read_handler(name: Function, /) -> Function: ...
@overload
def read_handler(name: str = "", /, *, private: bool = False) -> Callable[[Function], Function]: ...
def read_handler(name: Any = "", /, *, private: bool = False) -> Any:
    """Mark a method as the read handler of its own name, or of `name`; a second parameter takes the argument."""
    return _mark("netos_read", name, private)


@overload
def write_handler(name: Function, /) -> Function: ...
@overload
def write_handler(name: str = "", /, *, private: bool = False) -> Callable[[Function], Function]: ...
def write_handler(name: Any = "", /, *, private: bool = False) -> Any:
    """Mark a method as the write handler of its own name, or of `name`."""
    return _mark("netos_write", name, private)


def _mark(attribute: str, name: Any, private: bool) -> Any:
    def mark(function: Function) -> Function:
        chosen = name if isinstance(name, str) and name else function.__name__
        setattr(function, attribute, (*getattr(function, attribute, ()), chosen))
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
    combine: dict[str, str] = {}
    for kind in reversed(type(element).__mro__):
        combine.update(kind.__dict__.get("combine", {}))
        for name in kind.__dict__.get("handlers", ()):
            reads[name] = (_attribute_reader(element, name), False, False)
        for attribute, member in kind.__dict__.items():
            private = getattr(member, "netos_private", False)
            for name in getattr(member, "netos_read", ()):
                reads[name] = (*_method_reader(element, getattr(type(element), attribute)), private)
            for name in getattr(member, "netos_write", ()):
                writes[name] = (_method_writer(element, getattr(type(element), attribute)), private)
    found = {}
    for name in [*reads, *(name for name in writes if name not in reads)]:
        read, parameter, hidden = reads.get(name, (None, False, False))
        write, hidden_write = writes.get(name, (None, False))
        found[name] = Handler(name, read, write, parameter, hidden or hidden_write, combine.get(name, ""))
    if hasattr(element, "extra_handlers"):
        found.update((handler.name, handler) for handler in element.extra_handlers())
    return found


def _attribute_reader(element: Any, name: str) -> Callable[[str], str]:
    return lambda _argument: text_of(getattr(element, name))


def _method_reader(element: Any, method: Any) -> tuple[Callable[[str], str], bool]:
    if method.__code__.co_argcount > 1:
        return (lambda argument: text_of(method(element, argument))), True
    return (lambda _argument: text_of(method(element))), False


def _method_writer(element: Any, method: Any) -> Callable[[str], None]:
    code = method.__code__
    if code.co_argcount < 2:
        return lambda _text: method(element)
    annotation = method.__annotations__.get(code.co_varnames[1])
    if isinstance(annotation, str):
        annotation = eval(annotation, method.__globals__)
    kind = None if annotation is None else argument_type(annotation)
    optional = bool(method.__defaults__)

    def write(text: str) -> None:
        if kind is None:
            method(element, text)
            return
        if optional and not text.strip():
            method(element)
            return
        try:
            value = kind.parse(text.strip(), element.router.scope(element.name))
        except ArgumentError as error:
            raise HandlerError(f"{element.name}: {error}") from None
        method(element, value)

    return write

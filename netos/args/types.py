"""What an argument type is: a reader and a writer of one kind of configuration argument (Click's args.hh)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from netos.args.scope import EMPTY_SCOPE, Scope
from netos.errors import ArgumentError

T = TypeVar("T")
SHOWN = 60


class ArgumentType(Generic[T]):
    """A kind of argument. Annotate a parameter of `configure()` with a subclass, or with an instance that has options.

    An element whose arguments have a form of their own derives a type and reads them in `parse`, with the help of
    other types: `IPv4Prefix(bare=True).parse(word, scope)`.

    `name` says in a word what the text stands for; `aliases` are further keywords of the parameter; `deprecated`
    is what to do instead of using it; `repeated` lets a keyword be given several times, all of them heard.
    """

    name = "value"
    aliases: tuple[str, ...] = ()
    deprecated: str | None = None
    repeated = False

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> T:
        """The value of `text`; raises ArgumentError."""
        raise NotImplementedError

    def unparse(self, value: T) -> str:
        """Configuration text that `parse` would read as `value`."""
        return str(value)

    def error(self, text: str, reason: str = "") -> ArgumentError:
        """The error that says that `text` is not of this type (Click's wording first)."""
        return ArgumentError(f"parse error: {brief(text)} {reason or f'is not {article(self.name)}'}")


class Wrapper(ArgumentType[T]):
    """A type that reads and writes as another one does."""

    def __init__(self, inner: ArgumentType[T] | type[ArgumentType[T]]) -> None:
        self.inner: ArgumentType[T] = argument_type(inner)
        self.name = self.inner.name
        self.aliases = self.inner.aliases
        self.deprecated = self.inner.deprecated
        self.repeated = self.inner.repeated

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> T:
        return self.inner.parse(text, scope)

    def unparse(self, value: T) -> str:
        return self.inner.unparse(value)


class Alias(Wrapper[T]):
    """A parameter that has further keywords: `Alias(Integer, "CAPACITY")`."""

    def __init__(self, inner: ArgumentType[T] | type[ArgumentType[T]], *keywords: str) -> None:
        super().__init__(inner)
        self.aliases = (*self.aliases, *keywords)


class Deprecated(Wrapper[T]):
    """A parameter whose use draws a warning: `Deprecated(Integer, "use BURST")` (`Args::deprecated`)."""

    def __init__(self, inner: ArgumentType[T] | type[ArgumentType[T]], advice: str) -> None:
        super().__init__(inner)
        self.deprecated = advice


class Repeated(Wrapper[T]):
    """A keyword parameter that may be given several times; its value is a tuple (`Args::read_all`)."""

    repeated = True

    def __init__(self, inner: ArgumentType[T] | type[ArgumentType[T]]) -> None:
        super().__init__(inner)
        self.repeated = True


PLAIN: dict[Any, type[ArgumentType[Any]]] = {}
"""The argument types that Python's own types stand for, so that a Python element may say `count: int = 3`."""


def argument_type(annotation: Any) -> ArgumentType[Any]:
    """The type an annotation stands for: an instance as it is, a class made with its defaults.

    `Annotated[int, Byte]` stands for Byte; `int`, `str`, `IPv4Address` and so on stand for their obvious types.
    """
    for candidate in (*getattr(annotation, "__metadata__", ()), annotation):
        candidate = PLAIN.get(candidate, candidate) if isinstance(candidate, type) else candidate
        if isinstance(candidate, ArgumentType):
            return candidate
        if isinstance(candidate, type) and issubclass(candidate, ArgumentType):
            return candidate()
    raise TypeError(f"{annotation!r} is not an argument type: annotate with one from netos.args")


def brief(text: str) -> str:
    """The text as errors show it: in quotes, on one line, and not all of it if it is long."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return f"'{line}'" if len(line) <= SHOWN else f"'{line[:SHOWN]}...'"


def article(noun: str) -> str:
    """The noun with `a` or `an` before it."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def closest(word: str, known: Sequence[str]) -> str | None:
    """The known word that `word` may be a misspelling of."""
    from difflib import get_close_matches

    by_capitals = {name.upper(): name for name in known}
    found = get_close_matches(word.upper(), list(by_capitals), n=1)
    return by_capitals[found[0]] if found else None

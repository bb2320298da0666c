"""The signature of an element's `configure()` is its argument syntax: read it, bind arguments by it (Click's Args).

A parameter without default is mandatory; one that may be given by position may also be given by keyword, and its
keyword is its name in capitals (a trailing underscore dropped). Keyword-only parameters have no position, parameters
before `/` no keyword; `*rest` takes all positional arguments that are left. Defaults are values, not text: a
parameter that is not given is not passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Literal, NamedTuple

from netos.args.scope import EMPTY_SCOPE, ReadingScope, Scope
from netos.args.text import Remaining
from netos.args.types import ArgumentType, argument_type, closest
from netos.errors import ArgumentError, ArgumentErrors

Kind = Literal["positional", "keyword", "rest"]

MANDATORY = type("Mandatory", (), {"__repr__": lambda self: "MANDATORY"})()
VARIABLE_POSITIONAL, VARIABLE_KEYWORD = 4, 8
LOOKS_LIKE_KEYWORD = re.compile(r"([A-Za-z_][A-Za-z0-9_:.?!]*)[ \t\n\v\f\r]+(?=[^ \t\n\v\f\r])")


class Parameter(NamedTuple):
    """One parameter of an element; `default` is MANDATORY when it has none, `keyword` empty when it can have none."""

    keyword: str
    type: ArgumentType[Any]
    default: Any
    kind: Kind
    name: str

    @property
    def mandatory(self) -> bool:
        return self.default is MANDATORY and self.kind != "rest"

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keyword, and what else it may be called."""
        return (self.keyword, *self.type.aliases) if self.keyword and self.kind != "rest" else ()


class Syntax:
    """The argument syntax of one element class."""

    def __init__(self, parameters: Sequence[Parameter], class_name: str = "") -> None:
        self.parameters = tuple(parameters)
        self.class_name = class_name
        self.by_keyword = {keyword: parameter for parameter in parameters for keyword in parameter.keywords}
        self.rest = next((parameter.name for parameter in parameters if parameter.kind == "rest"), "")

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Syntax:
        """The syntax that the signature of a `configure` function stands for."""
        return syntax_of(getattr(function, "__func__", function))

    def bind(self, arguments: Sequence[str], scope: Scope = EMPTY_SCOPE) -> tuple[list[Any], dict[str, Any]]:
        """Convert the arguments into what to call `configure(*args, **kwargs)` with; raises ArgumentErrors."""
        return Binding(self, arguments, scope).result()

    def takers(self, arguments: Sequence[str]) -> dict[str, list[int]]:
        """Which arguments each parameter takes, by its name; nothing for one that takes none."""
        binding = Binding(self, arguments, EMPTY_SCOPE)
        with suppress(ArgumentErrors):
            binding.result()
        return binding.taken

    def usage(self, class_name: str = "") -> str:
        """One line, as in Click's manual pages: `RatedSource([DATA, RATE, keywords LENGTH, STOP])`."""
        positional = [parameter for parameter in self.parameters if parameter.kind == "positional"]
        keywords = [parameter for parameter in self.parameters if parameter.kind == "keyword"]
        mandatory = [shown(parameter) for parameter in positional if parameter.mandatory]
        mandatory += [f"{parameter.keyword} {parameter.type.name}" for parameter in keywords if parameter.mandatory]
        optional = [shown(parameter) for parameter in positional if not parameter.mandatory]
        optional += [f"{parameter.keyword}..." for parameter in self.parameters if parameter.kind == "rest"]
        names = [parameter.keyword for parameter in keywords if not parameter.mandatory]
        if names:
            optional.append(f"keyword{'s' if len(names) > 1 else ''} {', '.join(names)}")
        text = ", ".join(mandatory)
        if optional:
            text += f"{' [, ' if text else '['}{', '.join(optional)}]"
        return f"{class_name or self.class_name}({text})"


def shown(parameter: Parameter) -> str:
    """How the usage line names a positional parameter."""
    return parameter.keyword or parameter.name.upper()


@cache
def syntax_of(function: Any) -> Syntax:
    """`Syntax.of`, once for each function."""
    code = function.__code__
    names = code.co_varnames
    positional = names[:code.co_argcount]
    keyword_only = names[code.co_argcount:code.co_argcount + code.co_kwonlyargcount]
    defaults = dict(zip(reversed(positional), reversed(function.__defaults__ or ())))
    defaults.update(function.__kwdefaults__ or {})
    if code.co_flags & VARIABLE_KEYWORD:
        raise TypeError(f"{function.__qualname__}: ** stands for no arguments; name the keywords")

    def parameter(name: str, kind: Kind, has_keyword: bool = True) -> Parameter:
        if name not in function.__annotations__:
            raise TypeError(f"{function.__qualname__}: parameter {name} needs an argument type as its annotation")
        annotation = function.__annotations__[name]
        if isinstance(annotation, str):
            annotation = eval(annotation, function.__globals__)
        keyword = name.rstrip("_").upper() if has_keyword else ""
        return Parameter(keyword, argument_type(annotation), defaults.get(name, MANDATORY), kind, name)

    parameters = [parameter(name, "positional", index >= code.co_posonlyargcount)
                  for index, name in enumerate(positional) if index or name != "self"]
    if code.co_flags & VARIABLE_POSITIONAL:
        parameters.append(parameter(names[len(positional) + len(keyword_only)], "rest"))
    parameters += [parameter(name, "keyword") for name in keyword_only]
    return Syntax(parameters, function.__qualname__.rpartition(".")[0].rpartition(".")[2])


class Binding:
    """One binding of arguments to a syntax: who gets which argument, then the conversions, then what is left over."""

    def __init__(self, syntax: Syntax, arguments: Sequence[str], scope: Scope) -> None:
        self.syntax = syntax
        self.arguments = arguments
        self.scope = ReadingScope(scope)
        self.errors: list[tuple[ArgumentError, int | None]] = []
        self.given: dict[str, list[tuple[int, str]]] = {}
        self.taken: dict[str, list[int]] = {}
        self.free: list[tuple[int, str | None]] = []
        for index, argument in enumerate(arguments):
            match = LOOKS_LIKE_KEYWORD.match(argument)
            parameter = syntax.by_keyword.get(match[1]) if match else None
            if match and parameter:
                self.given.setdefault(parameter.name, []).append((index, argument[match.end():]))
            else:
                self.free.append((index, match[1] if match else None))

    def result(self) -> tuple[list[Any], dict[str, Any]]:
        values: dict[str, Any] = {}
        rest: list[Any] = []
        for parameter in self.syntax.parameters:
            if parameter.kind == "rest":
                rest = self.take_rest(parameter)
                continue
            found = self.given.get(parameter.name)
            if not found and parameter.kind == "positional":
                found = self.take_position(parameter)
            if found:
                self.convert(parameter, found, values)
            elif parameter.mandatory:
                self.fail(parameter, ArgumentError("required argument missing"), None)
        self.complain_about_the_rest()
        if self.errors:
            errors, positions = zip(*self.errors)
            raise ArgumentErrors(errors, positions)
        return self.call(values, rest)

    def take_position(self, parameter: Parameter) -> list[tuple[int, str]]:
        """The next positional argument; what looks like an unknown keyword is one only for a mandatory parameter."""
        for place, (index, keyword) in enumerate(self.free):
            if keyword is None or parameter.mandatory:
                del self.free[place]
                return [(index, self.arguments[index])]
        return []

    def take_rest(self, parameter: Parameter) -> list[Any]:
        """All positional arguments that are left."""
        free, self.free = self.free, []
        values: list[Any] = []
        for index, keyword in free:
            if keyword is not None and not isinstance(parameter.type, Remaining):
                self.free.append((index, keyword))
                continue
            self.taken.setdefault(parameter.name, []).append(index)
            self.scope.argument = index
            try:
                values.append(parameter.type.parse(self.arguments[index], self.scope))
            except ArgumentError as error:
                self.errors.append((ArgumentError(error.message, f"argument {index + 1}"), index))
        return values

    def convert(self, parameter: Parameter, found: list[tuple[int, str]], values: dict[str, Any]) -> None:
        """Convert what was given for a parameter; of several occurrences of a keyword the last one counts."""
        self.taken[parameter.name] = [index for index, _ in found]
        self.scope.argument = found[-1][0]
        if parameter.type.deprecated is not None:
            advice = f" ({parameter.type.deprecated})" if parameter.type.deprecated else ""
            self.scope.warn(f"{parameter.keyword}: argument deprecated{advice}")
        converted = []
        for index, text in found if parameter.type.repeated else found[-1:]:
            self.scope.argument = index
            try:
                converted.append(parameter.type.parse(text, self.scope))
            except ArgumentError as error:
                match = LOOKS_LIKE_KEYWORD.match(self.arguments[index])
                hint = self.hint(match[1]) if match else ""
                self.fail(parameter, ArgumentError(error.message + hint), index)
        if converted:
            values[parameter.name] = tuple(converted) if parameter.type.repeated else converted[0]

    def complain_about_the_rest(self) -> None:
        """Nobody took these: misspelt keywords, and too many positional arguments (said once)."""
        for index, keyword in self.free:
            if keyword is not None:
                error = ArgumentError(f"unknown argument{self.hint(keyword)}", keyword, length=len(keyword))
                self.errors.append((error, index))
        surplus = [index for index, keyword in self.free if keyword is None]
        if surplus:
            self.errors.append((ArgumentError("too many arguments"), surplus[0]))

    def hint(self, keyword: str) -> str:
        """The keyword that an unknown one may be a misspelling of, as a question."""
        found = None if keyword in self.syntax.by_keyword else closest(keyword, list(self.syntax.by_keyword))
        return f"; did you mean {found}?" if found else ""

    def fail(self, parameter: Parameter, error: ArgumentError, index: int | None) -> None:
        self.errors.append((ArgumentError(error.message, shown(parameter)), index))

    def call(self, values: dict[str, Any], rest: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional parameters by position as far as there is no gap; before a rest, defaults fill the gaps."""
        args: list[Any] = []
        for parameter in self.syntax.parameters:
            if parameter.kind != "positional" or (parameter.name not in values and not rest and parameter.keyword):
                break
            args.append(values.pop(parameter.name, parameter.default))
        return [*args, *rest], values

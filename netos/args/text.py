"""Text as arguments: strings, bytes, words, choices, lists, file names (Click's StringArg, WordArg, FilenameArg…)."""

from __future__ import annotations

import os
import re

from netos.args.scope import EMPTY_SCOPE, Scope
from netos.args.types import ArgumentType, T, argument_type, article, closest
from netos.lang.quoting import quote, split_words, unquote

WORD = re.compile(r"""[!#-&(-+\--\[\]-~]+""")
KEYWORD = re.compile(r"[A-Za-z0-9_.:?!-]+")
PLAIN = re.compile(r"[A-Za-z0-9_@.:/+=?!*%&<>;-]+")


def quote_if_needed(text: str) -> str:
    """The text as it stands if that is one harmless word, else quoted."""
    return text if PLAIN.fullmatch(text) and "//" not in text and "/*" not in text else quote(text)


class Raw(ArgumentType[str]):
    """The text of the argument, untouched (`AnyArg`)."""

    name = "text"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> str:
        return text


class Remaining(Raw):
    """For `*rest` only: untouched text of all arguments no parameter takes, even those that look like keywords."""


class Text(ArgumentType[str]):
    """One word or quoted string, unquoted; one character is one byte (`StringArg`)."""

    name = "string"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> str:
        if len(split_words(text)) != 1:
            raise self.error(text, "is not one string: put it in double quotes")
        return unquote(text)

    def unparse(self, value: str) -> str:
        return quote_if_needed(value)


class Data(ArgumentType[bytes]):
    r"""Bytes, written as one word or quoted string; `\<hex>` gives any byte."""

    name = "data"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> bytes:
        if len(split_words(text)) != 1:
            raise self.error(text, r"is not one string: put it in double quotes, or bytes in \<hex>")
        return unquote(text).encode("latin-1")

    def unparse(self, value: bytes) -> str:
        return quote_if_needed(value.decode("latin-1")) if value.isascii() else rf"\<{value.hex()}>"


class Word(Text):
    """A printable word: no space, quotes, backslashes or commas in it (`WordArg`)."""

    name = "word"
    pattern = WORD

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> str:
        word = unquote(text)
        if not self.pattern.fullmatch(word):
            raise self.error(text)
        return word


class Keyword(Word):
    """A word of letters, digits and `_ . : ? ! -` (`KeywordArg`)."""

    name = "keyword"
    pattern = KEYWORD


class OneOf(Word):
    """One of some words."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices
        self.name = " | ".join(choices)

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> str:
        word = unquote(text)
        if word not in self.choices:
            hint = closest(word, self.choices)
            reason = f"is none of {', '.join(self.choices)}"
            raise self.error(text, f"{reason}; did you mean {hint}?" if hint else reason)
        return word


class ListOf(ArgumentType[tuple[T, ...]]):
    """Space-separated values of one type, as a tuple; perhaps none."""

    def __init__(self, item: ArgumentType[T] | type[ArgumentType[T]]) -> None:
        self.item: ArgumentType[T] = argument_type(item)
        self.name = f"list of {self.item.name}"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> tuple[T, ...]:
        return tuple(self.item.parse(word, scope) for word in split_words(text))

    def unparse(self, value: tuple[T, ...]) -> str:
        return " ".join(self.item.unparse(item) for item in value)


class FileName(ArgumentType[str]):
    """A file name: `~` and `~user` are home directories, `//` is `/` (`FilenameArg`); elements decide about `-`."""

    name = "file name"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> str:
        if len(split_words(text)) != 1 or not (path := unquote(text)) or "\0" in path:
            raise self.error(text, f"is not {article(self.name)}: put it in double quotes")
        path = os.path.expanduser(os.fsdecode(path.encode("latin-1")))
        return re.sub("//+", "/", path)

    def unparse(self, value: str) -> str:
        return quote_if_needed(os.fsencode(value).decode("latin-1"))

"""The texts inside `define(…)` and `require(…)`, and where libraries are found."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from netos.lang.quoting import shift_word, split_arguments, split_words, unquote

_variable = re.compile(r"\$[A-Za-z0-9_]+")


def read_definitions(text: str) -> Iterator[tuple[str, str] | None]:
    """The (name, value) pairs of a `define`; None for one that names no variable."""
    for argument in split_arguments(text):
        if argument:
            variable, value = shift_word(argument)
            yield (variable[1:], value) if _variable.fullmatch(variable) else None


def read_requirements(text: str) -> Iterator[tuple[str, str] | None]:
    """The (kind, value) pairs of a `require`; one word names a package; None for what is no requirement."""
    for argument in split_arguments(text):
        words = [unquote(word) for word in split_words(argument)]
        if words == ["compact_config"]:
            yield "compact_config", ""
        elif len(words) == 1:
            yield "package", words[0]
        elif len(words) == 2 and words[0]:
            yield words[0], words[1]
        elif words:
            yield None


def find_library(name: str, requiring_file: str, search_path: Sequence[str]) -> str | None:
    """The file of a library: beside the requiring file, then in each folder of the path and its `conf`."""
    folders = [os.path.dirname(requiring_file)]
    for folder in search_path:
        folders += [folder, os.path.join(folder, "conf")]
    for folder in folders:
        path = os.path.join(folder, name)
        try:
            if os.path.isfile(path):
                return path
        except ValueError:
            return None
    return None

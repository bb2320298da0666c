"""The words of IPFilter's and IPClassifier's patterns, each with the column where it starts."""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = re.compile(r"""
    && | \|\| | [<>!=]=
  | [0-9A-Fa-f]{1,2} (?: (?: :[0-9A-Fa-f]{1,2}){5} | (?: -[0-9A-Fa-f]{1,2}){5} ) (?![\w:.-])
  | [\w.@/-]+ (?: : (?: ip4?(?:net)? | net | eth(?:er(?:net)?)? | bcast | gw ) \b )?
  | \S
""", re.VERBOSE | re.ASCII)

STRUCTURE = frozenset(["and", "or", "not", "&&", "||", "!", "(", ")", "?", ":", "[", "]", "&",
                       "=", "==", "!=", "<", ">", "<=", ">=", ""])


class Token(NamedTuple):
    """A word or operator; the token after the last one has empty text."""

    text: str
    column: int

    @property
    def is_structure(self) -> bool:
        """Whether it can be neither a name nor a value."""
        return self.text in STRUCTURE


def tokens(pattern: str) -> list[Token]:
    """The tokens of a pattern, and the empty one at its end."""
    found = [Token(match.group(), match.start()) for match in TOKEN.finditer(pattern)]
    return [*found, Token("", len(pattern.rstrip()))]

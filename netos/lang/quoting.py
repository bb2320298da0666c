"""Quoting in configuration strings: split, quote, unquote and substitute as Click's confparse does.

Text is latin-1: one character is one byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

SPACE = " \t\n\v\f\r"
MAX_SUBSTITUTION_DEPTH = 10
MAX_NESTED_CHARACTERS = 1_000_000

# The pieces of a configuration string. Whatever is left open runs to the end of the text. All repetition is
# possessive, so that scanning is linear in any text.
COMMENT = r"(?>//[^\r\n]*+(?:\r\n|\r|\n|\Z)|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))"
HEX_BLOCK = rf"\\<(?:[^>/]|{COMMENT}|/)*+(?:>|\Z)"
SINGLE_QUOTED = r"'[^']*+(?:'|\Z)"
DOUBLE_QUOTED = rf'"(?:[^"\\]|{HEX_BLOCK}|\\[^<]|\\\Z)*+(?:"|\Z)'
QUOTED = f"{SINGLE_QUOTED}|{DOUBLE_QUOTED}|{HEX_BLOCK}"

_padding = re.compile(rf"(?:[ \t\n\v\f\r]|{COMMENT})*+")
_word = re.compile(rf"""(?:[^ \t\n\v\f\r/'"\\]|{QUOTED}|/(?![/*])|\\(?!<))++""")
_plain_word = re.compile(r"[^ \t\n\v\f\r]+")
_argument_piece = re.compile(
    rf"""(?P<text>(?:[^ \t\n\v\f\r,/'"\\]|{QUOTED}|/(?![/*])|\\(?!<))++)|(?P<space>[ \t\n\v\f\r]++)|{COMMENT}""")
_special = re.compile(r"""['"\\]|//|/\*""")
_quote = re.compile(r"""['"]|\\(?=<)""")
_escape = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]*)|(\r\n|\r|\n)|(.))", re.DOTALL)
_hex_block = re.compile(HEX_BLOCK)
_not_hex = re.compile(rf"{COMMENT}|[^0-9A-Fa-f]")
_quotable = re.compile(r'[\\"$\x00-\x1f\x7f-\xff]')
_outside = re.compile(rf'{SINGLE_QUOTED}|{COMMENT}|["$]')
_inside = re.compile(r'\\.|["$]', re.DOTALL)
_reference = re.compile(r"\$(?:([A-Za-z0-9_]+|[?$#])|(\{)|(\())")
_brace = re.compile(r"\$\{|\}")
_parenthesis = re.compile(rf"{QUOTED}|[()]")
_braced = re.compile(r"([^-\[]*)(?:\[([0-9]+)\])?(?:-(.*))?", re.DOTALL)

_NAMED_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NAMED_QUOTES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\t": "\\t", "\r": "\\r", "\n": "\\n"}


def split_arguments(text: str) -> list[str]:
    """The comma-separated arguments of a configuration string, trimmed, each comment one space (`cp_argvec`).

    An empty last argument is dropped, other empty ones are kept.
    """
    if not _special.search(text):
        arguments = [argument.strip(SPACE) for argument in text.split(",")]
    else:
        arguments = []
        position = 0
        while position <= len(text):
            pieces, position = shift_argument(text, position)
            arguments.append("".join(piece for piece, _ in pieces))
    if not arguments[-1]:
        arguments.pop()
    return arguments


def shift_argument(text: str, position: int) -> tuple[list[tuple[str, int]], int]:
    """The pieces of the argument at `position`, each with where it stands in the text, and where the next one starts.

    A space that stands for a comment stands where the space before the comment, or else the comment, does.
    """
    parts: list[tuple[str, int]] = []
    space, padding = "", position
    commented = False
    while match := _argument_piece.match(text, position):
        position = match.end()
        if match.lastgroup == "text":
            if parts and (commented or space):
                parts.append((" " if commented else space, padding))
            parts.append((match.group(), match.start()))
            space, commented, padding = "", False, position
        elif match.lastgroup == "space":
            space = match.group()
        else:
            commented = True
    return parts, position + 1


def split_words(text: str) -> list[str]:
    """The space-separated words of an argument, still quoted (`cp_spacevec`)."""
    if not _special.search(text):
        return _plain_word.findall(text)
    words = []
    position = _skip_padding(text, 0)
    while match := _word.match(text, position):
        words.append(match.group())
        position = _skip_padding(text, match.end())
    return words


def shift_word(text: str) -> tuple[str, str]:
    """The first space-separated word of an argument, still quoted, and what follows it (`cp_shift_spacevec`)."""
    start = _skip_padding(text, 0)
    match = _word.match(text, start)
    if match is None:
        return "", ""
    return match.group(), text[_skip_padding(text, match.end()):]


def _skip_padding(text: str, position: int) -> int:
    """Where the text goes on after space and comments."""
    match = _padding.match(text, position)
    return match.end() if match else position


def unquote(text: str) -> str:
    """Remove one level of quotes; juxtaposed parts are joined, escapes work in double quotes (`cp_unquote`)."""
    if not _special.search(text):
        return text
    parts: list[str] = []
    position = 0
    while match := _quote.search(text, position):
        parts.append(text[position:match.start()])
        if match.group() == "\\":
            position = _unescape(text, match.start(), parts)
        elif match.group() == "'":
            end = text.find("'", match.end())
            end = len(text) if end < 0 else end
            parts.append(text[match.end():end])
            position = end + 1
        else:
            position = _unquote_double(text, match.end(), parts)
    parts.append(text[position:])
    return "".join(parts)


def _unquote_double(text: str, position: int, parts: list[str]) -> int:
    """Append the content of a double-quoted string whose quote is just before `position`; where it ends."""
    start = position
    while position < len(text):
        if text[position] == '"':
            break
        if text[position] == "\\":
            parts.append(text[start:position])
            start = position = _unescape(text, position, parts)
        else:
            position += 1
    parts.append(text[start:position])
    return position + 1


def _unescape(text: str, position: int, parts: list[str]) -> int:
    """Append what the backslash at `position` stands for; where the text goes on (`cp_process_backslash`)."""
    if block := _hex_block.match(text, position):
        digits = _not_hex.sub("", block.group()[2:])
        parts.append(bytes.fromhex(digits[:len(digits) & ~1]).decode("latin-1"))
        return block.end()
    match = _escape.match(text, position)
    if match is None:
        parts.append("\\")
        return position + 1
    octal, hexadecimal, newline, other = match.groups()
    if octal is not None:
        parts.append(chr(int(octal, 8) & 255))
    elif hexadecimal is not None:
        parts.append(chr(int(hexadecimal[-2:] or "0", 16)))
    elif newline is None:
        parts.append(_NAMED_ESCAPES.get(other, other))
    return match.end()


def quote(text: str) -> str:
    """The text as one double-quoted string (`cp_quote`)."""
    return f'"{_quotable.sub(_quote_character, text)}"'


def _quote_character(match: re.Match[str]) -> str:
    character = match.group()
    return _NAMED_QUOTES.get(character) or f"\\{ord(character):03o}"


class Mark(NamedTuple):
    """A reference that was replaced: where its value is in the result, and where it is itself in the text."""

    position: int
    length: int
    start: int
    end: int


def substitute(text: str, lookup: Callable[[str], str | None], *, call: Callable[[str], str | None] | None = None,
               recursive: bool = True, marks: list[Mark] | None = None) -> str:
    """Replace `$name`, `${name}`, `${name-default}` and `${name[i]}` (`cp_expand`).

    `lookup` is asked for names (also `$`, `?` and `#`) and answers None for a variable it does not know: that stays
    as it is. `call` is asked for what stands in `$(…)`, which stays as it is without one. Nothing is replaced inside
    single quotes and comments; inside double quotes the value is quoted again. Values are themselves substituted
    when `recursive`, up to a depth of ten and a million characters. `marks` takes down what was replaced.
    """
    return _Substitution(lookup, call, recursive).run(text, 0, marks)


class _Substitution:
    """One call of `substitute`; `left` bounds what values of values can grow to."""

    def __init__(self, lookup: Callable[[str], str | None], call: Callable[[str], str | None] | None,
                 recursive: bool) -> None:
        self.lookup = lookup
        self.call = call
        self.recursive = recursive
        self.left = MAX_NESTED_CHARACTERS

    def run(self, text: str, depth: int, marks: list[Mark] | None = None) -> str:
        """The text with its references replaced."""
        if "$" not in text or depth > MAX_SUBSTITUTION_DEPTH or self.left < 0:
            return text
        parts: list[str] = []
        done = position = length = 0
        quoted = False
        while match := (_inside if quoted else _outside).search(text, position):
            position = match.end()
            if match.group() == '"':
                quoted = not quoted
            elif match.group() == "$":
                value, end = self.reference(text, match.start(), depth)
                if value is not None:
                    parts.append(text[done:match.start()])
                    parts.append(quote(unquote(value))[1:-1] if quoted else value)
                    if marks is not None:
                        length += len(parts[-2]) + len(parts[-1])
                        marks.append(Mark(length - len(parts[-1]), len(parts[-1]), match.start(), end))
                    done = end
                position = end
        parts.append(text[done:])
        return "".join(parts)

    def nested(self, value: str, depth: int) -> str:
        """The value of a variable with the references in it replaced."""
        if depth:
            self.left -= len(value) + 1
        return self.run(value, depth + 1)

    def reference(self, text: str, start: int, depth: int) -> tuple[str | None, int]:
        """The value of the reference at `start` (None: leave it) and where the scan goes on."""
        match = _reference.match(text, start)
        if match is None:
            return None, start + 1
        name, brace, _ = match.groups()
        if name is not None:
            return self.value(name, depth), match.end()
        if brace is None:
            if self.call is None:
                return None, match.end()
            end = _matching_parenthesis(text, match.end())
            return (None, len(text)) if end is None else (self.call(text[match.end():end]), end + 1)
        end = _matching_brace(text, match.end())
        if end is None:
            return None, len(text)
        parsed = _braced.fullmatch(text, match.end(), end)
        if parsed is None:
            return None, end + 1
        name, index, default = parsed.groups()
        value = self.value(name, depth)
        if value is None and default is not None:
            value = self.nested(default, depth)
        elif value is not None and index is not None:
            words = split_words(value)
            value = words[int(index[:9])] if int(index[:9]) < len(words) else ""
        return value, end + 1

    def value(self, name: str, depth: int) -> str | None:
        """The value of a variable."""
        value = self.lookup(name)
        return self.nested(value, depth) if self.recursive and value is not None else value


def _matching_brace(text: str, position: int) -> int | None:
    """Where the `}` is that closes the `${` just before `position`."""
    level = 1
    while match := _brace.search(text, position):
        level += 1 if match.group() == "${" else -1
        if not level:
            return match.start()
        position = match.end()
    return None


def _matching_parenthesis(text: str, position: int) -> int | None:
    """Where the `)` is that closes the `$(` just before `position`."""
    level = 1
    while match := _parenthesis.search(text, position):
        level += {"(": 1, ")": -1}.get(match.group(), 0)
        if not level:
            return match.start()
        position = match.end()
    return None

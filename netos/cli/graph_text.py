"""What pictures of graphs say about elements and connections, in characters that any picture can carry."""

from __future__ import annotations

from collections.abc import Sequence

from netos.lang import CheckedElement, Connection, GraphElement

MAX_TOOLTIP = 2000


def visible(text: str) -> str:
    """Text of a configuration (a character a byte): UTF-8 read as such, control characters as pictures of them."""
    try:
        text = text.encode("latin-1").decode()
    except UnicodeError:
        pass
    return "".join(character if character.isprintable() or character in "\n\t"
                   else chr(0x2400 + ord(character)) if character < " " else "\N{REPLACEMENT CHARACTER}"
                   for character in text)


def shortened(text: str, limit: int) -> str:
    """The text on one line, its end cut off where it is too long."""
    text = " ".join(visible(text[:16 * limit]).split())
    return text if len(text) <= limit else text[:limit - 1] + "…"


def element_tooltip(element: GraphElement, known: bool) -> str:
    """An element as it would be declared."""
    text = visible(f"{element.name} :: {element.class_name}({element.configuration[:MAX_TOOLTIP]}")
    text += ")" if len(element.configuration) <= MAX_TOOLTIP else "…"
    return text if known else f"{text}\nThere is no element class of this name."


def is_pull(connection: Connection, ports: Sequence[CheckedElement]) -> bool:
    """Whether packets are pulled through a connection."""
    return ports[connection.source].outputs[connection.source_port:connection.source_port + 1] == "l"

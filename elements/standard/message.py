"""Message: say something while the configuration is read (Click's Message)."""

from __future__ import annotations

import sys
from typing import Annotated

from netos.args import Keyword, Text
from netos.element import Element
from netos.errors import ArgumentError


class Message(Element):
    """Print MESSAGE on standard error, or give it as a warning or an error (TYPE: MESSAGE, WARNING or ERROR)."""

    ports = "0/0"

    def configure(self, message: Annotated[str, Text], type: Annotated[str, Keyword] = "MESSAGE") -> None:
        kind = type.upper()
        if kind == "MESSAGE":
            sys.stderr.write(f"{message}\n")
        elif kind == "WARNING":
            self.router.scope(self.name).warn(message)
        elif kind == "ERROR":
            raise ArgumentError(message)
        else:
            raise ArgumentError(f"unrecognized type '{type}'; should be MESSAGE, WARNING or ERROR", "TYPE")

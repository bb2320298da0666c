"""A client's side of a capture: begin it, take what it brings, end it; what `netos trace` and `netos dump` share."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from netos.control.capture_handlers import NOT_READ
from netos.control.captures import service_port
from netos.control.client import ControlClient, ControlError
from netos.control.edges import Edge
from netos.control.records import Record, unpack
from netos.proto.pcapfilter import filter_programs

SHORT, LONG = 0.01, 0.1         # seconds to wait after an answer with records, and at most without


def filter_of(words: list[str]) -> dict[str, object]:
    """The filter that the words of a command line are, compiled here, not where packets flow; raises FilterError."""
    frame, ip = filter_programs(" ".join(words), service_port)
    return {"frame": frame, "ip": ip}


class Capturing:
    """A capture while the context lasts; `wanted` is what `capture_start` takes.

    After each round `head` is what the appliance said, `edges` and `elements` what the numbers in records mean.
    """

    def __init__(self, client: ControlClient, **wanted: Any) -> None:
        self.client = client
        self.name = f"{os.getpid()}.{time.monotonic_ns()}"
        self.wanted = wanted
        self.head: dict[str, Any] = {}
        self.edges: list[Edge] = []
        self.elements: list[str] = []
        self.restarts = 0           # times the appliance had given up on a client that did not read

    def __enter__(self) -> Capturing:
        self.start()
        return self

    def start(self) -> None:
        """Begin; raises ControlError when it is refused."""
        try:
            self.client.write("capture_start", json.dumps({"id": self.name, **self.wanted}))
        except ControlError as error:
            raise ControlError(str(error).removeprefix("Error at 'capture_start':\n"), error.code) from None

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        try:
            self.client.write("capture_stop", self.name)
        except (ControlError, OSError):
            if kind is None:
                raise

    def take(self) -> list[Record]:
        """What has happened since the last time."""
        try:
            head, _, data = self.client.read("capture_data", self.name).partition("\n")
        except ControlError as error:
            if NOT_READ not in str(error) or self.wanted["what"] == "trace":
                raise
            self.start()
            self.restarts, self.edges = self.restarts + 1, []
            return []
        self.head = json.loads(head)
        self.edges += [Edge(*fields) for fields in self.head["edges"]]
        self.elements += self.head["elements"]
        return list(unpack(data.encode("latin-1")))

    def rounds(self) -> Iterator[list[Record]]:
        """What happens, again and again; now and then nothing."""
        pause = SHORT
        while True:
            records = self.take()
            yield records
            if not self.head["more"]:
                pause = SHORT if records else min(2 * pause, LONG)
                time.sleep(pause)

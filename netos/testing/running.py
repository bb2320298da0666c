"""A `netos run` as a process of its own, for tests: its log as JSON, its control socket, its end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from netos.control.client import ControlClient

ROOT = Path(__file__).parents[2]


class RunningNetos:
    """`netos run` on a configuration text, in a folder; a context manager that kills it if it still runs.

    `launch` starts the command, by default as a plain subprocess: another user or namespace goes there. `program` is
    what comes before `run`.
    """

    def __init__(self, folder: Path, text: str, *options: str, launch: Callable[..., Any] = subprocess.Popen,
                 program: Sequence[str] = ("-m", "netos"), **popen: Any) -> None:
        self.folder = folder
        self.config = folder / "appliance.click"
        self.config.write_text(text)
        self.control = str(folder / "control.sock")
        command = [sys.executable, *program, "run", str(self.config), "--control", self.control, "--log", "json",
                   *options]
        self.process = launch(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              **{"cwd": ROOT, **popen})
        self.seen: list[dict[str, Any]] = []

    def __enter__(self) -> RunningNetos:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event of the log; AssertionError with the whole log when the process ends without."""
        while line := self.process.stderr.readline():
            self.seen.append(json.loads(line))
            if self.seen[-1]["event"] == name:
                return self.seen[-1]
        raise AssertionError(f"no event {name}, but {self.seen}; exit status {self.process.wait()}")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of that name that have been read so far."""
        return [seen for seen in self.seen if seen["event"] == name]

    def client(self) -> ControlClient:
        """A connection to its control socket."""
        return ControlClient(self.control)

    def read(self, path: str) -> str:
        """The value of a handler."""
        with self.client() as client:
            return client.read(path).strip()

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; the exit status. The rest of the log has been read then."""
        self.process.send_signal(number)
        return self.rest()

    def rest(self) -> int:
        """Wait for the end; the exit status."""
        output, errors = self.process.communicate(timeout=30)
        self.output = output
        self.seen += [json.loads(line) for line in errors.splitlines()]
        return int(self.process.returncode)

"""Changing a running appliance through its handlers: reload, confirm, rollback, and what came of it.

A reload takes as long as its configuration is large, and the control connection does not wait for it: the write starts
it, and `change` tells, in JSON, whether it is done and what came of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from netos.control.appliance import Appliance, Outcome
from netos.control.generations import Configuration
from netos.errors import HandlerError
from netos.handlers import Handler

KILL_STATES = ("none", "changed", "all")


class Changes:
    """The handlers `reload`, `confirm`, `rollback` (write), `change`, `generations` (read) of an appliance."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.number = 0
        self.done = True
        self.outcome: Outcome | None = None
        self._task: asyncio.Task[None] | None = None

    def handlers(self) -> list[Handler]:
        """What to add to the access."""
        return [
            Handler("reload", None, self.reload),
            Handler("confirm", None, lambda who: self._finish(self.appliance.confirm(who.strip()))),
            Handler("rollback", None, self.rollback),
            Handler("change", lambda _: json.dumps(self.state())),
            Handler("generations", lambda _: "".join(
                f"{number}\t{configuration.filename}{' (runs)' if number == self.appliance.generation else ''}\n"
                for number, configuration in sorted(self.appliance.generations.kept.items()))),
        ]

    def state(self) -> dict[str, object]:
        """The number of the last change, whether it is done, and its outcome."""
        return {"change": self.number, "done": self.done, "unconfirmed": self.appliance.unconfirmed,
                "generation": self.appliance.generation,
                "outcome": self.outcome.as_json() if self.outcome is not None else None}

    def reload(self, text: str) -> None:
        """Start a reload: JSON with text, filename, definitions and perhaps confirm (seconds), who and kill_states."""
        try:
            wanted: dict[str, Any] = json.loads(text.encode("latin-1"))
            configuration = Configuration(str(wanted["text"]), str(wanted["filename"]),
                                          {str(key): str(value) for key, value in wanted["definitions"].items()})
            confirm = None if wanted.get("confirm") is None else float(wanted["confirm"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HandlerError(f"reload wants JSON with text, filename and definitions: {error}") from None
        kill_states = str(wanted.get("kill_states") or "none")
        if kill_states not in KILL_STATES:
            raise HandlerError(f"kill_states is one of {', '.join(KILL_STATES)}, not {kill_states}")
        if confirm is not None and not 0 < confirm <= 86400:
            raise HandlerError(f"a change is confirmed within seconds from 0 to 86400, not {confirm:g}")
        self._start(self.appliance.reload(configuration, confirm, str(wanted.get("who", "")), kill_states))

    def change_to(self, configuration: Configuration, who: str, done: Callable[[], None]) -> None:
        """Start a reload for the process itself; `done` is called when it is over."""
        self._start(self.appliance.reload(configuration, None, who))
        assert self._task is not None
        self._task.add_done_callback(lambda _task: done())

    def rollback(self, text: str) -> None:
        """Go back to a generation, by default the one before: `[N] [by WHO]`."""
        number, _, who = text.strip().rpartition("by ") if "by " in text else (text, "", "")
        if number.strip() and not number.strip().isdigit():
            raise HandlerError(f"rollback wants the number of a generation, not '{text}'")
        self._start(self.appliance.rollback(int(number) if number.strip() else None, who.strip()))

    def _start(self, change: Awaitable[Outcome]) -> None:
        if not self.done:
            if asyncio.iscoroutine(change):
                change.close()
            raise HandlerError("another change is under way: try again when it is done")
        self.number += 1
        self.done = False
        self._task = asyncio.get_running_loop().create_task(self._run(change))

    async def _run(self, change: Awaitable[Outcome]) -> None:
        try:
            self._finish(await change, counted=True)
        except Exception as error:
            self._finish(Outcome(False, self.appliance.generation, f"{type(error).__name__}: {error}"), counted=True)
            raise

    def _finish(self, outcome: Outcome, counted: bool = False) -> None:
        self.number += not counted
        self.outcome = outcome
        self.done = True

"""Configurations by generation: what runs, what ran before, what to fall back to at boot; an audit line a change."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

from netos.control.logs import event

KEPT = 10               # generations that can be rolled back to


class Configuration(NamedTuple):
    """A configuration text (one character a byte) with the name it came by and the definitions it was given."""

    text: str
    filename: str
    definitions: dict[str, str]

    def as_json(self) -> dict[str, object]:
        """The form in which it is kept on disk."""
        return {"text": self.text, "filename": self.filename, "definitions": self.definitions}


class Generations:
    """The configurations that have run, by number, and the last good one on disk.

    `directory` is the state directory, None to keep nothing; what cannot be written is reported, not fatal.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        self.number = 0
        self.kept: dict[int, Configuration] = {}

    @property
    def current(self) -> Configuration | None:
        """The configuration that runs."""
        return self.kept.get(self.number)

    def advance(self, configuration: Configuration) -> int:
        """A new configuration runs now; its number."""
        self.number += 1
        self.kept[self.number] = configuration
        for old in [number for number in self.kept if number <= self.number - KEPT]:
            del self.kept[old]
        return self.number

    def save_good(self, configuration: Configuration) -> str:
        """Remember on disk that this one is good; "" or what went wrong. One that is there stays as it is."""
        if self.directory is None or configuration == self.load_good():
            return ""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            new = self.directory / f".good-{os.getpid()}"
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
                json.dump(configuration.as_json(), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.directory / "last-good.json")
        except OSError as error:
            return f"the last good configuration cannot be kept in {self.directory}: {error.strerror}"
        return ""

    def load_good(self) -> Configuration | None:
        """The last good configuration on disk, if there is a readable one."""
        if self.directory is None:
            return None
        try:
            with open(own_file(self.directory / "last-good.json", os.O_RDONLY)) as file:
                content = json.load(file)
            return Configuration(str(content["text"]), str(content["filename"]), dict(content["definitions"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def audit(self, action: str, **facts: object) -> None:
        """Append a line about a change to the audit log, and tell the log."""
        if self.directory is not None:
            line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "action": action, **facts})
            try:
                self.directory.mkdir(parents=True, exist_ok=True)
                with open(own_file(self.directory / "audit.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT), "a") as file:
                    file.write(line + "\n")
            except OSError as error:
                event("audit", f"the audit log in {self.directory} cannot be written: {error.strerror}",
                      logging.WARNING)
        worth_a_look = not facts.get("accepted", True) or action == "back"
        file_name, details = facts.get("file", ""), str(facts.get("details", "")).strip()
        what = {"rollback": " to"}.get(action, " of")
        by = f" by {facts['who']}" if facts.get("who") else ""
        event(action, f"{action}{f'{what} {file_name}' if file_name else ''}{by}: {facts.get('message', 'done')}"
              f"{f'{chr(10)}{details}' if worth_a_look and details else ''}",
              logging.WARNING if worth_a_look else logging.INFO, **facts)


def own_file(path: Path, flags: int) -> int:
    """The descriptor of a plain file that has no other name; else OSError, without waiting for anybody.

    At the start netos may still be root, and the folder belong to the user it became last time (see --user).
    """
    foreign = OSError(errno.EPERM, f"{path.name} is no plain file, or has another name: remove it")
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):     # a link, a pipe or socket, a folder
            raise foreign from None
        raise
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise foreign

"""The log of `netos run`: one line an event, for people or as JSON, on standard error; the journal learns its priority.

Everything in the process logs through Python's logging. An event with a name and facts is logged with `event()`; a
machine finds both in the line, a person the message.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import IO

PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))   # syslog(3)
LEVELS = {logging.CRITICAL: "critical", logging.ERROR: "error", logging.WARNING: "warning", logging.INFO: "info",
          logging.DEBUG: "debug"}
FORMS = ("text", "json")


def event(name: str, message: str, level: int = logging.INFO, /, **fields: object) -> None:
    """Log an event: its name (words with hyphens), the message for people, and facts that JSON can hold."""
    logging.getLogger("netos").log(level, "%s", message, extra={"event": name, "fields": fields})


class TextFormatter(logging.Formatter):
    """A line for people; `priority` puts <N> before each line, which is how the journal learns the level."""

    def __init__(self, priority: bool = False) -> None:
        super().__init__("netos: %(message)s")
        self.priority = priority

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        text = super().format(record).rstrip("\n")
        return prefixed(text, record.levelno) if self.priority else text


class JsonFormatter(logging.Formatter):
    """A line of JSON: time (RFC 3339), level, logger, event, message, and the event's facts as `fields`."""

    def __init__(self, priority: bool = False) -> None:
        super().__init__()
        self.priority = priority

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, on one line."""
        line = {"time": timestamp(record.created), "level": LEVELS.get(record.levelno, record.levelname.lower()),
                "logger": record.name, "event": getattr(record, "event", record.name.rpartition(".")[2]),
                "message": record.getMessage(), "fields": getattr(record, "fields", {})}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = json.dumps(line, default=str)
        return prefixed(text, record.levelno) if self.priority else text


def prefixed(text: str, level: int) -> str:
    """Text with the priority before each line."""
    number = next(number for least, number in PRIORITIES if level >= least)
    return "\n".join(f"<{number}>{line}" for line in text.split("\n"))


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 has it, with milliseconds, in UTC: no time zone file is read for it."""
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((seconds - whole) * 1000):03d}Z"


def is_journal(stream: IO[str], environment: str | None = None) -> bool:
    """Whether a stream goes to the journal: $JOURNAL_STREAM has its device and inode (systemd.exec(5))."""
    device, _, inode = (os.environ.get("JOURNAL_STREAM", "") if environment is None else environment).partition(":")
    if not device.isdecimal() or not inode.isdecimal():
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (status.st_dev, status.st_ino) == (int(device), int(inode))


class Handler(logging.StreamHandler[IO[str]]):
    """Writes to standard error as it is now; a reader that went away is no reason to stop forwarding."""

    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be written is lost."""


def set_up(form: str = "text", quiet: bool = False, stream: IO[str] | None = None) -> logging.Handler:
    """Send netos's log to standard error in that form; `quiet` leaves out everything below warnings."""
    stream = stream if stream is not None else sys.stderr
    handler = Handler(stream)
    priority = is_journal(stream)
    handler.setFormatter(JsonFormatter(priority) if form == "json" else TextFormatter(priority))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("netos").setLevel(logging.WARNING if quiet else logging.INFO)
    return handler

"""Telling the service manager: sd_notify(3) over its socket, for units of Type=notify-reload."""

from __future__ import annotations

import os
import socket
import time


class ServiceManager:
    """Sends states to $NOTIFY_SOCKET; without one, nothing happens."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        values = dict(os.environ) if environment is None else environment
        address = values.get("NOTIFY_SOCKET", "")
        self.address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = values.get("WATCHDOG_USEC", "")
        mine = values.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdigit() and mine else 0.0

    def send(self, *lines: str) -> bool:
        """Send lines such as READY=1; whether somebody took them."""
        if not self.address:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            try:
                channel.sendto("\n".join(lines).encode(), self.address)
            except OSError:
                return False
        return True

    def ready(self, status: str) -> None:
        """The service runs."""
        self.send("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")

    def reloading(self) -> None:
        """A reload begins; ready() says when it is over."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """The service goes down."""
        self.send("STOPPING=1", f"STATUS={status}")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self.send("WATCHDOG=1")

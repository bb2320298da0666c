"""What reload, confirm and rollback share: ask for a change, wait for its outcome, say it."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
import time
from typing import Any

from netos.cli.configuration import REFUSED
from netos.cli.remote import print_json, reach
from netos.errors import NetosError

PATIENCE = 120.0        # seconds that a change may take
INTERVAL = 0.02


def change(options: argparse.Namespace, handler: str, text: str) -> int:
    """Write to a handler that begins a change and report what comes of it: 0 when accepted, 3 when refused."""
    with reach(options) as client:
        before = json.loads(client.read("change"))["change"]
        client.write(handler, text)
        until = time.monotonic() + PATIENCE
        while True:
            state: dict[str, Any] = json.loads(client.read("change"))
            if state["change"] > before and state["done"]:
                break
            if time.monotonic() > until:
                raise NetosError(f"no outcome after {PATIENCE:g} s; `netos read change` tells when there is one")
            time.sleep(INTERVAL)
    outcome = state["outcome"]
    if options.json:
        print_json(outcome)
    else:
        sys.stderr.write(outcome["details"])
        print(outcome["message"])
    return 0 if outcome["accepted"] else REFUSED


def who() -> str:
    """Who asks, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())

"""(s) From exec to the first packet forwarded, and the same again after kill -9 with a broken configuration file.

`netos run` begins on two TAP interfaces while a sender never stops: the clock runs from the moment the process is
started, and stops when the first of its frames leaves the other interface. The restart is what a service manager does
at once: the file on disk is nonsense by then, so it is the last good configuration that comes up.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.measure import Fact
from netos.testing.namespace import NetworkNamespace, namespaces_refused

ROOT = Path(__file__).parent.parent
CONFIGS = {
    "a bridge of 4 elements": "FromDevice(nt-in, PROMISC true) -> ToDevice(nt-out);\n"
                              "FromDevice(nt-out, PROMISC true) -> ToDevice(nt-in);\n",
    "configs/bridge.click": (ROOT / "configs/bridge.click").read_text(),
}
DEFINITIONS = {"a bridge of 4 elements": [], "configs/bridge.click": ["DEV0=nt-in", "DEV1=nt-out"]}
FRAME = bytes.fromhex("020000000002" "020000000001" "88b5") + bytes(50)
ETH_P_ALL = 3
GIVE_UP = 10.0

"""(s) From exec to the first packet forwarded, and the same again after kill -9 with a broken configuration file.

A sender never stops while `netos run` starts on two TAP interfaces. The clock runs from the moment the process is
started, or killed, and stops when the first frame leaves the other interface; configs/router.click has to learn its
neighbour's address by ARP for that. The restart is what a service manager does at once: the file on disk is nonsense by
then, so that what was good last comes up.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.measure import Fact
from bench.reload_path import datagram
from netos.testing.namespace import NetworkNamespace, namespaces_refused

ROOT = Path(__file__).parent.parent
IN, OUT = "nt-in", "nt-out"
DEFINITIONS = [f"DEV0={IN}", f"DEV1={OUT}"]
NEIGHBOUR = bytes.fromhex("02aa00000002")       # who has 10.0.2.2, behind OUT
ETH_P_ALL, PACKET_OUTGOING = 3, 4
PAUSE = 0.0005                                  # seconds between two frames
GIVE_UP = 15.0


class Wire:
    """The far ends of both interfaces: sends into one, answers ARP on the other, and waits for what is forwarded."""

    def __init__(self, namespace: NetworkNamespace) -> None:
        self.socket = namespace.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
        self.socket.setblocking(False)
        self.frame = datagram()

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()

    def first_forwarded(self) -> float:
        """Send until a frame comes out of the other interface; when that was (perf_counter)."""
        self.forget()
        until = time.perf_counter() + GIVE_UP
        while (now := time.perf_counter()) < until:
            self.send(self.frame, IN)
            if select.select([self.socket], [], [], PAUSE)[0] and self.take():
                return time.perf_counter()
            time.sleep(max(PAUSE - (time.perf_counter() - now), 0))
        raise RuntimeError(f"nothing was forwarded within {GIVE_UP:.0f} s")

    def forget(self) -> None:
        """Throw away what has come."""
        while self.receive() is not None:
            pass

    def send(self, frame: bytes, interface: str) -> None:
        """Send a frame, if the interface is there and up."""
        try:
            self.socket.sendto(frame, (interface, 0))
        except OSError:
            pass

    def receive(self) -> tuple[bytes, str, int] | None:
        """The next frame, where it came from, and which way it went; None when there is none."""
        try:
            frame, address = self.socket.recvfrom(2048)
        except BlockingIOError:
            return None
        except OSError:                 # an interface went away
            return b"", "", 0
        return frame, address[0], address[2]

    def take(self) -> bool:
        """Look at what has come: whether a frame of ours is among it."""
        while (found := self.receive()) is not None:
            frame, interface, kind = found
            if interface != OUT or kind == PACKET_OUTGOING:
                continue
            if frame[12:14] == b"\x08\x06" and frame[38:42] == bytes([10, 0, 2, 2]):
                self.send(arp_reply(frame), OUT)
            elif frame[12:14] == b"\x08\x00" and frame[30:34] == bytes([10, 0, 2, 2]):
                return True
        return False


def arp_reply(request: bytes) -> bytes:
    """The neighbour's answer to an ARP request (RFC 826)."""
    asker = request[22:32]
    return asker[:6] + NEIGHBOUR + b"\x08\x06" + request[14:20] + b"\0\2" + NEIGHBOUR + request[38:42] + asker


class Measured(NamedTuple):
    """Seconds from exec to the first packet, those of them on a processor, and from the kill to the next first one."""

    started: float
    processor: float
    restarted: float


class Runs:
    """`netos run` in a namespace, started and killed again and again."""

    def __init__(self, namespace: NetworkNamespace, folder: Path, config: Path, options: Sequence[str] = ()) -> None:
        self.namespace = namespace
        self.file = folder / "appliance.click"
        self.good = config.read_text()
        self.command = [sys.executable, "-m", "netos", "run", str(self.file), *DEFINITIONS, "--control",
                        str(folder / "control.sock"), "--state", str(folder / "state"), "--quiet", *options]
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, directly in the namespace."""
        self.process = self.namespace.call(lambda: subprocess.Popen(
            self.command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL))

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def processor_time(self) -> float:
        """Seconds that the process has had a processor so far: what a busy machine does not stretch."""
        assert self.process is not None
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9

    def measure(self, wire: Wire) -> Measured:
        """One start and one restart."""
        self.file.write_text(self.good)
        begin = time.perf_counter()
        self.start()
        started = wire.first_forwarded() - begin
        processor = self.processor_time()
        self.file.write_text("FromDevice(broken ->")
        begin = time.perf_counter()
        self.kill()
        self.start()
        restarted = wire.first_forwarded() - begin
        self.kill(signal.SIGTERM)
        return Measured(started, processor, restarted)


def figures(config: Path, rounds: int, options: Sequence[str] = ()) -> list[Measured]:
    """What each round measured, after one to warm up: the first start writes bytecode."""
    with ExitStack() as stack:
        namespace = stack.enter_context(NetworkNamespace())
        namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        wire = Wire(namespace)
        stack.callback(wire.close)
        runs = Runs(namespace, Path(stack.enter_context(TemporaryDirectory())), config, options)
        stack.callback(runs.kill)
        return [runs.measure(wire) for _ in range(rounds + 1)][1:]


def spread(seconds: Sequence[float]) -> str:
    """Median and range, in milliseconds."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{1000 * middle:.0f} ms ({1000 * low:.0f}–{1000 * high:.0f})"


def facts(quick: bool = False) -> list[Fact]:
    """A pair of facts for each configuration; none, and why, where namespaces or taps cannot be had."""
    refused = namespaces_refused()
    if refused or os.geteuid() or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        print(f"  skipped: {refused or 'only root can make taps here'}", file=sys.stderr)
        return []
    found = []
    for name, options in (("router", ()), ("router", ("--sandbox", "auto")), ("bridge", ())):
        started, processor, restarted = zip(*figures(ROOT / "configs" / f"{name}.click", 3 if quick else 9, options))
        title = f"s  {name}.click{' in the sandbox' if options else ''}: "
        found += [Fact(f"{title}exec to packet", spread(started), "<= 150 ms", f"on a processor {spread(processor)}"),
                  Fact(f"{title}kill -9 to packet", spread(restarted), "<= 500 ms", "the file is broken by then")]
    return found

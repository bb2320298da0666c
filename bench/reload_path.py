"""(r) A hundred reloads of a running router while packets cross it at half the rate of b.

`netos run` on two taps in namespaces; a process sends numbered packets into one and takes them from the other. The two
configurations differ in elements, rules and order, and are sent over the control socket as `netos reload` does.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import Fact
from bench.tap_path import BRIDGE
from netos.checksum import checksum
from netos.control.client import ControlClient
from netos.testing.namespace import NetworkNamespace, namespaces_refused

ROOT = Path(__file__).parent.parent
ROUTER = (ROOT / "configs" / "router.click").read_text().replace(
    "$OFFLOAD true", "$OFFLOAD false").replace(        # as in b
    "if0[0] -> routes;", "if0[0] -> track :: ConnTrack(4096) -> ConnTrackConfirm(track) -> routes;")
OTHER = ROUTER.replace("-> check :: CheckIPHeader", "-> seen :: Counter -> check :: CheckIPHeader").replace(
    "0.0.0.0/0 4);", "10.99.0.0/16 4, 0.0.0.0/0 4);") + "\nIdle -> added :: Counter -> Discard;\n"
QUEUE_LENGTH = 20000            # frames a tap holds: at half a million a second, what comes in 40 ms
FLOWS = 200
DEVICES = ("tap0", "tap1")


def datagram() -> bytes:
    """64 bytes from the client by way of the router to the server; the checksum of UDP is left out."""
    header = bytearray.fromhex("45000032" "00010000" "40110000" "0a000102" "0a000202")
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    return (bytes.fromhex("020000000101" "02aa00000001" "0800") + bytes(header) + (10000).to_bytes(2, "big")
            + (9).to_bytes(2, "big") + (30).to_bytes(2, "big") + bytes(2) + bytes(22))


@dataclass
class Result:
    """What came of the reloads."""

    rate: float                 # packets a second
    sent: int
    received: int
    disordered: int
    pauses: list[float]         # seconds that the slowest packet was under way, for each reload
    quiet: float                # the same in the milliseconds without a reload, median
    switches: list[float]       # seconds that the packets were held, for each reload, as the daemon says
    losses: dict[str, int] = field(default_factory=dict)        # where they were lost
    kept: dict[str, tuple[str, str]] = field(default_factory=dict)      # what was to be kept: before, after

    @property
    def lost(self) -> int:
        """Packets that did not arrive."""
        return self.sent - self.received


class Daemon:
    """`netos run` in a namespace, its taps in the client's and the server's."""

    def __init__(self, stack: ExitStack, text: str, options: tuple[str, ...], devices: tuple[str, str]) -> None:
        self.middle, self.client, self.server = (stack.enter_context(NetworkNamespace()) for _ in range(3))
        directory = stack.enter_context(TemporaryDirectory())
        (Path(directory) / "first.click").write_text(text)
        where = str(Path(directory) / "control.sock")
        self.process = self.middle.popen(sys.executable, "-m", "netos", "run", str(Path(directory) / "first.click"),
                                         "--control", where, *options, cwd=ROOT, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        if "elements on" not in line:
            raise RuntimeError(f"netos run did not start: {line}")
        for namespace, device, address in ((self.client, devices[0], "10.0.1.2/24"),
                                           (self.server, devices[1], "10.0.2.2/24")):
            namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
            assert namespace.holder is not None
            self.middle.ip(f"link set {device} netns {namespace.holder.pid}")
            namespace.ip(f"link set {device} txqueuelen {QUEUE_LENGTH}")
            namespace.ip(f"addr add {address} dev {device}")
            namespace.ip(f"link set {device} up")
        self.control = stack.enter_context(ControlClient(where))

    def stream(self, devices: tuple[str, str], rate: float, seconds: float) -> subprocess.Popen[str]:
        """Start the sender; it runs when this returns."""
        made: subprocess.Popen[str] = self.client.popen(
            sys.executable, "-m", "bench.pulser", devices[0], self.server.path, devices[1], datagram().hex(), str(rate),
            str(seconds), str(FLOWS), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert made.stdout is not None
        if made.stdout.readline() != "ready\n":
            raise RuntimeError("the sender did not start")
        return made

    def reload(self, text: str) -> tuple[int, int, float]:
        """When it began and was done, by CLOCK_MONOTONIC, and how long the daemon says that packets were held."""
        began = time.monotonic_ns()
        self.control.write("reload", json.dumps({"text": text, "filename": "next.click", "definitions": {}}))
        while not (change := json.loads(self.control.read("change")))["done"]:
            time.sleep(0.0005)
        if not change["outcome"]["accepted"]:
            raise RuntimeError(change["outcome"]["details"])
        return began, time.monotonic_ns(), change["outcome"]["paused"]

    def losses(self) -> dict[str, int]:
        """Packets dropped on their way, by who dropped them."""
        found = {}
        counters = json.loads(self.control.read("counters"))
        for name, element in counters["elements"].items():
            for reason, count in element.get("drops", {}).items():
                found[f"{name}: {reason}"] = count
        for namespace, device in ((self.client, "tap0"), (self.server, "tap1")):
            statistic = json.loads(namespace.ip(f"-s -j link show {device}"))[0]["stats64"]
            found[f"queue of {device}"] = statistic["tx"]["dropped"]
            found[f"arriving at {device}"] = statistic["rx"]["dropped"]
        return found


@contextmanager
def daemon(text: str, *options: str, devices: tuple[str, str] = ("tap0", "tap1")) -> Iterator[Daemon]:
    """A daemon that is ended with its namespaces."""
    with ExitStack() as stack:
        yield Daemon(stack, text, options, devices)


def bridge_rate(seconds: float) -> float:
    """Packets a second that the daemon forwards with the configuration of b, sent more than it can take."""
    frame = (bytes.fromhex("020000000002" "020000000001" "88b5") + bytes(50)).hex()
    bridge = BRIDGE.replace("nt-in", "tap0").replace("nt-out", "tap1").replace(
        "-> ToDevice(tap1)", "-> out :: ToDevice(tap1)")
    with daemon(bridge) as made:
        sender = made.client.popen(sys.executable, "-m", "bench.blaster", "tap0", frame, str(seconds + 2), cwd=ROOT,
                                   stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        before, start = int(made.control.read("out.count")), time.perf_counter()
        time.sleep(seconds)
        rate = (int(made.control.read("out.count")) - before) / (time.perf_counter() - start)
        sender.kill()
    return rate


def reloads(count: int, rate: float, *options: str) -> Result:
    """Reload that often under that load."""
    every = 0.05
    with daemon(ROUTER, *options) as made:
        made.control.write("if1/arp.insert", "10.0.2.2 02:bb:00:00:00:02")     # nobody: its kernel looks no further
        warm = made.stream(DEVICES, 1000, 0.5)          # neighbours are asked for, flows begin
        warm.communicate()
        before = kept(made.control)
        lost_before = made.losses()
        seconds = count * every + 1.0
        sender = made.stream(DEVICES, rate, seconds)
        time.sleep(0.3)
        times = []
        for number in range(count):
            times.append(made.reload(OTHER if number % 2 == 0 else ROUTER))
            time.sleep(max(every - (time.monotonic_ns() - times[-1][0]) / 1e9, 0))
        output, _ = sender.communicate()
        found = json.loads(output)
        losses = {name: value - lost_before.get(name, 0) for name, value in made.losses().items()}
        losses["receiver"] = found["missed"]
        after = kept(made.control)
    pauses, inside = [], set()
    for began, done, _ in times:
        slots = range((began - found["began"]) // 1000000, (done - found["began"]) // 1000000 + 2)
        inside.update(slots)
        pauses.append(max(found["late"][slot] for slot in slots if slot < len(found["late"])) / 1e9)
    quiet = statistics.median(value for slot, value in enumerate(found["late"]) if slot not in inside) / 1e9
    return Result(found["sent"] / seconds, found["sent"], found["received"], found["disordered"], pauses, quiet,
                  [switch for _, _, switch in times], {name: value for name, value in losses.items() if value},
                  {name: (before[name], after[name]) for name in before})


def kept(control: ControlClient) -> dict[str, str]:
    """What a reload must keep: neighbours, flows."""
    return {"neighbours": control.read("if1/arp.count"), "flows": control.read("track.count")}


def steady(rate: float, seconds: float, *options: str) -> int:
    """How many packets are lost without a reload: the machine's share."""
    with daemon(ROUTER, *options) as made:
        made.control.write("if1/arp.insert", "10.0.2.2 02:bb:00:00:00:02")
        made.stream(DEVICES, 1000, 0.5).communicate()
        found = json.loads(made.stream(DEVICES, rate, seconds).communicate()[0])
    return int(found["sent"]) - int(found["received"])


def facts(quick: bool = False) -> list[Fact]:
    """Inline and threaded; none, and why, where namespaces or taps cannot be had."""
    refused = namespaces_refused()
    if refused or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        print(f"  skipped: {refused or '/dev/net/tun may not be opened (run as root)'}", file=sys.stderr)
        return []
    count = 20 if quick else 100
    half = bridge_rate(0.5 if quick else 1.5) / 2
    found = []
    for form, options in (("inline", ()), ("threaded", ("--threaded",))):
        without = steady(half, 1.0, *options)
        result = reloads(count, half, *options)
        name = f"r  {count} reloads, {result.rate / 1e6:.2f} Mpps, {form}"
        causes = "".join(f"; {where}: {number}" for where, number in result.losses.items())
        found += [
            Fact(f"{name}: lost", f"{result.lost} of {result.sent}", "0", f"{without} in a second without{causes}"),
            Fact(f"{name}: out of order", str(result.disordered), "0"),
            Fact(f"{name}: kept", ", ".join(f"{after} {kind}" for kind, (_, after) in result.kept.items()),
                 ", ".join(before for before, _ in result.kept.values())),
            Fact(f"{name}: held", spread(result.switches), "", "for the switch, as the daemon says; median (longest)"),
            Fact(f"{name}: longest way", spread(result.pauses), "",
                 f"of a packet while the graph is built and switched; at other times {1e6 * result.quiet:.0f} µs"),
        ]
    return found


def spread(seconds: list[float]) -> str:
    """Median and maximum."""
    return f"{1e6 * statistics.median(seconds):.0f} ({1e6 * max(seconds):.0f}) µs"

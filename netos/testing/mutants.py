"""Reloads of mutated configurations into a running appliance, with numbered packets before, between and after.

    python -m netos.testing.mutants [COUNT] [--seed N] [--only NUMBER] [--threaded]

A refused mutant must change nothing; an accepted one runs for a while, alone or beneath another one, and is then
rolled back or replaced; whatever happens, the packets that the original forwards come out afterwards, all of them in
order, and memory, descriptors and open files stay what they were.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import faulthandler
import gc
import logging
import os
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

from netos.control.appliance import Appliance, Outcome
from netos.control.generations import Configuration, Generations
from netos.control.replicas import Replicas
from netos.drivers.devices import Claim, give_device
from netos.drivers.memory import memory_pair
from netos.kernel.inline import InlineRunner
from netos.kernel.memory import arena
from netos.kernel.thread import VcpuThread
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.arp import arp_reply, station
from netos.testing.ip_packets import icmp_packet, udp_packet
from netos.testing.mutations import mutated

CONFIGS = Path("configs")        # of the project whose root one is in
MARK, STRAY = b"numbered", b"mutants'"
FRAMES = 8                      # numbered packets before each reload, and as many strays for an accepted mutant
PATIENCE = 10.0                 # seconds a packet or a reload may take before it counts as lost
SLOW = 3.0                      # seconds a reload may take on a busy machine
GROWTH = 64 << 20               # bytes of resident memory that mutants may leave behind, after five hundred
CAPACITY = 4096
ROUTER, NEIGHBOUR, CLIENT = bytes.fromhex("020000000101"), station(9), station(7)


class Traffic(NamedTuple):
    """What a configuration forwards: where it goes in and comes out, and who must be introduced there."""

    entry: str
    exit: str
    destination: str
    ping: bool = False
    asked: tuple[str, bytes, str] | None = None     # the next hop; Ethernet and IP address of who asks for it
    definitions: dict[str, str] = {}

    def frame(self, mark: bytes, number: int) -> bytes:
        """A frame with that number in it."""
        payload = mark + struct.pack("!Q", number)
        packet = (icmp_packet(payload=payload, source="10.0.1.2", destination=self.destination) if self.ping else
                  udp_packet(payload, source="10.0.1.2", destination=self.destination))
        return ROUTER + CLIENT + b"\x08\x00" + packet


OUTSIDE = bytes.fromhex("020000000201")
TRAFFIC = {
    "bridge.click": Traffic("tap0", "tap1", "10.0.2.2"),
    "firewall.click": Traffic("tap0", "tap1", "10.0.2.2", asked=("10.0.2.2", OUTSIDE, "10.0.2.1")),
    "nat-gateway.click": Traffic("tap0", "tap1", "198.51.100.7", asked=("192.0.2.254", OUTSIDE, "192.0.2.1")),
    "ping-responder.click": Traffic("tap0", "tap0", "10.0.1.1", ping=True),
    "rate-limit.click": Traffic("tap0", "tap1", "10.0.2.2", definitions={"RATE": "1000000", "BURST": "1000000"}),
    "router.click": Traffic("tap0", "tap1", "10.0.2.2", asked=("10.0.2.2", OUTSIDE, "10.0.2.1")),
    "web-appliance.click": Traffic(
        "tap0", "tap0", "10.0.1.1", ping=True, asked=("10.0.1.2", ROUTER, "10.0.1.1"),
        definitions={"ADDR": "10.0.1.1/24", "ETH": ROUTER.hex(":"), "GATEWAY": "10.0.1.2", "NEWRATE": "1000000"}),
}


class Disturbed(AssertionError):
    """A mutant did what none may do."""


@dataclass
class Report:
    """What became of the mutants of one configuration."""

    refused: int = 0
    accepted: int = 0
    same: int = 0
    packets: int = 0
    slowest: float = 0.0            # seconds, of a reload

    def __str__(self) -> str:
        return (f"{self.refused} refused, {self.accepted} accepted, {self.same} the same as before; {self.packets} "
                f"numbered packets, none lost; the slowest reload took {1e3 * self.slowest:.0f} ms")


class Complaints(logging.Handler):
    """Hears of Python code that failed where nobody could raise."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or "Traceback" in record.getMessage():
            self.heard.append(f"{record.getMessage()}: {record.exc_info and record.exc_info[1]!r}")


class Subject:
    """An appliance that runs one of the configurations between memory devices, and the mutants it is to survive."""

    def __init__(self, file: str, threaded: bool) -> None:
        self.traffic = TRAFFIC[file]
        text = (CONFIGS / file).read_text(encoding="latin-1")
        self.original = Configuration(text, file, self.traffic.definitions)
        self.cpu = VirtualCpu()
        self.ends = {}
        for device in ("tap0", "tap1"):
            self.ends[device], inside = memory_pair(f"{device}-outside", device, CAPACITY, offload=True)
            give_device(self.cpu, inside)
        router = Router.from_text(text, file, cpu=self.cpu, widen=256,
                                  definitions=self.traffic.definitions).initialize()
        loop = asyncio.get_running_loop()
        self.runner: Any = VcpuThread(self.cpu) if threaded else InlineRunner(self.cpu, loop)
        self.appliance = Appliance(self.runner, Generations(None))
        self.appliance.start(Replicas([router]), self.original)
        self.runner.start(*[loop] if threaded else [])
        self.complaints = Complaints()
        logging.getLogger().addHandler(self.complaints)
        loop.set_exception_handler(lambda _loop, context: self.complaints.heard.append(str(context)))
        self.sent = 0
        self.nothing = nothing()
        self.report = Report()

    def close(self) -> None:
        """Take it apart; what it held must come home."""
        logging.getLogger().removeHandler(self.complaints)
        self.runner.close()
        self.appliance.close()
        for end in self.ends.values():
            end.receive()
        if self.cpu.balance["held"]:
            raise Disturbed(f"packets were left when all was closed: {self.cpu.balance}")

    # Packets

    def send(self) -> range:
        """Put numbered frames on the cable; their numbers."""
        numbers = range(self.sent, self.sent + FRAMES)
        for number in numbers:
            if not self.ends[self.traffic.entry].send(self.traffic.frame(MARK, number)):
                raise Disturbed("the device takes no frames")
        self.sent += FRAMES
        self.report.packets = self.sent
        return numbers

    async def arrived(self, numbers: Sequence[int], doing: str) -> None:
        """Wait for numbered frames; raise Disturbed when they are not these, in order."""
        got: list[int] = []
        until = time.monotonic() + PATIENCE
        while len(got) < len(numbers) and time.monotonic() < until:
            got += [struct.unpack("!Q", frame[at + 8:at + 16])[0] for frame in self.ends[self.traffic.exit].receive()
                    if (at := frame.find(MARK)) >= 0]
            await asyncio.sleep(0)
        if got != list(numbers):
            raise Disturbed(f"{doing}: packets {list(numbers)} were sent, {got} came; {self.appliance.router.drops}")

    async def introduce(self) -> None:
        """Let the appliance learn its neighbour: it asks when it has a packet, and is answered."""
        if self.traffic.asked is None:
            return
        hop, ether, asker = self.traffic.asked
        for _ in range(3):                  # an old neighbour is asked for alone, a forgotten one with a packet
            self.ends[self.traffic.entry].send(self.traffic.frame(STRAY, 0))
            self.ends[self.traffic.exit].send(arp_reply(NEIGHBOUR, hop, ether, asker))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if any(STRAY in frame for frame in self.ends[self.traffic.exit].receive()):
                break
            self.ends[self.traffic.entry].send(self.traffic.frame(STRAY, 0))
            self.ends[self.traffic.exit].send(arp_reply(NEIGHBOUR, hop, ether, asker))
            await asyncio.sleep(0.001)
        await self.settle()

    async def settle(self) -> None:
        """Wait until what is under way has come out, or is kept."""
        for _ in range(5):
            await asyncio.sleep(0.0005)
            for end in self.ends.values():
                end.receive()

    async def strays(self) -> None:
        """Packets for a mutant: what becomes of them is its own affair, but they must become something."""
        for number in range(FRAMES):
            for end in self.ends.values():
                end.send(self.traffic.frame(STRAY, number))
        await self.settle()

    # Mutants

    async def reload(self, text: str, **options: Any) -> Outcome:
        """One reload, its time noted."""
        start = time.monotonic()
        configuration = Configuration(text, "mutant.click", self.traffic.definitions)
        outcome = await asyncio.wait_for(self.appliance.reload(configuration, **options), PATIENCE)
        self.report.slowest = max(self.report.slowest, time.monotonic() - start)
        if time.monotonic() - start > SLOW:
            raise Disturbed(f"the reload took {time.monotonic() - start:.1f} s")
        return outcome

    async def survive(self, random: Random) -> None:
        """One mutant, and back to the original."""
        router, generation = self.appliance.router, self.appliance.generation
        way = random.randrange(3)
        numbers = self.send()
        outcome = await self.reload(mutated(self.original.text, random), confirm=3600 if way == 0 else None)
        if not outcome.accepted:
            self.report.refused += 1
            if (self.appliance.router, self.appliance.generation) != (router, generation):
                raise Disturbed("a refused configuration changed the graph")
            if not outcome.details or "Traceback" in outcome.details:
                raise Disturbed(f"refused for no good reason: {outcome}")
            await self.arrived(numbers, "after a refusal")
            await self.passes("after a refusal")
        elif self.appliance.router is router:
            self.report.same += 1
            await self.arrived(numbers, "after nothing to do")
        else:
            self.report.accepted += 1
            await self.back(random, way)
        if self.complaints.heard:
            raise Disturbed("; ".join(self.complaints.heard))
        if nothing() != self.nothing:
            raise Disturbed("something that does not exist was written to: the type of None has changed")

    async def back(self, random: Random, way: int) -> None:
        """Give the mutant packets, perhaps another one on top, then have the original again."""
        await self.strays()
        if self.cpu.balance["held"] < 0:
            raise Disturbed(f"more packets went than came: {self.cpu.balance}")
        if way == 0:
            outcome = await self.appliance.rollback()
        else:
            if way == 1:
                await self.reload(mutated(self.original.text, random))
                await self.strays()
            outcome = await self.reload(self.original.text)
        if not outcome.accepted:
            raise Disturbed(f"the original is refused after a mutant: {outcome}")
        await self.settle()
        await self.introduce()
        await self.passes("after a mutant")
        self.at_home()

    async def passes(self, doing: str) -> None:
        """The original forwards."""
        await self.arrived(self.send(), doing)

    def at_home(self) -> None:
        """All packets are in places that say how many they hold."""
        router = self.appliance.router
        with self.runner.paused():
            stored = sum(int(router.read(f"{name}.length")) for name in router.elements
                         if "length" in router.handlers(name))
            if self.cpu.balance["held"] != stored:
                raise Disturbed(f"{stored} packets are stored, {self.cpu.balance['held']} are held")


@contextlib.contextmanager
def no_interfaces() -> Iterator[None]:
    """Have a tap that a mutant names be a memory device: nothing on the machine changes."""
    made = Claim._make

    def make(claim: Claim) -> Any:
        if claim.kind != "tap":
            return made(claim)
        device, claim._keep = memory_pair(claim.name, f"{claim.name}.peer", offload=True)
        return device

    with mock.patch.object(Claim, "_make", make):
        yield


def nothing() -> bytes:
    """The memory behind None: what a compiled element writes where it takes None for another element."""
    return ctypes.string_at(id(type(None)) + 24, 144)       # of the type, what never changes: name to buffer procedures


def free_memory() -> tuple[int, ...]:
    """What is free in the shared pools when nothing runs."""
    gc.collect()
    facts = arena()
    return facts["small_free"], facts["large_free"], facts["descriptors_free"]


def resident() -> int:
    """Bytes of memory in use, without what the allocator keeps for later."""
    with contextlib.suppress(AttributeError):       # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def survive_all(file: str, numbers: Sequence[int], seed: int, threaded: bool) -> Report:
    """Put one configuration through mutants; raises Disturbed with the number of the first that did harm."""
    subject = Subject(file, threaded)
    try:
        await subject.introduce()
        await subject.passes("at the start")
        files, memory = 0, 0
        for done, number in enumerate(numbers):
            faulthandler.dump_traceback_later(6 * PATIENCE, exit=True)      # against endless loops
            try:
                await subject.survive(Random(f"{seed} {number}"))
            except (Exception, asyncio.CancelledError) as error:
                raise Disturbed(f"mutant {number} of {file} (--seed {seed} --only {number}): {error!r}") from error
            if done % 500 == 499:           # by then the heap has grown as large as the largest mutants need
                gc.collect()
                now = len(os.listdir("/proc/self/fd")), resident()
                if files and (now[0] > files or now[1] > memory + GROWTH):
                    raise Disturbed(f"{file}: from {files} to {now[0]} open files, {memory} to {now[1]} bytes, "
                                    f"at mutant {number}")
                files, memory = files or now[0], memory or now[1]
    finally:
        faulthandler.cancel_dump_traceback_later()
        subject.close()
    return subject.report


def run(count: int, seed: int = 1, threaded: bool = False, only: int | None = None,
        files: Sequence[str] = tuple(TRAFFIC)) -> dict[str, Report]:
    """Put the configurations through `count` mutants in all, in turn; raises Disturbed."""
    found: dict[str, Report] = {}
    VirtualCpu()                # makes the pools
    for place, file in enumerate(files):
        numbers = [number for number in ([only] if only is not None else range(count)) if number % len(files) == place]
        if not numbers:
            continue
        before = free_memory()
        with no_interfaces():
            found[file] = asyncio.run(survive_all(file, numbers, seed, threaded))
        if free_memory() != before:
            raise Disturbed(f"{file}: free buffers and descriptors were {before}, are {free_memory()}")
    return found


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m netos.testing.mutants", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this one alone, and print it")
    parser.add_argument("--threaded", action="store_true")
    options = parser.parse_args()
    if not CONFIGS.is_dir():
        parser.error("there is no folder configs here: run this in netos's own source")
    if options.only is not None:
        file = tuple(TRAFFIC)[options.only % len(TRAFFIC)]
        random = Random(f"{options.seed} {options.only}")
        random.randrange(3)
        print(mutated((CONFIGS / file).read_text(encoding="latin-1"), random))
    start = time.monotonic()
    try:
        found = run(options.count, options.seed, options.threaded, options.only)
    except Disturbed as error:
        print(f"disturbed: {error}", file=sys.stderr)
        return 1
    for file, report in found.items():
        print(f"{file}: {report}")
    mutants = sum(report.refused + report.accepted + report.same for report in found.values())
    print(f"{mutants} mutants in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

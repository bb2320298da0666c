"""Two protocol stacks over a link that can lose, delay, reorder, duplicate and corrupt, in virtual time, by a seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from netos.checksum import checksum
from netos.kernel.vcpu import VirtualCpu
from netos.packet_handle import Packet
from netos.proto.stack import Stack
from netos.testing.seeded import seed_stack

SECOND = 1_000_000_000
ETHERNET_HEADER = 14
START = SECOND                      # when the stacks' time begins
NAME = "eth0"
MASK = (1 << 64) - 1


@dataclass
class Trouble:
    """What happens to frames on their way: chances from 0 to 1, times in seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0         # one bit behind the Ethernet header
    reordering: float = 0.0         # the chance to be late by up to `lateness`
    delay: float = 0.0001
    jitter: float = 0.0
    lateness: float = 0.005
    marking: float = 0.0            # the chance that an ECN-capable packet is marked


def marked(frame: bytes) -> bytes:
    """The frame with "congestion experienced" in its IP header (RFC 3168)."""
    made = bytearray(frame)
    made[15] |= 3
    made[24:26] = b"\0\0"
    made[24:26] = checksum(made[14:14 + (made[14] & 15) * 4]).to_bytes(2, "big")
    return bytes(made)


class Link:
    """Stacks `left` (10.0.0.1) and `right` (10.0.0.2) on one link; `now` is the time both have, in nanoseconds.

    From `seed` follow what happens to frames and the stacks' secrets: the same program sends the same bytes each time.

    `filter`, if given, is called with (from the left?, frame) and says whether the frame may pass; `log` keeps every
    frame that was sent, as (time, from the left?, frame), when `logging` is on.
    """

    def __init__(self, trouble: Trouble | None = None, *, seed: int = 0, mtu: int = 1500, offload: bool = False,
                 cpu: VirtualCpu | None = None, filter: Callable[[bool, bytes], bool] | None = None,
                 logging: bool = False) -> None:
        self.trouble = trouble or Trouble()
        self.random = random.Random(seed)
        self.seed = seed
        self.cpu = cpu if cpu is not None else VirtualCpu(0)
        self.now = START
        self.filter = filter
        self.logging = logging
        self.log: list[tuple[int, bool, bytes]] = []
        self.left, self.right = (self._stack(number, mtu, offload) for number in (1, 2))
        self._flying: list[tuple[int, int, Stack, Packet | bytes]] = []
        self._count = 0

    def _stack(self, number: int, mtu: int, offload: bool) -> Stack:
        stack = Stack(self.cpu)
        seed_stack(stack, (self.seed * 2 + number) & MASK)
        stack.now = self.now
        stack.set_interface(NAME, ether=bytes((2, 0, 0, 0, 0, number)), mtu=mtu, offload=offload)
        stack.set_addresses(NAME, [f"10.0.0.{number}/24"])
        return stack

    def run(self, until: Callable[[], bool] | None = None, *, seconds: float = 10.0,
            each: Callable[[], object] | None = None) -> bool:
        """Let time pass until the condition holds (True), or for so long (False); `each` is called between steps."""
        end = self.now + round(seconds * SECOND)
        while True:
            if each is not None:
                each()
            self._exchange()
            if until is not None and until():
                return True
            due = self._next(end if each is None else min(end, self.now + SECOND // 100))
            if due > end or self.now >= end:
                self.now = max(self.now, end)
                return until is not None and until()
            self.now = due
            self._arrive()

    def _next(self, latest: int) -> int:
        """When something happens next."""
        times = [time for time in (self.left.next_timeout, self.right.next_timeout) if time is not None]
        if self._flying:
            times.append(self._flying[0][0])
        return max(self.now, min([*times, latest]))

    def _exchange(self) -> None:
        """Let both stacks do what is due, and send off what they send."""
        for stack, other in ((self.left, self.right), (self.right, self.left)):
            stack.poll(self.now)
            for packet in stack.take(NAME):
                self._send(stack is self.left, other, packet)

    def _send(self, from_left: bool, target: Stack, packet: Packet) -> None:
        chance, trouble = self.random.random, self.trouble
        frame = bytes(packet)
        if self.logging:
            self.log.append((self.now, from_left, frame))
        if chance() < trouble.loss or (self.filter is not None and not self.filter(from_left, frame)):
            packet.kill()
            return
        due = self.now + round((trouble.delay + chance() * trouble.jitter) * SECOND)
        if chance() < trouble.reordering:
            due += round(chance() * trouble.lateness * SECOND)
        carried: Packet | bytes = packet
        if chance() < trouble.corruption and len(frame) > ETHERNET_HEADER and frame[12:14] == b"\x08\x00":
            broken = bytearray(frame)
            broken[self.random.randrange(ETHERNET_HEADER, len(frame))] ^= 1 << self.random.randrange(8)
            if packet.offload[0]:
                broken = bytearray()        # its checksum is not made yet: nobody could tell
            packet.kill()
            carried = bytes(broken)
        elif trouble.marking and frame[15] & 3 in (1, 2) and not packet.offload[0] and chance() < trouble.marking:
            packet.kill()
            carried = marked(frame)
        elif chance() < trouble.duplication:
            self._fly(due + round(chance() * trouble.lateness * SECOND), target, packet.clone())
        self._fly(due, target, carried)

    def _fly(self, due: int, target: Stack, carried: Packet | bytes) -> None:
        self._count += 1
        heapq.heappush(self._flying, (due, self._count, target, carried))

    def _arrive(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _due, _count, target, carried = heapq.heappop(self._flying)
            target.receive(NAME, [carried], self.now)

    def close(self) -> None:
        """Forget what is under way."""
        for _due, _count, _target, carried in self._flying:
            if isinstance(carried, Packet):
                carried.kill()
        self._flying.clear()

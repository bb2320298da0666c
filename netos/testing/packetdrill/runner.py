"""Runs a packetdrill script: time goes from event to event, and what the stack sends is held against the script."""

from __future__ import annotations

import errno
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack
from netos.testing.packetdrill.assertions import check, tcp_info
from netos.testing.packetdrill.calls import Calls, Mismatch, Result
from netos.testing.packetdrill.compare import Sent, differences, joined, show_sent
from netos.testing.packetdrill.nodes import (
    CallEvent,
    CodeEvent,
    CommandEvent,
    Ellipsis3,
    Event,
    Icmp,
    PacketEvent,
    Script,
    ScriptError,
    Tcp,
    Udp,
)
from netos.testing.packetdrill.notation import show
from netos.testing.packetdrill.options import SETTINGS, configure, read_options
from netos.testing.packetdrill.parser import parse
from netos.testing.packetdrill.sockets import Refused, Socket, Sockets, number
from netos.testing.packetdrill.wire import Addresses, Malformed, decode, encode, ports

SECOND = 1_000_000_000
START = 1_000 * SECOND              # the stack's time where the script's is 0
PATIENCE = 120 * SECOND             # for a packet that may come at any time
ROUNDS = 10_000                     # of work at one moment, before the stack is said never to rest
LINK = "tun0"
PLURALS = ("the flags", "the options")
NONSENSE = (ValueError, OverflowError, LookupError, MemoryError)        # of arguments of system calls
Say = Callable[[str], object]


@dataclass
class Waiting:
    """A system call that blocks, and when it has to return."""

    event: CallEvent
    call: Result
    until: int
    gives_up: int | None


class Runner:
    """One run of a script on a stack of its own.

    `ignore_commands` passes over commands for the shell, which are refused otherwise; `lenient` takes any
    window scale, and PSH or not; `strict` fails also when packets went out that the script does not look at; `say`
    is told of every packet.
    """

    def __init__(self, script: Script, *, ignore_commands: bool = False, lenient: bool = False,
                 strict: bool = False, say: Say | None = None, echo: Say = print) -> None:
        self.script = script
        self.ignore_commands = ignore_commands
        self.lenient = lenient
        self.strict = strict
        self.say = say
        self.echo = echo
        options = read_options(script)
        self.tolerance = int(options["tolerance_usecs"]) * 1000
        self.tick = int(options["tcp_ts_tick_usecs"]) * 1000
        self.addresses = Addresses(options["local_ip"], options["remote_ip"])
        self.cpu = VirtualCpu(0)
        self.stack = Stack(self.cpu)
        self.stack.now = START
        configure(self.stack, LINK, script, options)
        self.sockets = Sockets(self.stack, self.addresses, int(options["bind_port"]), int(options["connect_port"]))
        self.calls = Calls(self.sockets)
        self.now = self.origin = 0              # of the script, in nanoseconds
        self.sent: deque[Sent] = deque()
        self.waiting: Waiting | None = None

    def error(self, line: int, message: str) -> ScriptError:
        return ScriptError(self.script.name, line, message)

    def run(self) -> None:
        """Run the script; raises ScriptError at the first event that is not as it says."""
        last = 0
        try:
            for event in self.script.events:
                self.run_event(event)
                last = event.line
            if self.waiting is not None:
                self.advance(self.waiting.until + self.tolerance)
                self.must_have_returned()
            if self.strict and self.sent:
                left = self.sent[0]
                raise self.error(last, f"a packet went out at {seconds(left.when)} that the script does not expect\n"
                                       f"  actual: > {show(left.packet)}")
        except Malformed as error:
            raise self.error(last, f"after this line the stack sent a packet that makes no sense: {error}") from error
        finally:
            self.waiting = None
            self.sockets.close()
            self.stack.poll(self.stack.now)
            for packet in self.stack.take(LINK):
                packet.kill()

    # Time

    def advance(self, until: int, *, to_packet: bool = False) -> None:
        """Let time pass; with `to_packet` only until a packet goes out."""
        rounds, before = 0, -1
        while True:
            self.settle()
            if to_packet and self.sent:
                return
            due = self.stack.next_timeout
            next_at = until if due is None else min(max(due - START, self.now), until)
            if self.waiting is not None and self.waiting.gives_up is not None:
                next_at = min(next_at, max(self.waiting.gives_up - START, self.now))
            if self.now >= until and next_at >= until and (due is None or due - START > self.now):
                return
            rounds = rounds + 1 if next_at == before else 0
            if rounds > ROUNDS:
                raise self.error(self.script.events[-1].line, f"the stack never comes to rest at {seconds(self.now)}")
            self.now = before = next_at

    def settle(self) -> None:
        """Let the stack and a call that waits do what they can do now."""
        while True:
            self.stack.poll(START + self.now)
            for packet in self.stack.take(LINK):
                data = bytes(packet)
                packet.kill()
                self.note(data)
            self.stack.events()
            if self.waiting is None or not self.resume():
                return

    def note(self, data: bytes) -> None:
        """A packet went out."""
        flow = self.sockets.flow_out(*(ports(data) or (0, 0)))
        packet, ip = decode(data, flow, self.addresses)
        self.sent.append(Sent(self.now, packet, ip, flow))
        if self.say is not None:
            self.say(f"{seconds(self.now)} > {show(packet)}")

    # Events

    def run_event(self, event: Event) -> None:
        time = event.time
        base = self.origin if time.relative else 0
        start = self.now if time.start is None else base + time.start
        if start + self.tolerance < self.now and not (isinstance(event, PacketEvent) and not event.inbound):
            raise self.error(event.line, f"this was to happen at {seconds(start)}: it is {seconds(self.now)} already")
        if isinstance(event, PacketEvent) and not event.inbound:
            latest = start + PATIENCE if time.start is None else base + (time.end or 0)
            when = self.expect(event, start, latest)
            self.origin = start if start == latest else when
            return
        self.origin = start
        self.advance(max(start, self.now))
        if isinstance(event, PacketEvent):
            self.inject(event)
        elif isinstance(event, CallEvent):
            self.begin(event, None if time.blocking is None else base + time.blocking)
        elif isinstance(event, CodeEvent):
            self.check(event)
        elif isinstance(event, CommandEvent) and not self.ignore_commands:
            raise self.error(event.line, f"the command '{event.text}' is not run: scripts have no shell here, and no "
                                         f"kernel to configure; the stack is by --{', --'.join(SETTINGS)} in the first "
                                         "lines; take it out, or pass over commands with --ignore-commands")

    def inject(self, event: PacketEvent) -> None:
        """A packet from the peer."""
        packet = event.packet
        flow = self.sockets.flow_in(isinstance(packet, Tcp) and "S" in packet.flags and "." not in packet.flags)
        try:
            data = encode(packet, event.ip, flow, self.addresses)
        except (Malformed, struct.error) as error:
            raise self.error(event.line, f"this packet cannot be: {error}") from None
        if self.say is not None:
            self.say(f"{seconds(self.now)} < {show(packet, event.ip)}")
        self.stack.receive(LINK, [data], START + self.now)
        self.settle()

    def expect(self, event: PacketEvent, earliest: int, latest: int) -> int:
        """The next packet that goes out; when it did."""
        expected = f"\n  script: > {show(event.packet, event.ip)}"
        if not self.sent:
            self.advance(max(latest + self.tolerance, self.now), to_packet=True)
        if not self.sent:
            raise self.error(event.line, f"no packet went out up to {seconds(self.now)}{expected}")
        actual = self.sent.popleft()
        wanted = event.packet
        while (isinstance(wanted, Tcp) and isinstance(actual.packet, Tcp) and actual.packet.length < wanted.length
               and self.sent and (both := joined(actual, self.sent[0])) is not None):
            self.sent.popleft()
            actual = both
        if self.lenient:
            wanted = adapted(wanted, actual.packet)
        wrong = differences(wanted, event.ip, actual, self.tick, self.tolerance)
        shown = f"{expected}\n  actual: > {show_sent(actual, wanted, event.ip)}"
        if wrong:
            verb = "is" if len(wrong) == 1 and wrong[0] not in PLURALS else "are"
            raise self.error(event.line, f"{' and '.join(wrong)} of the packet that went out at {seconds(actual.when)} "
                                         f"{verb} not as expected{shown}")
        if not earliest - self.tolerance <= actual.when <= latest + self.tolerance:
            when = seconds(earliest) if earliest == latest else f"from {seconds(earliest)} to {seconds(latest)}"
            raise self.error(event.line, f"the packet went out at {seconds(actual.when)}, not at {when}{shown}")
        return actual.when

    def check(self, event: CodeEvent) -> None:
        """Claims about the connection that a call was last about."""
        open_now = [one for one in (self.sockets.last, *reversed(self.sockets.open.values()))
                    if one is not None and one.endpoint is not None and one.endpoint.state != "CLOSED"]
        try:
            values = tcp_info(open_now[0].endpoint) if open_now and open_now[0].endpoint is not None else {}
            wrong = check(event.text, values, self.echo)
        except Refused as error:
            raise self.error(event.line, str(error)) from None
        if wrong:
            raise self.error(event.line, wrong)

    # System calls

    def begin(self, event: CallEvent, until: int | None) -> None:
        """Begin a call, which returns at once or, if the script says so, at `until`."""
        if self.waiting is not None:
            self.must_have_returned()
        try:
            call = self.calls.begin(event.name, event.arguments)
            gives_up = next(call)
        except StopIteration as end:
            self.returned(event, end.value, "")
        except OSError as error:
            self.returned(event, -1, errno.errorcode.get(error.errno or 0, "?"), error.strerror)
        except Refused as error:
            raise self.error(event.line, str(error)) from None
        except (Mismatch, *NONSENSE) as error:
            raise self.error(event.line, f"{event.name}(): {self.reason(error)}") from None
        else:
            if until is None:
                raise self.error(event.line, f"{event.name}() blocks: say when it returns, as in "
                                             f"'0...0.1 {event.name}(…)', or make the socket non-blocking")
            self.waiting = Waiting(event, call, until, gives_up)
            self.settle()
            return
        if until is not None and abs(until - self.now) > self.tolerance:
            raise self.error(event.line, f"{event.name}() returned at once, not at {seconds(until)}")
        self.settle()

    def resume(self) -> bool:
        """Let the call that waits try again; whether it has returned."""
        waiting = self.waiting
        assert waiting is not None
        event, error_name, why = waiting.event, "", None
        try:
            waiting.gives_up = next(waiting.call)
            return False
        except StopIteration as end:
            result = end.value
        except OSError as error:
            result, error_name, why = -1, errno.errorcode.get(error.errno or 0, "?"), error.strerror
        except (Refused, Mismatch, *NONSENSE) as error:
            raise self.error(event.line, f"{event.name}(): {self.reason(error)}") from None
        self.waiting = None
        self.returned(event, result, error_name, why)
        if abs(self.now - waiting.until) > self.tolerance:
            raise self.error(event.line, f"{event.name}() returned at {seconds(self.now)}, "
                                         f"not at {seconds(waiting.until)}")
        return True

    @staticmethod
    def reason(error: Exception) -> str:
        """What to say of a call that went wrong."""
        if isinstance(error, LookupError):
            return f"a part of an argument is missing: {error.args[0]}"
        return str(error) if isinstance(error, Refused | Mismatch) else f"an argument makes no sense: {error}"

    def must_have_returned(self) -> None:
        if self.waiting is not None:
            event = self.waiting.event
            raise self.error(event.line, f"{event.name}() still blocks at {seconds(self.now)}")

    def returned(self, event: CallEvent, result: int | Socket, error_name: str, why: str | None = None) -> None:
        """Hold a result against the script's."""
        expected = event.result
        if isinstance(result, Socket):
            fd = 3 + len(self.sockets.open) if isinstance(expected, Ellipsis3) else self.value(event, expected)
            if fd < 0:
                raise self.error(event.line, f"{event.name}() succeeded, and was to return {fd} {event.error}".rstrip())
            if fd in self.sockets.open:
                raise self.error(event.line, f"the script has a file descriptor {fd} already")
            self.sockets.open[fd] = result
            return
        actual = f"{result} {error_name}".rstrip() + (f" ({why})" if why else "")
        if isinstance(expected, Ellipsis3):
            return
        wanted = self.value(event, expected)
        if wanted != result or (event.error and event.error != error_name):
            raise self.error(event.line, f"{event.name}() returned {actual}, not {wanted} {event.error}".rstrip())

    def value(self, event: CallEvent, value: object) -> int:
        try:
            return number(value)
        except Refused as error:
            raise self.error(event.line, str(error)) from None


def seconds(nanoseconds: int) -> str:
    """A time for people."""
    return f"{nanoseconds / SECOND:.6f}"


def adapted(expected: Tcp | Udp | Icmp, actual: Tcp | Udp | Icmp) -> Tcp | Udp | Icmp:
    """The expected packet, with the window scale and the PSH of the one that came."""
    if not isinstance(expected, Tcp) or not isinstance(actual, Tcp):
        return expected
    kept = set(expected.flags) - {"P"} | set(actual.flags) & {"P"}
    offered = [option for option in actual.options or () if option[0] == "wscale"]
    options = expected.options if expected.options is None else tuple(
        offered[0] if option[0] == "wscale" and offered else option for option in expected.options)
    return expected._replace(flags="".join(flag for flag in "SFRPUEW." if flag in kept), options=options)


def run_script(text: str, name: str = "script", **options: Any) -> None:
    """Run the text of a script, with the options of Runner; raises ScriptError."""
    Runner(parse(text, name), **options).run()


def run_file(path: str | Path, **options: Any) -> None:
    """Run a script that is in a file, with the options of Runner; raises ScriptError, OSError, UnicodeDecodeError."""
    run_script(Path(path).read_text(encoding="utf-8"), str(path), **options)

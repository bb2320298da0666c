"""Script: a small language that calls handlers, waits, and stops the router (Click's Script)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Annotated, Any

from elements.standard.script_functions import FUNCTIONS, whole
from elements.standard.script_machine import Machine
from elements.standard.script_program import Program, assignment
from netos.args import FileName, Raw, Remaining
from netos.errors import ArgumentError, HandlerError
from netos.handlers import Handler, read_handler, text_of, write_handler
from netos.kernel.console import write_error, write_out
from netos.lang.quoting import quote, shift_word, split_words, unquote
from netos.pyelement import PyElement

TYPES = {"ACTIVE": "active", "PASSIVE": "passive", "PACKET": "packet", "PUSH": "packet", "PROXY": "proxy",
         "DRIVER": "driver", "SIGNAL": "signal"}


class Script(PyElement):
    """Run instructions, one an argument.

    TYPE is ACTIVE (run when the router starts; the default), PASSIVE (when `run` is read or written), PACKET (for each
    packet, which leaves by the port that is returned, 0 by default; the default with ports), PROXY (when any handler
    of this element is called), DRIVER (when the router would stop), SIGNAL NAME... (when such a signal comes).
    Handlers: step, goto, set (write), run (read, write), get, shift, now, random, readable, writable, cat, catq, kill,
    the functions of script_functions, and the exported variables (read).
    """

    ports = "-/-"
    processing = "ah/ah"
    unreplicable = "a script speaks to one graph"
    default_type = ""

    machine: Machine

    def configure(self, *instructions: Annotated[str, Remaining], type: Annotated[str, Raw] = "") -> None:
        words = split_words(type)
        name = words[0] if words else self.default_type or ("PACKET" if self.n_inputs or self.n_outputs else "ACTIVE")
        if name not in TYPES or (len(words) > 1) != (name == "SIGNAL"):
            raise ArgumentError("expected ACTIVE, PASSIVE, PACKET, PROXY, DRIVER or SIGNAL and signal names", "TYPE")
        self.kind = TYPES[name]
        self.signals = [signal_number(word) for word in words[1:]]
        self.machine = Machine(Program(instructions, self.kind == "driver"), self)
        if self.kind == "driver":
            if self.router.driver is not None:
                raise ArgumentError(f"'{self.router.driver.name}' manages the driver already: "
                                    "only one script may be of TYPE DRIVER")
            self.router.driver = self

    def initialize(self) -> None:
        self.machine.prepare()
        first = self.machine.current
        if self.kind == "driver" and first is not None and first.operation == "initial":
            self.router.adjust_run_count(-1)
        elif self.kind in ("driver", "active") and first is not None and first.operation != "wait_step":
            self.machine.step(0, "jump") if first.operation == "wait_time" else self.schedule_after(0)
        for number in self.signals:
            self.router.signal_calls[number] = self.run_for_signal

    def run_timer(self) -> None:
        """A wait is over, or the router has started."""
        current = self.machine.current
        if current is not None and current.operation in ("initial", "wait_time"):
            self.machine.step(1, "timer")

    def stop_event(self) -> bool:
        """Take a step because the router would stop; return whether that led on in the program."""
        before = self.machine.progress
        self.machine.step(1, "router")
        return self.machine.progress > before

    def run_for_signal(self) -> None:
        """Run because a signal has come."""
        try:
            self.machine.run("run", "", True)
        except HandlerError as error:
            self.complain(str(error))

    # Packets

    def receive(self, port: int, packet: Any) -> None:
        """Run for a pushed packet."""
        self.send(packet, self.output_for(port))

    def supply(self, port: int) -> Any:
        """Run for a pulled packet."""
        packet = self.input(0)
        if packet is None:
            return None
        target = self.output_for(0)
        if target == port:
            return packet
        self.send(packet, target)
        return None

    def output_for(self, port: int) -> int:
        """The output the program returns for a packet from an input; -1 for none."""
        self.machine.variables["input"] = str(port)
        try:
            return whole(self.machine.run("push", str(port), False).strip() or "0")
        except HandlerError as error:
            self.complain(str(error))
            return -1

    def send(self, packet: Any, port: int) -> None:
        """Push a packet out of an output, or end it if there is no such output."""
        if 0 <= port < self.n_outputs and self.output_processing[port] == "h":
            self.output(port, packet)
        else:
            packet.kill()

    # What the machine asks for

    def call_read(self, handler: str, argument: str) -> str:
        """The value of a handler as named in this script."""
        value: str = self.router.read(self.full_name(handler), argument)
        return value

    def call_write(self, handler: str, argument: str) -> None:
        """Write to a handler as named in this script."""
        self.router.write(self.full_name(handler), argument)

    def full_name(self, path: str) -> str:
        """A handler's name from the top: a name without dot is this element's handler, if it has one, else global."""
        element, dot, handler = path.partition(".")
        if not dot:
            return f"{self.name}.{path}" if self.router.find_handler(self.name, path) is not None else path
        found: Any = self.router.scope(self.name).element(element) if element else None
        if found is not None:
            return f"{found.name}.{handler}"
        own = self.router.find_handler(self.name, path) or self.router.find_handler("", path)
        return path if own is None else f"{self.name}.{path}"

    def print_text(self, text: str, file: str, append: bool) -> None:
        """Print to standard output or to a file."""
        try:
            if file in ("", "-"):
                write_out(text)
            else:
                with open(FileName().parse(quote(file)), "ab" if append else "wb") as opened:
                    opened.write(text.encode("latin-1", "replace"))
        except OSError as error:
            raise HandlerError(f"{file or '<stdout>'}: {error.strerror}") from None

    def show(self, handler: str, value: str) -> None:
        """Say on standard error what a handler read."""
        write_error(f"{handler}:\n{value}\n")

    def complain(self, message: str) -> None:
        """Say on standard error what went wrong."""
        lines = message.replace("\n", "\n  ")
        write_error(f"While executing '{self.name} :: {type(self).__name__}':\n  {lines}\n")

    def set_timer(self, nanoseconds: int | None) -> None:
        """Set the timer of wait_time, or take it off."""
        if nanoseconds is None:
            self.unschedule()
        else:
            self.schedule_after(nanoseconds / 1e9)

    def adjust_run_count(self, change: int) -> None:
        """Bring the router nearer to its end, or further from it."""
        self.router.adjust_run_count(change)

    # Handlers

    def extra_handlers(self) -> list[Handler]:
        """The functions and the exported variables."""
        found = [Handler(name, function, read_parameter=True) for name, function in FUNCTIONS.items()]
        instructions = self.machine.program.instructions if hasattr(self, "machine") else []
        return found + [Handler(instruction.name, self.reader_of(instruction.name))
                        for instruction in instructions if instruction.operation == "export"]

    def reader_of(self, variable: str) -> Callable[[str], str]:
        """A read handler's function for a variable."""
        return lambda _argument: self.machine.variables[variable]

    def missing_handler(self, name: str) -> Handler | None:
        """A proxy script has every handler: each runs it, under its own name."""
        if self.kind != "proxy":
            return None

        def write(text: str) -> None:
            self.machine.run(name, text, True)

        return Handler(name, lambda text: self.machine.run(name, text, False), write, read_parameter=True)

    @write_handler
    def step(self, text: Annotated[str, Raw] = "") -> None:
        """Take that many steps, or one."""
        self.machine.step(1, "router") if text == "router" else self.machine.step(whole(text) if text else 1)

    @write_handler("goto")
    def jump(self, label: Annotated[str, Raw]) -> None:
        """Go to a label and run on from there."""
        place = self.machine.program.find(label)
        if place is None:
            raise HandlerError(f"jump to nonexistent label '{label}'")
        self.machine.go_to(place)

    @read_handler("run")
    def read_run(self, text: str) -> str:
        """Run; what is returned."""
        return self.machine.run("run", text, False)

    @write_handler("run")
    def write_run(self, text: Annotated[str, Raw] = "") -> None:
        """Run."""
        self.machine.run("run", text, True)

    @read_handler
    def get(self, name: str) -> str:
        """The value of a variable."""
        value = self.machine.lookup(name.strip())
        if value is None:
            raise HandlerError(f"no variable '{name.strip()}'")
        return value

    @write_handler("set")
    def set_variable(self, text: Annotated[str, Raw]) -> None:
        """Give a variable a value: `NAME VALUE`."""
        given = assignment("set", "set", text, False)
        self.machine.variables[given.name] = given.text

    @read_handler
    def shift(self, name: str) -> str:
        """Take the first word off a variable."""
        word, rest = shift_word(self.get(name))
        self.machine.variables[name.strip()] = rest
        return word

    @read_handler
    def now(self) -> str:
        """Seconds since 1970, to the nanosecond."""
        at = self.cpu.now if self.cpu.simulated else time.time_ns()
        return f"{at // 10**9}.{at % 10**9:09}"

    @read_handler
    def random(self, text: str) -> int:
        """A random integer: of 31 bits, below N, or from LOW to HIGH."""
        import random

        bounds = [whole(word) for word in split_words(text)]
        low, high = (0, 0x7FFFFFFF) if not bounds else (0, bounds[0] - 1) if len(bounds) == 1 else bounds[:2]
        if len(bounds) > 2 or high < low:
            raise HandlerError("expected N, or LOW and HIGH")
        return random.randint(low, high)

    @read_handler
    def readable(self, path: str) -> str:
        """Whether all the handlers named can be read."""
        return text_of(all(getattr(self.handler_named(word), "read", None) for word in split_words(path)))

    @read_handler
    def writable(self, path: str) -> str:
        """Whether all the handlers named can be written."""
        return text_of(all(getattr(self.handler_named(word), "write", None) for word in split_words(path)))

    def handler_named(self, word: str) -> Handler | None:
        """The handler of that name as seen from here."""
        element, _, handler = self.full_name(unquote(word)).rpartition(".")
        found: Handler | None = self.router.find_handler(element, handler)
        return found

    @read_handler(private=True)
    def cat(self, text: str) -> str:
        """The content of files."""
        content = ""
        for word in split_words(text):
            try:
                with open(FileName().parse(word), "rb") as file:
                    content += file.read().decode("latin-1")
            except OSError as error:
                raise HandlerError(f"{unquote(word)}: {error.strerror}") from None
        return content

    @read_handler(private=True)
    def catq(self, text: str) -> str:
        """The content of files, quoted."""
        return quote(self.cat(text))

    @read_handler(private=True)
    def kill(self, text: str) -> str:
        """Send a signal to processes: `SIGNAL PID...`."""
        words = split_words(text)
        if len(words) < 2:
            raise HandlerError("expected SIGNAL PID...")
        number = signal_number(words[0])
        for word in words[1:]:
            try:
                os.kill(whole(word), number)
            except OSError as error:
                raise HandlerError(f"cannot signal process {word}: {error.strerror}") from None
        return "0"


def signal_number(word: str) -> int:
    """A signal, by number or by name with or without SIG; raises ArgumentError."""
    name = unquote(word).upper().removeprefix("SIG")
    found = int(name) if name.isdigit() else getattr(signal, f"SIG{name}", 0)
    if not 0 < found < signal.NSIG:
        raise ArgumentError(f"bad signal number '{word}'", "TYPE")
    return int(found)

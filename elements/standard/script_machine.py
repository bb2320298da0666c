"""The machine that runs a Script's program: steps, waits, jumps, variables; what it does to the router is its host's.

A script waits for steps. A step comes from the `step` handler, from the timer of wait_time, or, for a driver script,
from the router when its run count has fallen to zero: such a step, taken by a wait, raises the count again.
"""

from __future__ import annotations

import os
import re
from typing import Literal, Protocol

from elements.standard.script_program import ASSIGNMENTS, Instruction, Program
from netos.args import Seconds
from netos.args.numbers import BOOLS
from netos.errors import ArgumentError, HandlerError
from netos.handlers import text_of
from netos.lang.quoting import shift_word, split_words, substitute, unquote

Cause = Literal["step", "router", "timer", "jump"]

JUMPS_MAX = 1000
DEPTH_MAX = 40              # runs within runs, of all scripts together: each costs a dozen of Python calls
STARTS_HANDLER = re.compile(r"[A-Za-z@_]")
NO_REASON = "the script has failed"
FAILED = -22                # what $? is after a write that was refused: Click's -EINVAL


class Host(Protocol):
    """What the machine asks of its element."""

    def call_read(self, handler: str, argument: str) -> str: ...
    def call_write(self, handler: str, argument: str) -> None: ...
    def print_text(self, text: str, file: str, append: bool) -> None: ...
    def show(self, handler: str, value: str) -> None: ...
    def complain(self, message: str) -> None: ...
    def set_timer(self, nanoseconds: int | None) -> None: ...
    def adjust_run_count(self, change: int) -> None: ...


class Frame:
    """One run of the program: where it is, and what it was called with."""

    def __init__(self, handler: str = "", arguments: str = "", writing: bool = False) -> None:
        self.position = 0
        self.waited: dict[int, int] = {}    # steps taken so far, by place of a wait_step
        self.handler = handler
        self.arguments = arguments
        self.writing = writing
        self.result = ""
        self.failure: str | None = None


class Machine:
    """A program being run."""

    nesting = 0                 # runs under way, of all machines

    def __init__(self, program: Program, host: Host) -> None:
        self.program = program
        self.host = host
        self.variables = {found.name: "" for found in program.instructions if found.operation in ASSIGNMENTS}
        self.write_status = 0
        self.frame = Frame()
        self.depth = 0
        self.more_steps = 0

    @property
    def current(self) -> Instruction | None:
        """The instruction that is next; None at the end."""
        instructions = self.program.instructions
        return instructions[self.frame.position] if self.frame.position < len(instructions) else None

    @property
    def progress(self) -> tuple[int, int]:
        """How far it has come: grows with each step, unless the program jumps back."""
        return self.frame.position, self.frame.waited.get(self.frame.position, 0)

    # Ways to set it going

    def prepare(self) -> None:
        """Give variables the values that init and export say."""
        for found in self.program.instructions:
            if found.operation in ("init", "export"):
                self.assign(found)

    def step(self, steps: int, cause: Cause = "step") -> None:
        """Take steps; from within the script itself they are taken once it comes to a wait."""
        if self.depth:
            self.more_steps += steps
        elif steps > 0 or cause == "jump":
            self.proceed(steps, cause)
            failure, self.frame.failure = self.frame.failure, None
            if failure is not None:
                self.host.complain(failure or NO_REASON)

    def go_to(self, place: int) -> None:
        """Jump, and run up to the next wait; from within the script itself, only jump."""
        self.jump(place, len(self.program.instructions))
        self.step(0, "jump")

    def run(self, handler: str, arguments: str, writing: bool) -> str:
        """Run from the beginning up to the end or a wait; what was returned. Raises HandlerError for `error`.

        A run within a run has its own place in the program, and cannot wait.
        """
        if Machine.nesting >= DEPTH_MAX:
            raise HandlerError("the script calls itself too deeply")
        outer, self.frame = self.frame, Frame(handler, arguments, writing)
        frame = self.frame
        self.host.set_timer(None)
        self.proceed(0, "jump")
        if self.depth:
            self.frame = outer
            self.host.set_timer(None)
        if frame.failure is not None:
            raise HandlerError(frame.failure or NO_REASON)
        return frame.result

    def proceed(self, steps: int, cause: Cause) -> None:
        """Take steps, then those that the script has asked for meanwhile."""
        jumps = self.advance(steps, cause, 0)
        while self.more_steps and not self.depth and jumps < JUMPS_MAX:
            steps, self.more_steps = self.more_steps, 0
            jumps = self.advance(steps, "step", jumps)

    # Running

    def advance(self, steps: int, cause: Cause, jumps: int) -> int:
        """Run until a wait finds no step left, or the end; return the number of jumps so far."""
        instructions = self.program.instructions
        frame = self.frame
        self.depth += 1
        Machine.nesting += 1
        try:
            while frame.position < len(instructions) and jumps < JUMPS_MAX:
                place = frame.position
                frame.position += 1
                found = instructions[place]
                if found.operation == "stop":
                    frame.position = place
                    if cause != "router" or not steps:
                        self.host.adjust_run_count(-1)
                    break
                if found.operation in ("initial", "wait_step", "wait_time"):
                    used = self.wait(found, place, steps)
                    if cause == "router" and used:
                        self.host.adjust_run_count(used)
                    steps -= used
                    if frame.position == place:
                        break
                elif found.operation == "goto":
                    jumps += self.goto(found, place)
                else:
                    self.execute(found)
        finally:
            self.depth -= 1
            Machine.nesting -= 1
        if jumps >= JUMPS_MAX:
            self.host.complain("too many jumps, giving up")
            frame.position = len(instructions)
            self.host.set_timer(None)
        return jumps

    def wait(self, found: Instruction, place: int, steps: int) -> int:
        """Use up to that many steps for a wait; stay at its place while it is not over. Return how many were used."""
        if found.operation == "initial":
            return min(steps, 1)
        if found.operation == "wait_step":
            waited = self.frame.waited.get(place, 0)
            used = min(steps, found.number - waited)
            self.frame.waited[place] = waited + used
            if waited + used < found.number:
                self.frame.position = place
            return used
        if steps:
            self.host.set_timer(None)
            return 1
        try:
            self.host.set_timer(Seconds().parse(unquote(self.expand(found.text))))
            self.frame.position = place
        except ArgumentError as error:
            self.host.complain(f"syntax error at 'wait': {error.message}")
            self.frame.position = self.program.last
        return 0

    def goto(self, found: Instruction, place: int) -> bool:
        """Jump, if there is no condition or a true one."""
        condition = self.expand(found.text).strip()
        if condition and condition not in BOOLS:
            self.host.complain(f"bad condition '{condition}'")
            return False
        if condition and not BOOLS[condition]:
            return False
        self.jump(found.number, place)
        return True

    def jump(self, target: int, origin: int) -> None:
        """Go to a place; waits that are jumped back over begin anew."""
        waited = self.frame.waited
        self.frame.waited = {place: waited[place] for place in waited if not target <= place <= origin}
        self.frame.position = target

    def execute(self, found: Instruction) -> None:
        """Do what does not wait and does not jump; a failing handler is complained about."""
        try:
            getattr(self, f"do_{found.operation}")(found)
        except HandlerError as error:
            self.host.complain(str(error))

    def do_label(self, found: Instruction) -> None:
        """Nothing: a place to jump to."""

    do_init = do_export = do_label

    def do_end(self, found: Instruction) -> None:
        """Stop running."""
        self.frame.position = len(self.program.instructions)

    def do_return(self, found: Instruction) -> None:
        """Stop running, with a result."""
        self.frame.result = self.argument(found)
        self.do_end(found)

    def do_error(self, found: Instruction) -> None:
        """Stop running, with a failure."""
        self.frame.failure = self.argument(found)
        self.do_end(found)

    def do_set(self, found: Instruction) -> None:
        """Set a variable."""
        self.assign(found)

    def do_print(self, found: Instruction) -> None:
        """Print the value of a handler, or a text."""
        if STARTS_HANDLER.match(found.text):
            text = self.host.call_read(*self.handler_call(found))
        else:
            text = unquote(self.expand(found.text))
        if found.newline and not text.endswith("\n"):
            text += "\n"
        file = found.name.lstrip(">")
        self.host.print_text(text, unquote(self.expand(file)), found.name.startswith(">>"))

    def do_read(self, found: Instruction) -> None:
        """Show a handler and its value on standard error."""
        handler, argument = self.handler_call(found)
        self.host.show(handler, self.host.call_read(handler, argument))

    def do_write(self, found: Instruction) -> None:
        """Write to a handler; $? says how it went."""
        self.write_status = FAILED
        self.host.call_write(*self.handler_call(found))
        self.write_status = 0

    # Text

    def assign(self, found: Instruction) -> None:
        """Give a variable its value."""
        self.variables[found.name] = self.argument(found)

    def argument(self, found: Instruction) -> str:
        """The expanded argument of an instruction, without a level of quotes if that is what it says."""
        text = self.expand(found.text)
        return unquote(text) if found.unquoted else text

    def handler_call(self, found: Instruction) -> tuple[str, str]:
        """The handler and its argument."""
        handler, argument = shift_word(self.expand(found.text))
        return unquote(handler), unquote(argument) if found.unquoted else argument

    def expand(self, text: str) -> str:
        """Replace variables and handler calls."""
        return substitute(text, self.lookup, call=self.call, recursive=False) if "$" in text else text

    def call(self, text: str) -> str:
        """The value of `$(handler argument)`; one that fails is complained about and empty."""
        handler, argument = shift_word(self.expand(text))
        try:
            return self.host.call_read(unquote(handler), argument)
        except HandlerError as error:
            self.host.complain(str(error))
            return ""

    def lookup(self, name: str) -> str | None:
        """The value of a variable, None if there is no such variable."""
        frame = self.frame
        if name in self.variables:
            return self.variables[name]
        if name == "?":
            return str(self.write_status)
        if name == "$":
            return str(os.getpid())
        if name == "#":
            return str(len(split_words(frame.arguments)))
        if name == "0":
            return frame.handler
        if name == "args":
            return frame.arguments
        if name == "write":
            return text_of(frame.writing)
        if name.isdigit():
            words = split_words(frame.arguments)
            return words[int(name) - 1] if int(name) <= len(words) else ""
        return None

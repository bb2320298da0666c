"""One replay in a process of its own: whatever becomes of it, the caller lives to tell."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
import random
import signal
import sys
from collections.abc import Iterator
from random import Random

from netos.fuzz.journal import Journal
from netos.fuzz.plan import Plan, Record, Target
from netos.kernel.memory import arena
from netos.kernel.vcpu import VirtualCpu

PATIENCE = 20.0             # seconds of CPU, then a process is in an endless loop
SHORT_PATIENCE = 2.0        # likewise where one is known to be, and is looked for
WAITING = 6                 # times the patience, on the clock: a process that does not work waits for something
ENDLESS = "endless loop"
BLOCKED = "it waits for ever"
HANGS = {ENDLESS, BLOCKED}  # where others need the CPU, too, one looks like the other
PR_SET_PDEATHSIG = 1        # of prctl(2)


def free_memory() -> tuple[int, ...]:
    """What is free in the shared pools when nothing runs."""
    gc.collect()
    facts = arena()
    return facts["small_free"], facts["large_free"], facts["descriptors_free"]


def prepare() -> tuple[int, ...]:
    """Make the pools; what is free in them."""
    VirtualCpu()
    return free_memory()


def made(plan: Plan, seed: int, journal: Journal, corpus: list[bytes]) -> Target:
    """A fresh target in a process that draws the same at random in each replay: keys of elements, tables' seeds."""
    os.urandom = lambda size: Random(plan.seed).randbytes(size)     # also for modules that draw when they are imported
    random.seed(seed)
    return plan.make(seed, journal, corpus)


def watch(seconds: float) -> None:
    """End this process when it works for so long, or does nothing for some times as long, without calling again."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WAITING)


def obey(parent: int) -> None:
    """Have this child end with its parent, however that ends; what a terminal sends to all is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back the signals that end a campaign until what is begun is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def killed(child: int) -> None:
    """End a child and wait for it; nothing to do when it was waited for."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def died_of(status: int) -> str:
    """What a child's exit status says."""
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGPROF:
        return ENDLESS
    if code == -signal.SIGALRM:
        return BLOCKED
    if code < 0:
        return f"crash ({signal.Signals(-code).name})"
    return f"crash (exit status {code})"


def replayed(plan: Plan, seed: int, records: list[Record], corpus: list[bytes]) -> str | None:
    """What goes wrong when these frames go into a fresh target in this process; None: nothing."""
    before = prepare()
    target = made(plan, seed, Journal(bytearray(64)), corpus)
    wrong = target.replay(records) or target.finish()
    del target
    if wrong is None and free_memory() != before:
        wrong = "buffers were lost: the pools are not full again"
    return wrong


def trial(plan: Plan, seed: int, records: list[Record], corpus: list[bytes], *, quiet: bool = True,
          patience: float | None = None) -> str | None:
    """The same in a forked child: crashes and endless loops are told, too."""
    memory = mmap.mmap(-1, 4096)
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = 0
    try:
        with undisturbed():                 # an interrupt within the hooks of fork() would be lost
            child = os.fork()
        if child == 0:
            try:
                obey(parent)
                if quiet:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                watch(patience or PATIENCE)
                wrong = (replayed(plan, seed, records, corpus) or "").encode()[:4000]
            except BaseException as error:
                wrong = exception_text(error).encode()[:4000]
            memory[:len(wrong)] = wrong
            os._exit(0)
        _, status = os.waitpid(child, 0)
    except BaseException:                   # an interrupt
        if child:
            killed(child)
        raise
    if status:
        return died_of(status)
    return memory[:].rstrip(b"\0").decode(errors="replace") or None


def exception_text(error: BaseException) -> str:
    """What is told of an exception that should not have been."""
    return f"{type(error).__name__}: {error}"

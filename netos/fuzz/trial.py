"""One replay in a process of its own: whatever becomes of it, the caller lives to tell."""

from __future__ import annotations

import gc
import mmap
import os
import signal
import sys

from netos.fuzz.journal import Journal
from netos.fuzz.plan import Plan, Record
from netos.kernel.memory import arena
from netos.kernel.vcpu import VirtualCpu

PATIENCE = 20.0             # seconds of CPU, then a process is in an endless loop
SHORT_PATIENCE = 2.0        # likewise where one is known to be, and is looked for
ENDLESS = "endless loop"


def free_memory() -> tuple[int, ...]:
    """What is free in the shared pools when nothing runs."""
    gc.collect()
    facts = arena()
    return facts["small_free"], facts["large_free"], facts["descriptors_free"]


def prepare() -> tuple[int, ...]:
    """Make the pools; what is free in them."""
    VirtualCpu()
    return free_memory()


def watch(seconds: float) -> None:
    """End this process when it works for so long without calling again."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def died_of(status: int) -> str:
    """What a child's exit status says."""
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGPROF:
        return ENDLESS
    if code < 0:
        return f"crash ({signal.Signals(-code).name})"
    return f"crash (exit status {code})"


def replayed(plan: Plan, seed: int, records: list[Record], corpus: list[bytes]) -> str | None:
    """What goes wrong when these frames go into a fresh target in this process; None: nothing."""
    before = prepare()
    target = plan.make(seed, Journal(bytearray(64)), corpus)
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
    child = os.fork()
    if child == 0:
        try:
            if quiet:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            watch(patience or PATIENCE)
            wrong = replayed(plan, seed, records, corpus) or ""
            memory[:len(wrong.encode()[:4000])] = wrong.encode()[:4000]
            os._exit(0)
        except BaseException as error:
            if not quiet:
                print(f"netos: {type(error).__name__}: {error}", file=sys.stderr)
            os._exit(9)
    _, status = os.waitpid(child, 0)
    if status:
        return died_of(status)
    return memory[:].rstrip(b"\0").decode(errors="replace") or None

"""A campaign: rounds of fuzz in child processes, whose crashes are caught; findings shrunk and written as captures."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netos.fuzz.capture import write_finding
from netos.fuzz.journal import Journal
from netos.fuzz.plan import SEEDS, STACK, Plan, Record
from netos.fuzz.shrink import shrunk
from netos.fuzz.trial import (
    HANGS,
    PATIENCE,
    SHORT_PATIENCE,
    died_of,
    exception_text,
    free_memory,
    killed,
    made,
    obey,
    prepare,
    trial,
    undisturbed,
    watch,
)

JOURNAL = 96 << 20          # bytes
CHUNK = 5000                # frames between two looks at the clock
ROUND = {True: 200_000, False: 30_000}      # frames of a round, into a stack, into a configuration
SETTLED = 4                 # rounds until the heap has its size
GROWTH = 48 << 20           # bytes of resident memory that rounds may leave behind
FINDINGS = 10               # different ones, and enough is known
LAST_WORDS = 1 << 20        # bytes
TELLING = 3                 # exit status of a child that has found something
STATS = struct.Struct("=6Q")
REASON = 256                # where the reason stands in a job's shared page


@dataclass
class Finding:
    """Something that went wrong."""

    reason: str
    seed: int
    frames: int             # that it takes
    noted: int              # that had gone in when it happened
    path: str
    reproduced: bool


class Job:
    """A child process and the memory shared with it, which outlives it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.memory = mmap.mmap(-1, JOURNAL)
        self.journal = Journal(self.memory)
        self.page = mmap.mmap(-1, 4096)
        self.said = os.memfd_create("netos-fuzz-said")      # what the child writes to standard error
        self.child = 0
        self.base = (0, 0, 0, 0)            # frames, reached, rounds, the slowest batch of the children before

    def note(self, frames: int, reached: int, rounds: int, seed: int, number: int, slowest: int) -> None:
        """Written by the child."""
        self.page[:STATS.size] = STATS.pack(frames, reached, rounds, seed, number, slowest)

    @property
    def stats(self) -> tuple[int, ...]:
        """Frames, those that reached a connection, rounds, the seed and number of this round, the slowest batch."""
        return STATS.unpack(self.page[:STATS.size])

    def tell(self, reason: str) -> None:
        """Leave word, and end the child."""
        encoded = reason.encode()[:2000]
        self.page[REASON:REASON + len(encoded)] = encoded
        os._exit(TELLING)

    def __del__(self) -> None:
        os.close(self.said)

    def last_words(self) -> bytes:
        """The end of what the child wrote to standard error in its last round, such as a sanitizer's report."""
        size = os.fstat(self.said).st_size
        return os.pread(self.said, LAST_WORDS, max(size - LAST_WORDS, 0))

    def heard(self, status: int) -> str:
        """Why the child has ended."""
        if os.waitstatus_to_exitcode(status) == TELLING:
            return self.page[REASON:].rstrip(b"\0").decode(errors="replace")
        return died_of(status)

    def work(self, plan: Plan, corpus: list[bytes], first: int, step: int, until: float, rounds: int | None) -> None:
        """Rounds until the time is over; in the child, which it ends."""
        before, memory, limit = prepare(), 0, allowed_growth()
        frames = reached = done = slowest = 0
        number = first
        while time.monotonic() < until and (rounds is None or number < rounds):
            seed = round_seed(plan, number)
            self.note(frames, reached, done, seed, number, slowest)
            self.journal.clear()
            os.ftruncate(self.said, 0)
            os.lseek(self.said, 0, os.SEEK_SET)
            watch(PATIENCE)
            target = made(plan, seed, self.journal, corpus)
            wrong = None
            while (wrong is None and target.frames < ROUND[plan.target == STACK] and not target.journal_full
                   and time.monotonic() < until):
                watch(PATIENCE)
                wrong = target.fuzz(CHUNK)
                self.note(frames + target.frames, reached + getattr(target, "reached", 0), done, seed, number,
                          max(slowest, target.slowest))
            watch(PATIENCE)
            wrong = wrong or target.finish()
            frames, reached = frames + target.frames, reached + getattr(target, "reached", 0)
            slowest, done, number = max(slowest, target.slowest), done + 1, number + step
            del target
            if wrong is None and free_memory() != before:
                wrong = "buffers were lost: the pools are not full again"
            if wrong is None and done >= SETTLED:
                memory = memory or resident()
                if resident() > memory + limit:
                    wrong = f"memory grows: from {memory >> 20} to {resident() >> 20} MiB in {done} rounds"
            if wrong is not None:
                self.tell(wrong)
        self.note(frames, reached, done, 0, number, slowest)
        sys.stderr.flush()
        os._exit(0)

    def start(self, *arguments: object) -> None:
        """Fork the child."""
        self.page[:] = bytes(4096)
        self.journal.clear()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        with undisturbed():                 # an interrupt within the hooks of fork() would be lost
            self.child = os.fork()
        if self.child == 0:
            try:
                obey(parent)
                os.dup2(self.said, 2)
                self.work(*arguments)       # type: ignore[arg-type]
            except BaseException as error:
                self.tell(exception_text(error))


def round_seed(plan: Plan, number: int) -> int:
    """The seed of a round."""
    return (plan.seed * 1_000_000 + number) & SEEDS


def resident() -> int:
    """Bytes of memory in use, without what the allocator keeps for later and without what is shared."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    _size, pages, shared, *_ = Path("/proc/self/statm").read_text().split()
    return (int(pages) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def allowed_growth() -> int:
    """Under the address sanitizer freed memory is kept for a while."""
    return GROWTH + (512 << 20 if hasattr(ctypes.CDLL(None), "__asan_init") else 0)


class Campaign:
    """Jobs until a time, and what they find; `tell` is called with lines to print."""

    def __init__(self, plan: Plan, out: Path, tell: Callable[[str], None], *, jobs: int = 1, shrinking: float = 60.0,
                 rounds: int | None = None) -> None:
        self.plan, self.out, self.tell = plan, out, tell
        self.corpus = plan.corpus()
        self.jobs = [Job(number) for number in range(jobs)]
        self.shrinking = shrinking
        self.rounds = rounds
        self.findings: list[Finding] = []
        self.again: dict[str, int] = {}
        self.started = time.monotonic()
        self.busy = 0.0             # seconds of fuzzing, without what shrinking took

    def totals(self) -> tuple[int, int, int, int]:
        """Frames, those that reached a connection, rounds, nanoseconds of the slowest batch."""
        stats = [job.stats for job in self.jobs]
        frames, reached, rounds = (sum(stat[column] + job.base[column]
                                       for stat, job in zip(stats, self.jobs, strict=True)) for column in range(3))
        return frames, reached, rounds, max(*(stat[5] for stat in stats), *(job.base[3] for job in self.jobs))

    def run(self, seconds: float, progress: Callable[[Campaign], None]) -> list[Finding]:
        """Fuzz for so long; `progress` is called now and then."""
        until = self.started + seconds
        try:
            for job in self.jobs:
                job.start(self.plan, self.corpus, job.number, len(self.jobs), until, self.rounds)
            while any(job.child for job in self.jobs):
                for job in self.jobs:
                    self.look(job, until)
                progress(self)
                time.sleep(0.05)
        finally:
            for job in self.jobs:
                if job.child:
                    killed(job.child)
                    job.child = 0
        return self.findings

    def look(self, job: Job, until: float) -> None:
        """See whether a job has ended, and why."""
        if not job.child:
            return
        done, status = os.waitpid(job.child, os.WNOHANG)
        if not done:
            return
        job.child = 0
        if status == 0:
            return
        frames, reached, rounds, seed, number, slowest = job.stats
        self.found(job.heard(status), seed, job.journal.records(), job.last_words())
        job.base = (job.base[0] + frames, job.base[1] + reached, job.base[2] + rounds, max(job.base[3], slowest))
        if len(self.findings) < FINDINGS and time.monotonic() < until:
            job.start(self.plan, self.corpus, number + len(self.jobs), len(self.jobs), until, self.rounds)
        else:
            job.page[:] = bytes(4096)

    def found(self, reason: str, seed: int, records: list[Record], words: bytes) -> None:
        """Write down what was found, unless it is known; then shrink it, and write it again."""
        known = kind_of(reason)
        if known in self.again:
            self.again[known] += 1
            return
        self.again[known] = 0
        self.tell(f"found: {reason} (after {len(records)} frames, seed {seed}); shrinking ...")
        self.out.mkdir(parents=True, exist_ok=True)
        path = str(self.out / f"finding-{seed}.pcap")
        finding = Finding(reason, seed, len(records), len(records), path, reproduced=False)
        with undisturbed():                                 # whoever interrupts the shrinking has it
            write_finding(path, self.plan, seed, records)
            if reason.startswith("crash") and words:
                Path(path).with_suffix(".log").write_bytes(words)
            self.findings.append(finding)
        same = HANGS if reason in HANGS else {reason}
        if trial(self.plan, seed, records, self.corpus) not in same:
            return
        finding.reproduced = True

        def fails(some: list[Record]) -> bool:
            patience = SHORT_PATIENCE if reason in HANGS else None
            return trial(self.plan, seed, some, self.corpus, patience=patience) in same

        kept = shrunk(records, fails, seconds=self.shrinking)
        with undisturbed():
            write_finding(path, self.plan, seed, kept)
            finding.frames = len(kept)


def kind_of(reason: str) -> str:
    """What findings that say so have in common: the amount by which memory grew is nobody's fault."""
    return reason.split(": from")[0]

"""(f) Figures of the command line and the daemon: `netos check` of a thousand elements, memory of `netos run`."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import Fact

ROOT = Path(__file__).parent.parent
ELEMENTS = 1000


def thousand() -> str:
    """A configuration of a thousand elements of a dozen classes: many small paths between two devices."""
    paths = [f"c[{number}] -> Strip(14) -> CheckIPHeader -> r{number} :: RadixIPLookup(10.{number}.0.0/16 0, 0/0 1) "
             f"-> DecIPTTL -> k{number} :: Counter -> EtherEncap(0x0800, 02:00:00:00:00:01, 02:00:00:00:00:02) -> q;\n"
             f"r{number}[1] -> Paint({number}) -> n{number} :: Null -> Discard;\n" for number in range(ELEMENTS // 9)]
    kinds = ", ".join(f"12/0800 30/{number:08x}" for number in range(len(paths)))
    return f"FromDevice(mem:a) -> c :: Classifier({kinds});\nq :: Queue -> ToDevice(mem:b);\n{''.join(paths)}"


def check_times(rounds: int) -> tuple[int, list[float]]:
    """How many elements there are, and the seconds that each `netos check` took, process and all."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "thousand.click"
        path.write_text(thousand())
        times = []
        for _ in range(rounds + 1):         # the first one writes bytecode
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "netos", "check", str(path)], cwd=ROOT, capture_output=True,
                                  text=True, check=False)
            times.append(time.perf_counter() - start)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
    found = re.search(r"(\d+) elements", done.stdout)
    return int(found[1]) if found else 0, times[1:]


def resident() -> float:
    """Megabytes (10^6 bytes) of resident memory of `netos run configs/router.click` a second after its start."""
    command = [sys.executable, "-m", "netos", "run", "configs/router.click", "DEV0=mem:a", "DEV1=mem:b",
               "--control", "none"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if "elements on" not in line:
                raise RuntimeError(line + process.stdout.read())
            time.sleep(1)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.terminate()
    kilobytes = re.search(r"VmRSS:\s+(\d+)", status)
    assert kilobytes is not None
    return int(kilobytes[1]) * 1024 / 1e6


def facts(quick: bool = False) -> list[Fact]:
    """What they are."""
    elements, times = check_times(3 if quick else 11)
    return [
        Fact(f"f  netos check of {elements} elements", f"{1e3 * statistics.median(times):.0f} "
             f"({1e3 * min(times):.0f}–{1e3 * max(times):.0f}) ms", "<= 150 ms",
             "a process of its own, its start included"),
        Fact("f  memory of netos run configs/router.click", f"{resident():.1f} MB", "<= 40 MB", "resident"),
    ]

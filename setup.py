"""Build netos: one extension a .pyx, in one of four ways named by NETOS_BUILD.

release (default)  -O2, what users run
debug              -O0, C lines mapped to .pyx lines
coverage           release with Cython's line tracing
asan               AddressSanitizer and UBSan, .pyx lines in reports, freed packets poisoned

NETOS_ONLY="elements/ip/*.pyx …" compiles just those files (the others stay as they are).
A performance hint from Cython fails the build: it means the GIL is taken where packets flow.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

ROOT = Path(__file__).parent
FLAVOURS = {
    "release": ["-O2", "-g1"],
    "debug": ["-O0", "-g"],
    "coverage": ["-O1", "-g1", "-DCYTHON_TRACE_NOGIL=1", "-DCYTHON_USE_SYS_MONITORING=0"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-sanitize=alignment",
             "-fno-omit-frame-pointer", "-DNETOS_POISON=1"],
}
DIRECTIVES = {
    "language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True, "initializedcheck": False,
    "nonecheck": False, "annotation_typing": False, "auto_pickle": False, "embedsignature": False, "binding": True,
}


def sources() -> list[str]:
    """The .pyx files to compile, relative to the root."""
    wanted = os.environ.get("NETOS_ONLY", "").split() or ["netos/**/*.pyx", "elements/**/*.pyx", "bench/**/*.pyx"]
    return sorted({str(path.relative_to(ROOT)) for pattern in wanted for path in ROOT.glob(pattern)})


@contextmanager
def no_performance_hints() -> Iterator[None]:
    """Show what Cython writes to standard error, and fail when it contains a performance hint."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            log.seek(0)
            text = log.read().decode(errors="replace")
            sys.stderr.write(text)
    if "performance hint" in text:
        raise SystemExit("netos: Cython printed a performance hint (see above): declare the function `noexcept nogil`")


def extensions(flavour: str) -> list[Extension]:
    """One extension for each source, all with the flavour's flags."""
    flags = [*FLAVOURS[flavour], "-fno-semantic-interposition", "-Wno-unused-function", "-Wno-unused-variable",
             "-Wno-maybe-uninitialized", "-Wno-sign-compare"]
    link = ["-fsanitize=address,undefined"] if flavour == "asan" else []
    found = [Extension(path[:-4].replace("/", "."), [path], extra_compile_args=flags, extra_link_args=link)
             for path in sources()]
    directives = dict(DIRECTIVES, linetrace=flavour == "coverage")
    with no_performance_hints():
        return list(cythonize(found, nthreads=os.cpu_count() or 1, build_dir=f"build/{flavour}/cython", annotate=False,
                              compiler_directives=directives, emit_linenums=flavour in ("debug", "asan")))


chosen = os.environ.get("NETOS_BUILD", "release")
if chosen not in FLAVOURS:
    raise SystemExit(f"NETOS_BUILD={chosen!r}: must be one of {', '.join(FLAVOURS)}")
setup(
    package_dir={"": "."},
    packages=find_packages(include=["netos", "netos.*", "elements", "elements.*"]),
    package_data={"": ["*.pxd", "*.pyi", "py.typed"]},
    ext_modules=extensions(chosen) if not {"egg_info", "--version", "clean"} & set(sys.argv[1:2]) else [],
)

"""Compare the .pyi files with the compiled modules beside them (mypy's stubtest): python -m tests.lint_stubs.

A stub shows what Python users may touch: what is not in it is nobody's business, and no error.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What Cython puts into modules and classes, and no stub mentions.
GENERATED = r""".*\.__test__
.*\.__pyx_.*
.*\.__reduce_cython__
.*\.__setstate_cython__
"""


def modules() -> list[str]:
    """The compiled modules that have a stub."""
    return sorted(str(stub.relative_to(ROOT).with_suffix("")).replace("/", ".")
                  for package in ("netos", "elements") for stub in (ROOT / package).rglob("*.pyi"))


def main() -> int:
    """Run stubtest; its exit status is 0 when every stub tells the truth."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as allowlist:
        allowlist.write(GENERATED)
        allowlist.flush()
        command = [sys.executable, "-m", "mypy.stubtest", "--concise", "--mypy-config-file", "pyproject.toml",
                   "--ignore-missing-stub", "--ignore-disjoint-bases",
                   "--allowlist", allowlist.name, "--ignore-unused-allowlist", *modules()]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

"""Whether the tests of TCP notice when it is broken: `python -m netos.testing.mutate_tcp [WORD …]`.

A test names with @mutation what it guards. Each mutant is compiled in a copy of the tree, a few seconds each, where the
test is then run; it has to fail. With words, only tests whose names contain one of them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
TESTS = "tests/proto/tcp"
SECONDS = 30                        # a mutant may hang
FAILED = 1                          # pytest's exit status when a test has failed; 2 to 5 say that there was no test
Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mutation:
    """In `file` of netos/proto, `old` becomes `new`; `unit` is what has to be compiled then."""

    file: str
    old: str
    new: str
    unit: str


def mutation(file: str, old: str, new: str, *, unit: str = "") -> Callable[[Test], Test]:
    """Mark a test as one that fails when, in a file of netos/proto, `old`, which is there once, is replaced by `new`.

    A change in a .pxd is seen by the .pyx named by `unit`.
    """
    def mark(test: Test) -> Test:
        found = Mutation(file, old, new, unit or file)
        test.mutations = [found, *getattr(test, "mutations", [])]       # type: ignore[attr-defined]
        return test
    return mark


def guarded() -> Iterator[tuple[str, str, Mutation]]:
    """All mutations, with the file and name of their test."""
    sys.path.insert(0, str(ROOT))
    for path in sorted((ROOT / TESTS).glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, test in vars(module).items():
            for found in getattr(test, "mutations", ()):
                yield path.name, name, found


def misplaced() -> list[str]:
    """Mutations whose text is not in their file exactly once."""
    wrong = []
    for _path, name, found in guarded():
        count = (ROOT / "netos/proto" / found.file).read_text().count(found.old)
        if count != 1:
            wrong.append(f"{name}: {found.file} has {count} times {found.old!r}")
    return wrong


def _first_error(log: str) -> str:
    """What Cython or the C compiler says was wrong."""
    return next((line for line in log.splitlines() if ".pyx:" in line or "error:" in line), log[-300:])


class Tree:
    """A copy of the tree to compile mutants in."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in ("netos", "elements"):
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / TESTS, place / TESTS, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.py", "pyproject.toml"):
            shutil.copy(ROOT / name, place / name)

    def survives(self, path: str, name: str, found: Mutation) -> str:
        """What is wrong when the test does not fail; nothing when it does."""
        source, unit = self.place / "netos/proto" / found.file, self.place / "netos/proto" / found.unit
        text = source.read_text()
        library = next(unit.parent.glob(f"{unit.stem}.*.so"))
        kept = library.read_bytes()
        try:
            source.write_text(text.replace(found.old, found.new))
            unit.touch()
            library.unlink()
            environment = dict(os.environ, NETOS_ONLY=str(unit.relative_to(self.place)), NETOS_BUILD="debug")
            built = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=self.place,
                                   env=environment, capture_output=True, text=True, check=False)
            if built.returncode:
                return "cannot be compiled: " + _first_error(built.stdout + built.stderr)
            if not library.exists():
                return "was not compiled"
            return self.run(path, name)
        finally:
            source.write_text(text)
            library.unlink(missing_ok=True)
            library.write_bytes(kept)

    def run(self, path: str, name: str = "") -> str:
        """Run a test, or all of a file: nothing when it fails, hangs or crashes, else what is wrong with that."""
        test = f"{TESTS}/{path}" + (f"::{name}" if name else "")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
        try:
            ended = subprocess.run(command, cwd=self.place, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return ""
        if ended.returncode > FAILED:           # no such test, or one that cannot be imported: nobody was asked
            return f"was not tested, pytest has ended with {ended.returncode}: {_first_error(ended.stdout.decode())}"
        return "survives" if ended.returncode == 0 else ""


def main(words: list[str]) -> int:
    """Make all mutants; 1 when one survives or could not be tried, 2 when there is none."""
    wrong = misplaced()
    if wrong:
        print("\n".join(wrong))
        return 1
    chosen = [entry for entry in guarded() if not words or any(word in entry[1] for word in words)]
    if not chosen:
        print(f"no test with a mutation has a name with {' or '.join(words)} in it")
        return 2
    survivors = 0
    with tempfile.TemporaryDirectory() as scratch:
        tree = Tree(Path(scratch))
        for path in sorted({path for path, _name, _found in chosen}):
            if (trouble := tree.run(path)) != "survives":
                print(f"{path} {trouble or 'fails without any mutation'}")
                return 1
        for number, (path, name, found) in enumerate(chosen, 1):
            trouble = tree.survives(path, name, found)
            survivors += bool(trouble)
            what = f"{name}: {found.file}: {found.new.strip()!r}"
            print(f"{number}/{len(chosen)} {what}: {trouble or 'killed'}", flush=True)
    print(f"{len(chosen)} mutants, {survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

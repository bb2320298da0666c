"""Programs on the stack: scripts, modules, code and commands, run in this process as python runs them."""

from __future__ import annotations

import atexit
import io
import os
import pkgutil
import re
import runpy
import shutil
import signal
import sys
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from netos.aio.adopt import adopt_event_loops
from netos.errors import NetosError

FAILED, INTERRUPTED = 1, 130


class NoSuchProgram(NetosError):
    """There is nothing to run by that name, or nothing that this Python could run."""

    exit_status = 127


class Program(NamedTuple):
    """What to run: mode is module, code, file, or archive: a directory or zip file with a __main__.py."""

    mode: str
    target: str
    arguments: list[str]


def run_program(program: Program) -> int:
    """Run it in this process, as python does; its exit status."""
    adopt_event_loops()
    status, interrupted = 0, False
    try:
        start(program)
    except SystemExit as leaving:
        status = exit_status(leaving.code)
    except KeyboardInterrupt as error:
        show(error)
        interrupted = True
    except BaseException as error:
        show(error)
        status = FAILED
    threading._shutdown()       # type: ignore[attr-defined] # waits for threads, as python does; their loops need the host
    if interrupted:
        end_by_interrupt()
    return status


def start(program: Program) -> None:
    """Run it with sys.argv and sys.path as python has them."""
    mode, target, arguments = program
    if mode == "module":
        sys.argv = [target, *arguments]
        begin_path(os.getcwd())
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    elif mode == "code":
        sys.argv = ["-c", *arguments]
        begin_path("")
        run_code(target)
    elif mode == "archive":
        sys.argv = [target, *arguments]
        begin_path(os.path.abspath(target))
        run_archive(os.path.abspath(target))
    else:
        sys.argv = [target, *arguments]
        begin_path(str(Path(target).resolve().parent))
        run_file(target)


def begin_path(first: str) -> None:
    """Have sys.path begin with this, and not with what the command netos has there."""
    if not sys.flags.safe_path and sys.path:
        ours = sys.path.pop(0)
        if ours not in sys.path and os.path.realpath(ours) == str(Path(__file__).resolve().parents[2]):
            sys.path.append(ours)       # a source tree without installation: netos itself is there
    sys.path.insert(0, first)


def parse_program(words: Sequence[str]) -> Program:
    """What `python …`, a script or a command that is one mean; NoSuchProgram when there is none."""
    first, *rest = words
    by_python = Path(first).name.startswith("python") and not Path(first).name.endswith(".py")
    if by_python:
        while rest and re.fullmatch("-[uBIEs]+", rest[0]):
            if "u" in rest[0]:
                unbuffer()
            rest = rest[1:]
        if not rest:
            raise NoSuchProgram("python without a program: name a file, -m MODULE or -c CODE")
        first, rest = rest[0], rest[1:]
        if first.startswith("-") and first not in ("-m", "-c"):
            raise NoSuchProgram(f"python's option {first} is not known here: set it on the Python that runs netos")
    if first in ("-m", "-c"):
        if not rest:
            raise NoSuchProgram(f"{first} needs an argument")
        return Program("module" if first == "-m" else "code", rest[0], rest[1:])
    path = find_script(first, by_python)
    return Program("archive" if os.path.isdir(path) or zipfile.is_zipfile(path) else "file", path, rest)


def unbuffer() -> None:
    """What python's -u is for: lines are seen when they are written, through pipes, too."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def find_script(name: str, by_python: bool = False) -> str:
    """The file of a script, or of a command unless python was to run it; NoSuchProgram when it is not Python."""
    beside = str(Path(sys.executable).parent)
    path = name if by_python or os.path.isfile(name) or "/" in name else shutil.which(
        name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}") or name
    if not os.path.exists(path):
        raise NoSuchProgram(f"there is no program {name}")
    if os.path.isdir(path):
        if not os.path.exists(os.path.join(path, "__main__.py")):
            raise NoSuchProgram(f"the directory {path} has no __main__.py")
        return path
    try:
        with open(path, "rb") as file:
            head = file.readline(200) + file.readline(200)      # pip writes #!/bin/sh, and python on the second line
    except OSError as error:
        raise NoSuchProgram(f"{path} cannot be read: {error.strerror}") from None
    if not by_python and not path.endswith((".py", ".pyw")) and b"python" not in head:
        raise NoSuchProgram(f"{path} is no Python script: netos exec runs Python programs only")
    return path


def run_file(path: str) -> None:
    """Run a script as __main__, in a module that outlives the run, as python's does."""
    path = os.path.abspath(path)
    with open(path, "rb") as file:
        run_main(compile(file.read(), path, "exec", dont_inherit=True), path)


def run_archive(path: str) -> None:
    """Run the __main__.py of a directory or a zip file, as __main__."""
    finder: Any = pkgutil.get_importer(path)
    spec = finder.find_spec("__main__")
    if spec is None:
        raise SystemExit(f"can't find '__main__' module in {path!r}")
    run_main(spec.loader.get_code("__main__"), spec.origin)


def run_code(text: str) -> None:
    """Run what -c was given."""
    run_main(compile(text, "<string>", "exec", dont_inherit=True), None)


def run_main(code: Any, path: str | None) -> None:
    """Run code in a fresh __main__."""
    import builtins
    from types import ModuleType

    module = ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, __annotations__={})
    if path is not None:
        module.__file__ = path
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def exit_status(code: Any) -> int:
    """What the process is to end with after sys.exit(code)."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return FAILED


def show(error: BaseException) -> None:
    """Have sys.excepthook show the error of the program, without the frames of ours that are above it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        trace = trace.tb_next
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.excepthook(type(error), error.with_traceback(trace), trace)


def end_by_interrupt() -> NoReturn:
    """End as python does after Ctrl-C: run what is registered for the exit, then by the signal, which a shell sees."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
    sys.exit(INTERRUPTED)

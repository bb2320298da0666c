"""Programs under netos exec against the same under python: what they print, and how they end."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from netos.aio.program import NoSuchProgram, Program, parse_program

# The build under test, wherever make has put it; what make sets beside that keeps a program's folder from the program.
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"},
               "PYTHONPATH": os.path.abspath(os.environ.get("PYTHONPATH") or Path(__file__).parents[2])}
BEGIN = "import asyncio, atexit, multiprocessing, os, signal, sys, threading, time\n"
SERVE = """
async def serve():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    return server, reader, writer
"""

# What each would break is what it is called.
PROGRAMS = {
    "annotations are not strings": "def f(x: int): pass\nprint(f.__annotations__)",
    "modules beside netos's command are not the program's": "print(len([p for p in sys.path if p == os.getcwd()]))",
    "sys.excepthook is called": "sys.excepthook = lambda *error: print('hook', error[0])\nraise ValueError",
    "a Ctrl-C calls sys.excepthook, and what is registered for the exit": """
atexit.register(print, "bye")
sys.excepthook = lambda *error: print('hook', error[0])
signal.raise_signal(signal.SIGINT)
""",
    "a thread's loop serves on when the main thread ends": SERVE + """
async def main():
    await asyncio.sleep(0.1)
    server, reader, writer = await serve()
    print(await reader.read())
threading.Thread(target=lambda: asyncio.run(main())).start()
""",
    "a daemon thread's loop does not keep the program, nor crash it": SERVE + """
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
print(len(asyncio.run_coroutine_threadsafe(serve(), loop).result()))
""",
    "a loop that ran beside another gets the network when that ends": SERVE + """
async def second():
    while first.is_alive():
        await asyncio.sleep(0.01)
    await asyncio.wait_for(serve(), 3)
    print("served")
first = threading.Thread(target=lambda: asyncio.run(asyncio.sleep(0.1)))
first.start()
time.sleep(0.02)
asyncio.run(second())
""",
    "a forked child has the machine's network": SERVE + """
multiprocessing.set_start_method("fork")
child = multiprocessing.Process(target=lambda: asyncio.run(serve()))
child.start()
child.join()
print(child.exitcode)
""",
    "an exit out of a callback has its status": SERVE + """
class Leaves(asyncio.Protocol):
    def data_received(self, data):
        sys.exit(3)
async def main():
    server = await asyncio.get_running_loop().create_server(Leaves, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"x")
    await asyncio.sleep(5)
asyncio.run(main())
""",
    "an interrupted loop runs again": SERVE + """
loop = asyncio.new_event_loop()
loop.call_soon(signal.raise_signal, signal.SIGINT)
try:
    loop.run_until_complete(asyncio.sleep(5))
except KeyboardInterrupt:
    print(len(loop.run_until_complete(serve())))
loop.close()
""",
}


LEAVING_CHILD = SERVE + """
async def main():
    server, reader, writer = await serve()
    child = os.fork()
    if not child:
        sys.exit(4)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), await reader.read(), len(await serve()))
asyncio.run(main())
"""


def run(program, directory, *words):
    return subprocess.run([sys.executable, *words, "-c", BEGIN + program], capture_output=True, text=True, timeout=30,
                          cwd=directory, env=ENVIRONMENT)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_it_ends_as_under_python(program, tmp_path):
    theirs = run(program, tmp_path)
    ours = run(program, tmp_path, "-m", "netos", "exec", "--quiet", "--", "python")
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout), ours.stderr
    assert "netos" not in ours.stderr


def test_a_forked_child_that_exits_leaves_its_parents_connections_alone(tmp_path):
    """Its loop shares the parent's epoll set, where the stack's descriptor is: under python this parent hangs."""
    done = run(LEAVING_CHILD, tmp_path, "-m", "netos", "exec", "--quiet", "--", "python")
    assert (done.returncode, done.stdout) == (0, "4 b'' 3\n"), done.stderr


@pytest.mark.parametrize("words", [["pack"], ["pack.zip"], ["empty.zip"], ["-uB", "script"]])
def test_what_python_can_run_is_run(words, tmp_path):
    """Directories and archives with a __main__.py (shiv's, zipapp's), scripts of any name, options in one word."""
    lines = "import other, sys\nprint(sys.argv, sys.path[0], __name__, __file__)\n"
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__main__.py").write_text(lines)
    for place in (tmp_path / "pack", tmp_path):
        (place / "other.py").touch()
    (tmp_path / "script").write_text(lines.replace(", __file__", ""))
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("__main__.py", lines)
        archive.writestr("other.py", "")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("other.py", "")
    theirs, ours = (
        subprocess.run([sys.executable, *before, *words, "argument"], capture_output=True, text=True, timeout=30,
                       cwd=tmp_path, env=ENVIRONMENT)
        for before in ([], ["-m", "netos", "exec", "--quiet", "--", "python"]))
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout), ours.stderr


def test_a_commands_name_is_looked_up_as_a_shell_does(tmp_path, monkeypatch):
    """In PATH, and not among the directories of the project: many have one that is called as its command."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "command").write_text("#!/bin/sh\n'''exec' /long/python \"$0\" \"$@\"\n' '''\nimport sys\n")
    (tmp_path / "bin" / "command").chmod(0o755)
    (tmp_path / "command").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    assert parse_program(["command", "x"]) == Program("file", str(tmp_path / "bin" / "command"), ["x"])
    with pytest.raises(NoSuchProgram, match=r"has no __main__\.py"):
        parse_program(["python", "command"])

"""Anonymous network namespaces for tests and the lab: nothing is left when their owner ends."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import IO, Any, NoReturn, TypeVar

from netos.drivers.netns import call_in_namespace

T = TypeVar("T")

# Holds the namespace for as long as its standard input is open: our death closes that, even by SIGKILL.
HOLDER = ("sh", "-c", "echo ready; exec cat >/dev/null")
CAP_SYS_ADMIN = 21
# In front of other people's commands: some hang under the sanitizers that `make asan` preloads for Python.
UNSANITIZED = ("env", "-u", "LD_PRELOAD")


def has_capability(number: int) -> bool:
    """Whether this process holds a capability (capabilities(7))."""
    with open("/proc/self/status") as status:
        effective = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> number & 1)


@cache
def namespaces_refused(rootless: bool | None = None) -> str:
    """Why network namespaces cannot be made here, or "" when they can; rootless: by way of a user namespace."""
    try:
        tried = subprocess.run([*unshare_command(rootless), "true"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return f"unshare(1) cannot be run: {error}"
    return "" if tried.returncode == 0 else f"unshare: {tried.stderr.strip() or tried.returncode}"


def unshare_command(rootless: bool | None = None) -> list[str]:
    """The beginning of a command line that runs the rest in a fresh network namespace."""
    if rootless is None:
        rootless = not has_capability(CAP_SYS_ADMIN)
    return ["unshare", "--user", "--map-root-user", "--net", "--"] if rootless else ["unshare", "--net", "--"]


def rerun_as_namespace_root(command: list[str]) -> NoReturn:
    """Replace this process by `command`, root in a user and a network namespace of its own."""
    arguments = [*unshare_command(rootless=True), *command]
    os.execvp(arguments[0], arguments)


class NetworkNamespace:
    """A network namespace without a name, with its loopback up, held by a child process.

    Root gets a plain one. Anybody else gets one inside a user namespace, where `run` and `popen` work but `call`
    (and devices of ours) do not: see rerun_as_namespace_root.

    >>> with NetworkNamespace() as client:
    ...     client.ip("addr add 10.0.0.1/24 dev lo")
    """

    def __init__(self, loopback: bool = True) -> None:
        self.rootless = not has_capability(CAP_SYS_ADMIN)
        self.loopback = loopback
        self.fd = -1
        self.holder: subprocess.Popen[str] | None = None
        self.children: list[subprocess.Popen[Any]] = []

    def open(self) -> NetworkNamespace:
        """Make the namespace; RuntimeError when the machine does not allow it."""
        # In a session of its own: Ctrl-C is for us, who take the namespace down in order.
        self.holder = subprocess.Popen([*unshare_command(self.rootless), *HOLDER], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                       start_new_session=True)
        assert self.holder.stdout is not None
        assert self.holder.stderr is not None
        if self.holder.stdout.readline() != "ready\n":
            reason = self.holder.stderr.read().strip()
            self.close()
            raise RuntimeError(f"cannot make a network namespace ({reason}): run as root, or allow user namespaces")
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        if self.loopback:
            self.ip("link set lo up")
        return self

    def close(self) -> None:
        """End what popen() started, then the namespace and every interface in it."""
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            close_streams(child.stdin, child.stdout, child.stderr)
        self.children.clear()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self.holder is not None:
            close_streams(self.holder.stdin)
            self.holder.wait()
            close_streams(self.holder.stdout, self.holder.stderr)
            self.holder = None

    def __enter__(self) -> NetworkNamespace:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    @property
    def path(self) -> str:
        """The file that stands for the namespace, while it is open."""
        if self.holder is None:
            raise RuntimeError("the namespace is closed")
        return f"/proc/{self.holder.pid}/ns/net"

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs `arguments` in the namespace, and dies with the thread that starts it."""
        if self.holder is None:
            raise RuntimeError("the namespace is closed")
        user = ["--user", "--preserve-credentials"] if self.rootless else []
        return ["nsenter", "--target", str(self.holder.pid), *user, "--net", "--",
                "setpriv", "--pdeathsig", "KILL", "--", *arguments]

    def run(self, *arguments: str, check: bool = True, timeout: float = 60, **options: Any
            ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; stdout and stderr are captured as text, a failure shows both."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=timeout, **options)
        if check and done.returncode:
            raise RuntimeError(f"`{shlex.join(arguments)}` ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def popen(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a command; close() kills it if it still runs."""
        child = subprocess.Popen(self.command(*arguments), **options)
        self.children.append(child)
        return child

    def ip(self, arguments: str) -> str:
        """What `ip ARGUMENTS` prints there."""
        return self.run("ip", *shlex.split(arguments)).stdout

    def sysctl(self, name: str, value: object) -> None:
        """Set a kernel parameter of the namespace, such as net.ipv4.ip_forward."""
        self.run("sh", "-c", 'echo "$1" >"/proc/sys/$2"', "sh", str(value), name.replace(".", "/"))

    def call(self, function: Callable[[], T]) -> T:
        """What a Python function returns in the namespace; sockets it opens stay there. Needs root."""
        return call_in_namespace(self.fd, function)


def close_streams(*streams: IO[Any] | None) -> None:
    """Close pipes, whatever the other end has done."""
    for stream in streams:
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()

"""Network namespaces are separate, take commands and Python calls, and vanish with their owner."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from netos.testing.namespace import NetworkNamespace, has_capability, namespaces_refused

pytestmark = pytest.mark.skipif(bool(namespaces_refused()), reason=namespaces_refused())
needs_root = pytest.mark.skipif(os.geteuid() != 0 or not has_capability(21), reason="needs root")


def test_a_namespace_has_its_own_interfaces_and_its_loopback_is_up():
    with NetworkNamespace() as namespace:
        listed = namespace.ip("-o link").splitlines()
        assert [line.split()[1] for line in listed if "LOOPBACK,UP" in line] == ["lo:"]
        assert not any("veth" in line or "eth0" in line for line in listed)
        assert os.readlink(namespace.path) != os.readlink("/proc/self/ns/net")


def test_a_failing_command_says_what_it_was():
    with NetworkNamespace() as namespace, pytest.raises(RuntimeError, match="`ip link set nothing up`"):
        namespace.ip("link set nothing up")


def test_close_kills_what_was_started():
    with NetworkNamespace() as namespace:
        child = namespace.popen("sleep", "100")
    assert child.returncode == -signal.SIGKILL


@pytest.mark.root
@needs_root
def test_a_call_opens_its_sockets_there_and_leaves_this_thread_here():
    here = os.readlink("/proc/thread-self/ns/net")
    with NetworkNamespace() as namespace:
        namespace.ip("addr add 10.9.8.7/32 dev lo")

        def listen():
            listener = socket.create_server(("10.9.8.7", 0))
            return listener, os.readlink("/proc/thread-self/ns/net")

        listener, there = namespace.call(listen)
        with listener:
            assert there == os.readlink(namespace.path) != here
        with pytest.raises(OSError):
            namespace.call(lambda: socket.create_server(("10.9.8.8", 0)))
    assert os.readlink("/proc/thread-self/ns/net") == here


def test_nothing_is_left_when_the_owner_is_killed():
    program = ("from netos.testing.namespace import NetworkNamespace\n"
               "space = NetworkNamespace().open()\n"
               "child = space.popen('sleep', '100')\n"
               "print(space.holder.pid, child.pid, flush=True)\n"
               "import signal; signal.pause()\n")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in pids]
        # wait until the second child has passed from nsenter and setpriv to the command itself
        while Path(f"/proc/{pids[1]}/comm").read_text() != "sleep\n":
            os.sched_yield()
        owner.kill()
    try:
        for descriptor in watched:
            assert select.select([descriptor], [], [], 5)[0], "a process of the namespace outlived its owner"
    finally:
        for descriptor in watched:
            os.close(descriptor)

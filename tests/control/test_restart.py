"""Kill -9 and start again on real TAP interfaces; control clients that mean no good, while packets are forwarded."""

import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack

import pytest

from bench.start import DEFINITIONS, Wire
from netos.testing.namespace import NetworkNamespace, namespaces_refused
from netos.testing.running import RunningNetos

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/net/tun"), reason="needs root and /dev/net/tun"),
    pytest.mark.skipif(bool(os.geteuid() == 0 and namespaces_refused()), reason="network namespaces are refused here")]

BRIDGE = """FromDevice($DEV0, PROMISC true%s) -> c :: Counter -> ToDevice($DEV1);
FromDevice($DEV1, PROMISC true%s) -> ToDevice($DEV0);
"""
HOSTILE = (b"READ counters\r\n" * 500, b"READ coun", bytes(range(256)) * 16, b"WRITEDATA c.reset 99999999\r\nxx",
           b"A" * 65536, b"READ handlers\r\n" * 2000)
FORMS = pytest.mark.parametrize("form", [[], ["--threaded"]], ids=["inline", "threaded"])


@pytest.fixture
def bench():
    """A function that starts netos run in a namespace of its own, the namespace, and the wire at both ends."""
    with ExitStack() as stack:
        namespace = stack.enter_context(NetworkNamespace())
        namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        wire = Wire(namespace)
        stack.callback(wire.close)

        def start(folder, text, *options):
            return stack.enter_context(RunningNetos(
                folder, text, *DEFINITIONS, *options,
                launch=lambda command, **popen: namespace.call(lambda: subprocess.Popen(command, **popen))))

        yield start, namespace, wire


def flags(namespace, name):
    """What `ip` says of an interface, "" when it is not there."""
    shown = namespace.run("ip", "-o", "link", "show", name, check=False).stdout
    return shown[shown.index("<"):shown.index(">")] if "<" in shown else ""


@pytest.mark.parametrize("persistent", [False, True], ids=["made", "persistent"])
def test_after_kill_9_the_last_good_configuration_forwards_again(bench, tmp_path, persistent):
    """What systemd does: start it again at once, whatever the file says by now."""
    start, namespace, wire = bench
    keyword = ", PERSISTENT true" if persistent else ""
    state = ["--state", str(tmp_path / "state"), "--pid-file", str(tmp_path / "x.pid")]
    first = start(tmp_path, BRIDGE % (keyword, keyword), *state)
    first.event("start")
    wire.first_forwarded()
    begin = time.perf_counter()
    first.process.kill()
    first.process.wait()
    if persistent:
        assert "UP" in flags(namespace, "nt-in")        # it stays, without a carrier
        assert "NO-CARRIER" in flags(namespace, "nt-in")
    second = start(tmp_path, "FromDevice(broken ->", *state)
    assert wire.first_forwarded() - begin < 5           # the bench has the figure; machines that run tests are busy
    assert "LOWER_UP" in flags(namespace, "nt-in")
    second.event("fallback")
    second.event("start")
    assert second.read("c.class") == "Counter"
    assert second.end(signal.SIGTERM) == 0
    assert bool(flags(namespace, "nt-in")) == bool(flags(namespace, "nt-out")) == persistent
    assert sorted(os.listdir(tmp_path)) == ["appliance.click", "state"]
    assert sorted(os.listdir(tmp_path / "state")) == ["audit.log", "last-good.json"]


def worst(wire, rounds):
    """The longest that a frame took to be forwarded, in seconds, sending being part of it."""
    found = 0.0
    for _ in range(rounds):
        begin = time.perf_counter()
        found = max(found, wire.first_forwarded() - begin)
    return found


@FORMS
def test_no_control_client_holds_up_the_packets(bench, tmp_path, form):
    """Clients that ask and never read, stop within a line, send garbage or too much: forwarding does not wait."""
    start, _, wire = bench
    run = start(tmp_path, BRIDGE % ("", ""), *form)
    run.event("start")
    worst(wire, 3)
    with ExitStack() as stack:
        clients = []
        for number in range(24):
            channel = stack.enter_context(socket.socket(socket.AF_UNIX))
            channel.setblocking(False)
            try:
                channel.connect(run.control)
            except OSError:
                continue
            clients.append((number, channel))
        delays = []
        for _ in range(20):
            for number, channel in clients:
                try:
                    channel.send(HOSTILE[number % len(HOSTILE)])
                except OSError:         # full, or thrown out
                    pass
            delays.append(worst(wire, 3))
        assert max(delays) < 5, delays          # who waited for one of them would wait for ever
    assert run.read("c.class") == "Counter"
    with open(f"/proc/{run.process.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    if "asan" not in os.environ.get("LD_PRELOAD", ""):       # the sanitizer's own memory is no figure of ours
        assert resident < 200_000
    assert run.end(signal.SIGTERM) == 0

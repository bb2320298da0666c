"""A real `netos run` on TAP interfaces that gives up being root: it goes on forwarding, reloads, and can do no harm."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.start import Wire
from netos.control import landlock
from netos.control.confinement import Confinement, allowed_paths, configuration_places, give
from netos.testing.child import in_child
from netos.testing.namespace import NetworkNamespace, namespaces_refused
from netos.testing.running import ROOT, RunningNetos

needs_taps = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/net/tun"), reason="needs root and /dev/net/tun"),
    pytest.mark.skipif(bool(os.geteuid() == 0 and namespaces_refused()), reason="network namespaces are refused here"),
    pytest.mark.skipif(landlock.version() < 1, reason="this kernel has no Landlock")]

BRIDGE = """FromDevice(nt-in, PROMISC true) -> ToDevice(nt-out);
FromDevice(nt-out, PROMISC true) -> ToDevice(nt-in);
attempt :: Attempt;
"""
MORE = """FromDevice(nt-third) -> RuleSet(FILE %s) -> Discard;
"""
# Everything that a conqueror would do next, and what became of it.
ATTEMPT = '''
import ctypes, json, mmap, os, socket
from netos.handlers import read_handler
from netos.pyelement import PyElement

LIBRARY = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(LIBRARY, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def connect():
    with socket.socket() as channel:
        channel.connect(("127.0.0.1", 9))


class Attempt(PyElement):
    ports = "0/0"

    @read_handler
    def attempts(self):
        answers = {}
        for name, attempt in {
                "execve": lambda: os.execv("/bin/true", ["true"]), "fork": os.fork,
                "shadow": lambda: open("/etc/shadow").close(),
                "write": lambda: open("/tmp/nt-conquered", "w").close(),
                "ptrace": lambda: call("ptrace", 16, 1, None, None),
                "mount": lambda: call("mount", b"x", b"/", b"tmpfs", 0, None),
                "unshare": lambda: call("unshare", 0x40000000), "chroot": lambda: os.chroot("/tmp"),
                "packet": lambda: socket.socket(17, socket.SOCK_RAW).close(), "connect": connect,
                "kill": lambda: os.kill(1, 0), "code": lambda: mmap.mmap(-1, 4096, prot=7),
                "ring": lambda: call("syscall", 425, 8, ctypes.create_string_buffer(120)),
                "module": lambda: call("syscall", 175, None, 0, b""), "setuid": lambda: os.setuid(0),
                "reboot": lambda: call("reboot", 0)}.items():
            try:
                attempt()
                answers[name] = "done"
            except OSError as error:
                answers[name] = type(error).__name__
        return json.dumps(answers)
'''
PROGRAM = ("import sys; from netos.registry import default_registry; default_registry.add_package('attempts'); "
           "from netos.cli.main import main; sys.exit(main(sys.argv[1:]))")


def open_to_all(folder):
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents))


def python_for_everybody():
    """A Python that another user can read: this one, or the system's of the same version with our packages; or none."""
    if not open_to_all(ROOT) or not open_to_all(Path(sysconfig.get_path("purelib"))):
        return None
    if open_to_all(Path(sysconfig.get_path("stdlib"))):
        return sys.executable, {}
    other = shutil.which("python3", path="/usr/bin")
    version = other and subprocess.run([other, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True,
                                       text=True).stdout.split()
    if version == [str(number) for number in sys.version_info[:2]]:
        return other, {"PYTHONPATH": sysconfig.get_path("purelib")}
    return None


@pytest.fixture
def place():
    """A folder that every user can work in."""
    folder = Path(tempfile.mkdtemp(prefix="nt-confined-"))
    folder.chmod(0o777)
    (folder / "attempts" / "tests").mkdir(parents=True)
    (folder / "attempts" / "__init__.py").write_text("")
    (folder / "attempts" / "tests" / "__init__.py").write_text("")
    (folder / "attempts" / "tests" / "attempt.py").write_text(ATTEMPT)
    (folder / "rules").write_text("allow tcp dst port 80\ndrop all\n")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=[[], ["--user", "nobody"], ["--user", "nobody", "--threaded"]], ids=["root", "user", "threaded"])
def confined(request, place):
    """The namespace, the wire at both ends, and the running netos."""
    found = python_for_everybody() if "--user" in request.param else (sys.executable, {})
    if found is None:
        pytest.skip("another user can read neither this Python nor netos here")
    python, environment = found
    path = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), str(place), str(ROOT)]))
    with ExitStack() as stack:
        namespace = stack.enter_context(NetworkNamespace())
        namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        wire = Wire(namespace)
        stack.callback(wire.close)

        def launch(command, **options):
            return namespace.call(lambda: subprocess.Popen([python, *command[1:]], **options))

        run = stack.enter_context(RunningNetos(
            place, BRIDGE, "--sandbox", "on", "--state", str(place / "state"), "--metrics", str(place / "metrics.sock"),
            "--pid-file", str(place / "x.pid"), *request.param, launch=launch, program=("-c", PROGRAM),
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}))
        run.event("start")
        yield namespace, wire, run


class TestConfined:
    pytestmark = needs_taps

    def test_it_forwards_reloads_and_ends_in_order(self, confined, place):
        """A reload makes a further TAP interface and reads a rule file, without the right to open the tun device."""
        namespace, wire, run = confined
        wire.first_forwarded()
        assert {part["fields"]["mechanism"] for part in run.events("sandbox")} == {"landlock", "seccomp"}
        assert all(part["fields"]["applied"] for part in run.events("sandbox"))
        run.config.write_text(BRIDGE + MORE % (place / "rules"))
        run.process.send_signal(signal.SIGHUP)
        reload = run.event("reload")
        assert reload["fields"]["accepted"], reload
        assert "nt-third" in namespace.ip("link show")
        assert "nt-third" in json.loads((place / "state" / "last-good.json").read_text())["text"]
        assert json.loads((place / "state" / "audit.log").read_text())["accepted"]
        wire.first_forwarded()
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(str(place / "metrics.sock"))
            channel.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert b"netos_device_packets_total" in channel.makefile("rb").read()
        assert run.end(signal.SIGTERM) == 0
        assert not [name for name in os.listdir(place) if name.endswith((".sock", ".pid"))]
        assert "nt-" not in namespace.ip("link show")

    def test_a_conqueror_could_do_nothing_and_packets_go_on(self, confined):
        _, wire, run = confined
        answers = json.loads(run.read("attempt.attempts"))
        assert set(answers.values()) == {"PermissionError", "OSError"}, answers
        assert {name for name, answer in answers.items() if answer == "OSError"} == {"packet"}, answers
        assert not os.path.exists("/tmp/nt-conquered")
        wire.first_forwarded()
        assert run.process.poll() is None


def test_the_folder_of_the_configuration_can_be_read_but_never_all_there_is(tmp_path):
    file = tmp_path / "x.click"
    file.write_text("")
    assert configuration_places(Confinement(configuration=str(file))) == (str(tmp_path),)
    assert configuration_places(Confinement(configuration="/x.click")) == ("/x.click",)


def test_places_have_the_rights_of_all_their_uses(tmp_path):
    (tmp_path / "x.click").write_text("")
    plan = Confinement(configuration=str(tmp_path / "x.click"), sockets=(str(tmp_path / "sock"),),
                       writable=(str(tmp_path / "state"),))
    paths = allowed_paths(plan)
    assert paths[str(tmp_path)] == landlock.READ | landlock.REMOVE
    assert paths[str(tmp_path / "state")] == landlock.CHANGE
    assert not any(rights & landlock.WRITE_FILE for path, rights in paths.items() if not path.startswith("/dev/")
                   and path != str(tmp_path / "state"))
    assert "/" not in paths


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_only_what_is_plainly_ours_is_given_away(tmp_path):
    """Links planted in the state directory by the user of an earlier run must not give away what they point to."""
    state, precious = tmp_path / "state", tmp_path / "precious"
    state.mkdir()
    precious.write_text("")
    (state / "last-good.json").write_text("")
    (state / "audit.log").symlink_to(precious)
    os.link(precious, state / "hard")

    def child():
        give(str(state), 65534, 65534)
        return [os.lstat(path).st_uid for path in (state, state / "last-good.json", precious, state / "audit.log")]

    assert in_child(child) == "[65534, 65534, 0, 0]"

"""The unit netos@.service starts what netos run offers, with no right that forwarding does not take."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netos.cli.run import parser

PACKAGING = Path(__file__).parents[2] / "packaging"
UNIT = PACKAGING / "netos@.service"
WORST_EXPOSURE = 25         # tenths of what systemd-analyze security prints; without any hardening it is 96
NEWER = {"Type=notify-reload": (253, "Type=notify"), "RestartSteps=": (254, ""), "RestartMaxDelaySec=": (254, "")}
systemd_analyze = shutil.which("systemd-analyze")


def settings():
    """The unit's assignments: section.key to the list of its values."""
    found, section = {}, ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            found.setdefault(f"{section}.{key}", []).append(value)
    return found


@pytest.fixture(scope="module")
def unit():
    return settings()


def test_the_command_line_is_one_that_netos_run_takes(unit):
    (command,) = unit["Service.ExecStart"]
    netos, verb, *arguments = shlex.split(command)
    assert (netos, verb) == ("netos", "run")
    options = parser().parse_args(arguments)
    assert (options.file, options.name, str(options.state)) == ("/etc/netos/%i.click", "%i", "%S/netos/%i")


def test_appliances_do_not_share_what_one_may_remove(unit):
    """The folder of sockets is everybody's and outlives each; the state is each one's own, where netos run writes."""
    assert unit["Service.RuntimeDirectory"] == ["netos"]
    assert unit["Service.RuntimeDirectoryPreserve"] == ["yes"]
    assert unit["Service.StateDirectory"] == ["netos/%i"]
    assert f"--state %S/{unit['Service.StateDirectory'][0]}" in unit["Service.ExecStart"][0]


def test_life_and_death(unit):
    assert unit["Service.Type"] == ["notify-reload"]
    assert "Service.ExecReload" not in unit             # SIGHUP, by that type
    assert int(unit["Service.WatchdogSec"][0]) > 0
    assert unit["Service.Restart"] == ["on-failure"]
    assert unit["Unit.StartLimitIntervalSec"] == ["0"]  # never given up: nobody may be there at night
    assert unit["Service.RestartSec"] == ["200ms"]      # forwarding again within half a second
    assert "Service.KillSignal" not in unit             # SIGTERM drains


def test_rights(unit):
    assert unit["Service.User"] == unit["Service.Group"] == ["netos"]
    assert unit["Service.AmbientCapabilities"] == unit["Service.CapabilityBoundingSet"] == ["CAP_NET_ADMIN"]
    assert unit["Service.DevicePolicy"] == ["closed"]
    assert unit["Service.DeviceAllow"] == ["/dev/net/tun rw"]
    assert "Service.PrivateDevices" not in unit
    assert unit["Service.PrivateUsers"] == ["no"]
    assert "Service.PrivateNetwork" not in unit
    assert unit["Service.ProtectSystem"] == ["strict"]
    for name in ("NoNewPrivileges", "MemoryDenyWriteExecute", "RestrictNamespaces", "ProtectKernelTunables",
                 "PrivateTmp", "ProtectHome", "LockPersonality", "RestrictSUIDSGID"):
        assert unit[f"Service.{name}"] == ["yes"], name
    families = set(unit["Service.RestrictAddressFamilies"][0].split())
    assert families == {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}
    assert unit["Service.SystemCallFilter"][0] == "@system-service"
    assert all(line.startswith(("@system-service", "~", "capset ")) for line in unit["Service.SystemCallFilter"])
    assert unit["Service.SystemCallErrorNumber"] == ["EPERM"]


def test_the_user_of_the_unit_is_declared(unit):
    lines = [line.split()[:3] for line in (PACKAGING / "netos.sysusers").read_text().splitlines() if line[:1] == "u"]
    assert lines == [["u", unit["Service.User"][0], "-"]]


def analyzed(folder, *arguments):
    """systemd-analyze over an instance of the unit, with what is newer than it taken out, and a command that exists."""
    printed = subprocess.run([systemd_analyze, "--version"], capture_output=True, text=True).stdout
    version = int(re.search(r"\d+", printed)[0])
    text = UNIT.read_text().replace("ExecStart=netos ", f"ExecStart={sys.executable} ")
    for line, (since, instead) in NEWER.items():
        if version < since:
            text = re.sub(f"^{line}.*$", instead, text, flags=re.MULTILINE)
    file = folder / "netos@edge.service"
    file.write_text(text)
    return subprocess.run([systemd_analyze, "--no-pager", *arguments, str(file)], capture_output=True, text=True)


@pytest.mark.skipif(not systemd_analyze, reason="systemd-analyze is not installed")
def test_systemd_understands_every_line(tmp_path):
    done = analyzed(tmp_path, "verify")
    complaints = [line for line in done.stderr.splitlines() if "netos@" in line]
    assert (complaints, done.returncode) == ([], 0)


@pytest.mark.skipif(not systemd_analyze, reason="systemd-analyze is not installed")
def test_systemd_finds_it_hardened(tmp_path):
    done = analyzed(tmp_path, "security", "--offline=true", f"--threshold={WORST_EXPOSURE}")
    if "exposure level" not in done.stdout:
        pytest.skip(f"this systemd-analyze cannot: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_python_bears_memory_that_is_never_written_and_executed():
    """MemoryDenyWriteExecute: libffi, which calls capset for us, must not need such memory."""
    code = "import ctypes, uvloop, netos.control.privileges as p; uvloop.new_event_loop().close(); p.capability_sets()"
    deny = ("import ctypes, os, sys; zero = ctypes.c_ulong(0)\n"
            "if ctypes.CDLL(None).prctl(65, ctypes.c_ulong(1), zero, zero, zero): sys.exit(77)\n"
            f"os.execv(sys.executable, [sys.executable, '-c', {code!r}])")
    done = subprocess.run([sys.executable, "-c", deny], capture_output=True, text=True, cwd=PACKAGING.parent,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)})
    if done.returncode == 77:
        pytest.skip("Linux before 6.3 cannot deny it without a filter")
    assert (done.returncode, done.stderr) == (0, "")

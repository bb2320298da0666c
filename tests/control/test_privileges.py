"""Privileges are gone for good: the user, every capability but those asked for, and the way back."""

import grp
import os
import pwd
import threading

import pytest

from netos.control.privileges import (
    CAP_NET_ADMIN,
    CAP_NET_RAW,
    CAP_SETGID,
    CAP_SETPCAP,
    CAP_SETUID,
    capability_sets,
    drop_privileges,
    set_capabilities,
)
from netos.errors import NetosError
from netos.testing.child import in_child

NEEDED = (CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_ADMIN)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or any(not capability_sets()[0] & 1 << number for number in NEEDED), reason="needs root")


def status():
    with open("/proc/self/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def status_after(user, keep):
    def child():
        done = drop_privileges(user, keep)
        return done, status()

    answer = in_child(child)
    assert answer.startswith("("), answer
    return eval(answer, {"__builtins__": {}})


@pytest.mark.root
@needs_root
def test_a_user_without_any_capability():
    nobody = pwd.getpwnam("nobody")
    done, seen = status_after("nobody", [])
    assert seen["Uid"].split() == [str(nobody.pw_uid)] * 4
    assert seen["Gid"].split() == [str(nobody.pw_gid)] * 4
    assert set(map(int, seen["Groups"].split())) == set(os.getgrouplist("nobody", nobody.pw_gid))
    assert {int(seen[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert seen["NoNewPrivs"] == "1"
    assert done == ["capabilities that programs started from here could gain: none",
                    f"user nobody ({nobody.pw_uid}:{nobody.pw_gid})", "capabilities: none", "no new privileges"]


@pytest.mark.root
@needs_root
def test_what_is_kept_stays_in_force_under_another_user():
    """Without this a TAP device that comes back could not be opened again."""
    done, seen = status_after(str(pwd.getpwnam("nobody").pw_uid), [CAP_NET_ADMIN])
    mask = 1 << CAP_NET_ADMIN
    assert [int(seen[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")] == [mask] * 3
    assert [int(seen[name], 16) for name in ("CapInh", "CapAmb")] == [0, 0]
    assert seen["Uid"].split()[0] != "0"
    assert "capabilities: CAP_NET_ADMIN" in done


@pytest.mark.root
@needs_root
def test_without_a_user_root_stays_root_without_power():
    done, seen = status_after(None, [])
    assert seen["Uid"].split() == ["0"] * 4
    assert int(seen["CapEff"], 16) == int(seen["CapPrm"], 16) == 0
    assert not any(line.startswith("user") for line in done)


@pytest.mark.root
@needs_root
def test_there_is_no_way_back():
    def child():
        drop_privileges("nobody", [CAP_NET_ADMIN])
        for attempt in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):
            try:
                attempt()
            except PermissionError:
                continue
            return "regained"
        try:
            set_capabilities(1 << CAP_SETUID)
        except NetosError:
            return "gone"
        return "regained"

    assert in_child(child) == "'gone'"


@pytest.mark.root
@needs_root
def test_a_capability_that_is_not_there_cannot_be_kept():
    def child():
        drop_privileges(None, [CAP_NET_ADMIN])
        drop_privileges(None, [CAP_NET_ADMIN, CAP_NET_RAW])

    assert "CAP_NET_RAW cannot be kept" in in_child(child)
    assert "AmbientCapabilities=CAP_NET_RAW" in in_child(child)


@pytest.mark.root
@needs_root
def test_only_root_can_become_another_user_and_nothing_has_changed():
    def child():
        drop_privileges(None, [CAP_NET_ADMIN])
        before = status()
        try:
            drop_privileges("nobody", [])
        except NetosError as error:
            return str(error), [status()[name] == before[name] for name in ("Uid", "CapEff", "CapBnd")]

    answer = in_child(child)
    assert "User=nobody in the unit" in answer
    assert "[True, True, True]" in answer


@pytest.mark.root
@needs_root
def test_twice_is_as_once():
    """Started as the user already, as systemd does it: no right to change users is needed."""
    def child():
        drop_privileges("nobody", [CAP_NET_ADMIN])
        return drop_privileges("nobody", [])

    assert in_child(child) == "['capabilities: none', 'no new privileges']"


@pytest.mark.parametrize("user", ["nobody-of-this-name", "4000000001", "99999999999999999999", "٣"])
def test_unknown_users(user):
    assert f"no user '{user}': make it with `useradd" in in_child(lambda: drop_privileges(user, []))


@pytest.mark.root
@needs_root
def test_a_group_of_its_own():
    _, seen = status_after("nobody:daemon", [])
    assert seen["Gid"].split() == [str(grp.getgrnam("daemon").gr_gid)] * 4
    assert seen["Uid"].split()[0] == str(pwd.getpwnam("nobody").pw_uid)


@pytest.mark.parametrize("group", ["nobody-of-this-name", "99999999999999999999", ""])
def test_unknown_groups(group):
    assert f"no group '{group}': make it with `groupadd" in in_child(lambda: drop_privileges(f"root:{group}", []))


def test_other_threads_are_refused():
    """They would keep every privilege, silently."""
    def child():
        waiting = threading.Event()
        threading.Thread(target=waiting.wait, daemon=True).start()
        before = capability_sets()
        try:
            drop_privileges(None, [])
        except NetosError as error:
            return str(error), capability_sets() == before

    answer = in_child(child)
    assert "threads run already" in answer
    assert answer.endswith("True)")

"""Landlock in a forked child: files beneath the allowed places, with the allowed rights, and no others."""

import os
import socket

import pytest

from netos.control import landlock
from netos.control.landlock import CHANGE, DEVICE, OF_FILES, READ, REMOVE, add_rule, merged, restrict, rights_of
from netos.control.privileges import PR_SET_NO_NEW_PRIVS, control
from netos.errors import NetosError
from netos.testing.child import in_child

needs_landlock = pytest.mark.skipif(landlock.version() < 1, reason="this kernel has no Landlock")


def attempt(function):
    """The name of the error, or ok."""
    try:
        function()
    except OSError as error:
        return type(error).__name__
    return "ok"


def within(paths, *functions):
    """What comes of functions in a process that is restricted to these paths."""
    def child():
        control(PR_SET_NO_NEW_PRIVS, 1)
        restrict(paths)
        return [attempt(function) for function in functions]

    return eval(in_child(child), {"__builtins__": {}})


@needs_landlock
def test_what_is_not_named_is_closed_even_to_root(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rules").write_text("x")
    (tmp_path / "out").write_text("x")
    inside, outside = tmp_path / "in" / "rules", tmp_path / "out"
    assert within({str(tmp_path / "in"): READ}, inside.read_text, outside.read_text, lambda: inside.write_text("y"),
                  lambda: os.listdir(tmp_path / "in"), lambda: os.listdir(tmp_path), inside.unlink,
                  lambda: open("/etc/shadow").close()) == \
        ["ok", "PermissionError", "PermissionError", "ok", "PermissionError", "PermissionError", "PermissionError"]


@needs_landlock
def test_a_state_directory_can_be_worked_in(tmp_path):
    def replace():
        (tmp_path / "new").write_text("x")
        os.replace(tmp_path / "new", tmp_path / "last-good.json")

    def listen():
        with socket.socket(socket.AF_UNIX) as channel:
            channel.bind(str(tmp_path / "sock"))
        (tmp_path / "sock").unlink()

    assert within({str(tmp_path): CHANGE}, replace, replace, listen, (tmp_path / "folder").mkdir,
                  lambda: os.mknod(tmp_path / "null", 0o20666, 0x103)) == ["ok"] * 4 + ["PermissionError"]


@needs_landlock
def test_a_folder_of_sockets_may_lose_them_only(tmp_path):
    (tmp_path / "sock").write_text("")
    (tmp_path / "other").write_text("")
    assert within({str(tmp_path): REMOVE}, (tmp_path / "sock").unlink, (tmp_path / "other").read_text,
                  lambda: (tmp_path / "third").write_text("")) == ["ok", "PermissionError", "PermissionError"]


@needs_landlock
def test_single_files_and_places_that_are_missing(tmp_path):
    assert within({"/dev/null": DEVICE, str(tmp_path / "none"): CHANGE}, lambda: open("/dev/null", "r+b").close(),
                  lambda: open("/dev/zero").close()) == ["ok", "PermissionError"]


@needs_landlock
def test_what_was_open_stays_open(tmp_path):
    file = (tmp_path / "log").open("a")
    assert within({}, lambda: print("x", file=file, flush=True)) == ["ok"]
    file.close()


def test_old_kernels_get_no_right_that_they_do_not_know():
    """An unknown bit would make the kernel refuse the whole rule set."""
    assert [rights_of(abi) >> 13 for abi in range(1, 8)] == [0, 1, 3, 3, 7, 7, 7]


def test_one_place_under_two_names_has_the_rights_of_both(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert merged([(str(tmp_path), READ), (str(tmp_path / "link"), REMOVE)]) == {str(tmp_path): READ | REMOVE}


def test_without_landlock_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 0)
    with pytest.raises(NetosError, match="CONFIG_SECURITY_LANDLOCK"):
        restrict({})


def test_a_kernel_that_refuses_a_call_is_told_with_its_name(monkeypatch, tmp_path):
    monkeypatch.setattr(landlock, "system_call", lambda *_: -1)
    with pytest.raises(NetosError, match=r"landlock_add_rule.*SystemCallFilter"):
        add_rule(3, str(tmp_path), OF_FILES)

"""Configurations by generation, and the audit log in the state directory."""

import json
import os

import pytest

from netos.control.generations import Configuration, Generations


def audit_lines(folder):
    return [json.loads(line) for line in (folder / "audit.log").read_text().splitlines()]


def test_an_audit_line_a_change(tmp_path):
    generations = Generations(tmp_path / "state")
    generations.audit("reload", file="a.click", who="ann", accepted=True, message="generation 2 runs")
    generations.audit("confirm", who="bob", message="two\nlines")
    assert [(line["action"], line["who"]) for line in audit_lines(tmp_path / "state")] == [
        ("reload", "ann"), ("confirm", "bob")]
    assert (tmp_path / "state" / "audit.log").stat().st_mode & 0o7777 == 0o644 & ~umask()


def umask():
    found = os.umask(0)
    os.umask(found)
    return found


@pytest.mark.parametrize("plant", [
    lambda log, other: log.symlink_to(other), lambda log, other: os.link(other, log), lambda log, other: os.mkfifo(log),
    lambda log, other: log.mkdir()], ids=["symlink", "hard link", "fifo", "folder"])
def test_the_audit_log_is_written_to_a_file_of_ours_only(tmp_path, caplog, plant):
    """At the start netos may still be root, and the state directory its unprivileged user's of last time, who could
    have it append to any file; nor must it hang on a FIFO that nobody reads."""
    precious, state = tmp_path / "precious", tmp_path / "state"
    precious.write_text("precious")
    state.mkdir()
    plant(state / "audit.log", precious)
    Generations(state).audit("fallback", file="a.click", accepted=False, message="refused")
    assert precious.read_text() == "precious"
    assert f"the audit log in {state} cannot be written: audit.log is no plain file" in caplog.text


def test_what_was_good_last_is_read_from_a_file_of_ours_only(tmp_path):
    """A FIFO would hold up the start for ever."""
    good = Configuration("Idle -> Discard;", "a.click", {"A": "1"})
    generations = Generations(tmp_path)
    assert generations.save_good(good) == ""
    assert generations.load_good() == good
    os.rename(tmp_path / "last-good.json", tmp_path / "other")
    os.mkfifo(tmp_path / "last-good.json")
    assert generations.load_good() is None
    os.replace(tmp_path / "other", tmp_path / "last-good.json")
    assert generations.load_good() == good


def test_the_last_ten_generations_are_kept():
    generations = Generations()
    for number in range(15):
        generations.advance(Configuration(str(number), "a.click", {}))
    assert sorted(generations.kept) == list(range(6, 16))
    assert generations.current == Configuration("14", "a.click", {})

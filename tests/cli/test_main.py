"""The netos command: verbs, help, and no traceback whatever happens."""

import types

import pytest

import netos.cli.main as command


def run(capfd, *arguments):
    status = command.main(arguments)
    captured = capfd.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("arguments", [(), ("--help",), ("help",), ("-h",)])
def test_overview(capfd, arguments):
    status, out, error = run(capfd, *arguments)
    assert (status, error) == (0, "")
    assert all(f"  {verb} " in out for verb in ("run", "click", "check", "flatten", "elements", "explain"))


def test_unknown_verbs_get_a_hint(capfd):
    status, out, error = run(capfd, "chekc", "x")
    assert (status, out) == (2, "")
    assert "'chekc'; did you mean check?" in error


def test_version(capfd):
    status, out, _ = run(capfd, "--version")
    assert status == 0
    assert out.startswith("netos ")


def with_verb(monkeypatch, main):
    monkeypatch.setattr(command, "import_module", lambda name: types.SimpleNamespace(main=main))


@pytest.mark.parametrize(("error", "status", "message"), [
    (KeyboardInterrupt(), 130, ""),
    (ValueError("odd"), 1, "ValueError: odd (this is a fault of netos"),
    (PermissionError(1, "Operation not permitted"), 1, "Operation not permitted"),
    (SystemExit(3), 3, ""),
    (SystemExit(None), 0, ""),
])
def test_errors_become_exit_statuses(capfd, monkeypatch, error, status, message):
    def failing(arguments):
        raise error

    with_verb(monkeypatch, failing)
    found, out, text = run(capfd, "check")
    assert (found, out) == (status, "")
    assert message in text
    assert "Traceback" not in text


def test_a_traceback_for_those_who_ask(capfd, monkeypatch):
    def failing(arguments):
        raise ValueError("odd")

    with_verb(monkeypatch, failing)
    monkeypatch.setenv("NETOS_TRACEBACK", "1")
    assert "Traceback" in run(capfd, "check")[2]


def test_arguments_reach_the_verb(capfd, monkeypatch):
    with_verb(monkeypatch, len)
    assert run(capfd, "check", "a", "b")[0] == 2


def test_usage_errors_have_status_2(capfd):
    status, _, error = run(capfd, "check", "/nonexistent/x.click")
    assert status == 2
    assert error == "netos check: cannot read /nonexistent/x.click: No such file or directory\n"

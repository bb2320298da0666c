"""netos check: every error with its place, counts, exit status 3; nothing is started."""

import pytest

from netos.cli.check import main


@pytest.fixture
def check(capfd, tmp_path):
    def run(text, *arguments):
        file = tmp_path / "x.click"
        file.write_text(text)
        status = main([str(file), *arguments])
        captured = capfd.readouterr()
        return status, captured.out.replace(str(tmp_path), ""), captured.err.replace(str(tmp_path), "")
    return run


def test_a_good_configuration(check):
    assert check("Idle -> Counter -> Discard") == (0, "/x.click: 3 elements, 2 connections: 0 errors, 0 warnings\n", "")
    assert check("Idle -> Discard", "-q") == (0, "", "")


def test_all_errors_in_one_run(check):
    status, out, error = check("a :: Countr;\nb :: Counter(1);\nIdle -> b -> [1] Discard; nobody -> b")
    assert (status, out) == (3, "")
    assert "/x.click:1:6: error: unknown element class 'Countr'\n    a :: Countr;\n         ^~~~~~\n" in error
    assert "did you mean 'Counter'" in error
    assert "/x.click:2:" in error
    assert "too many arguments" in error
    assert "has no input 1" in error
    assert "undeclared element 'nobody'" in error
    assert error.rstrip().endswith("errors, 0 warnings")


def test_definitions(check):
    assert check("Idle -> Discard(BURST $b)")[0] == 3
    assert check("Idle -> Discard(BURST $b)", "b=3")[0] == 0


def test_nothing_is_started(check, tmp_path):
    """Elements are configured, not initialised: a script does not run, a missing capture file is not opened."""
    status, out, _ = check(f"Script(init x $(cat /nonexistent)); s :: Script(print >{tmp_path}/out 1)")
    assert status == 0
    assert not (tmp_path / "out").exists()
    assert "2 elements" in out


def test_several_files(capfd, tmp_path):
    (tmp_path / "a").write_text("Idle -> Discard")
    (tmp_path / "b").write_text("Idle -> Discrd")
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 3
    captured = capfd.readouterr()
    assert "0 errors" in captured.out
    assert "1 error," in captured.err


def test_a_binary_file_is_named_as_one(tmp_path, capfd):
    """And not taken apart into thousands of errors."""
    (tmp_path / "x").write_bytes(bytes(range(256)) * 20)
    from netos.cli.main import main as netos

    assert netos(["check", str(tmp_path / "x")]) == 2
    errors = capfd.readouterr().err
    assert "not a configuration" in errors
    assert len(errors.splitlines()) == 1

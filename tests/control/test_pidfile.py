"""PID files: one process has it, whoever comes second is told who; what a dead one left is replaced."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netos.control.pidfile import PidFile
from netos.errors import NetosError

ROOT = Path(__file__).parents[2]
HOLD = "import sys; from netos.control.pidfile import PidFile; PidFile(sys.argv[1]).open(); print('ready', flush=True)"


def test_it_says_who_runs_and_goes_with_it(tmp_path):
    path = tmp_path / "x.pid"
    with PidFile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
        assert os.listdir(tmp_path) == ["x.pid"]
    assert os.listdir(tmp_path) == []


def test_the_second_is_told_who_runs_and_changes_nothing(tmp_path):
    path = tmp_path / "x.pid"
    with PidFile(str(path)):
        with pytest.raises(NetosError, match=f"process {os.getpid()} runs already"):
            PidFile(str(path)).open()
        assert path.read_text() == f"{os.getpid()}\n"
        assert os.listdir(tmp_path) == ["x.pid"]


def test_what_a_killed_process_left_is_replaced(tmp_path):
    path = tmp_path / "x.pid"
    child = subprocess.Popen([sys.executable, "-c", HOLD + "; sys.stdin.read()", str(path)], cwd=ROOT,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    with pytest.raises(NetosError, match=f"process {child.pid} runs already"):
        PidFile(str(path)).open()
    child.kill()
    child.communicate()
    assert path.read_text() == f"{child.pid}\n"
    with PidFile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_file_that_somebody_else_made_is_left_alone(tmp_path):
    path = tmp_path / "x.pid"
    path.write_text("precious")
    with pytest.raises(NetosError, match="is no PID file"):
        PidFile(str(path)).open()
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["x.pid"]


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("1")
    (tmp_path / "x.pid").symlink_to("precious")
    with pytest.raises(NetosError, match="cannot write the PID file"):
        PidFile(str(tmp_path / "x.pid")).open()
    assert (tmp_path / "precious").read_text() == "1"


def test_a_file_that_was_replaced_meanwhile_is_not_removed(tmp_path):
    path = tmp_path / "x.pid"
    with PidFile(str(path)):
        path.unlink()
        path.write_text("77\n")
    assert path.read_text() == "77\n"


def test_no_folder(tmp_path):
    with pytest.raises(NetosError, match="make the folder first"):
        PidFile(str(tmp_path / "none" / "x.pid")).open()

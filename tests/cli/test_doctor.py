"""netos doctor: exit status 1 only when something keeps netos from running; text and JSON say the same."""

import json

import pytest

import netos.control.host
from netos.cli.doctor import main


@pytest.fixture
def doctor(capfd, tmp_path, monkeypatch):
    """The verb on a machine of a few files, on which no interface is made."""
    monkeypatch.setattr(netos.control.host.Host, "takes_udp_offload", lambda host: True)
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/netos")
    (tmp_path / "dev/net").mkdir(parents=True)
    (tmp_path / "dev/net/tun").touch()
    host = netos.control.host.Host
    monkeypatch.setattr(netos.control.host, "Host", lambda state_folder: host(str(tmp_path), state_folder))

    def run(*arguments):
        status = main(arguments)
        captured = capfd.readouterr()
        assert captured.err == ""
        return status, captured.out
    return run


def test_warnings_are_no_failure(doctor):
    status, text = doctor()
    assert status == 0
    assert "warning  systemd" in text
    assert text.splitlines()[-1].split(" checks: ")[1].startswith("0 problems, ")


def test_a_problem_is(doctor, tmp_path):
    (tmp_path / "dev/net/tun").unlink()
    status, text = doctor("-q")
    assert status == 1
    assert text.startswith("problem  tun            /dev/net/tun is missing: there can be no TAP device\n")
    assert "\nok " not in text


def test_json_says_the_same(doctor, tmp_path):
    (tmp_path / "dev/net/tun").unlink()
    status, text = doctor("--json")
    found = json.loads(text)
    assert status == 1
    assert found["problems"] == 1
    assert found["checks"][0]["check"] == "tun"
    assert found["checks"][0]["fix"].startswith("sudo modprobe tun")


def test_the_state_directory_can_be_named(doctor, tmp_path):
    (tmp_path / "file").touch()
    assert "/file cannot be written" in doctor("--state", "/file")[1]
    assert "can be kept in /elsewhere" in doctor("--state", "/elsewhere")[1]

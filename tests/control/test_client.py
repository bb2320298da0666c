"""The blocking client, and its errors, which say what to do."""

import os
import socket
import threading
from contextlib import ExitStack

import pytest

from netos.control.client import ControlClient, ControlError, connect
from netos.control.paths import find_socket, socket_path
from netos.control.server import open_socket
from netos.errors import NetosError


def test_reading_and_writing(running):
    with running("s :: Script(TYPE PASSIVE, return \xe9\x80); q :: Queue(7); Idle -> q -> Discard") as path, \
            ControlClient(path) as client:
        assert client.read("q.capacity") == "7"
        assert "OK" in client.write("q.capacity", "9")
        assert client.read("q.capacity") == "9"
        assert client.read("s.run") == "\xe9\x80"
        assert client.read("s.add", "1 2") == "3"
        assert client.read("list").splitlines()[0] == "5"


def test_refusals_have_a_code(running):
    with running("q :: Queue; Idle -> q -> Discard") as path, ControlClient(path) as client:
        for handler, code in (("x.y", 510), ("q.x", 511), ("q.reset", 530), ("a b", 500), ("", 500)):
            with pytest.raises(ControlError) as caught:
                client.read(handler)
            assert caught.value.code == code
        assert client.read("q.capacity") == "1000"


def test_nobody_there(tmp_path):
    with pytest.raises(ControlError, match=r"no appliance is running at .*netos run FILE"):
        ControlClient(str(tmp_path / "x"))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    with pytest.raises(ControlError, match="any more"):
        ControlClient(str(tmp_path / "dead"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use everything")
def test_no_permission(tmp_path):
    with open_socket(str(tmp_path / "x")):
        os.chmod(tmp_path / "x", 0)
        with pytest.raises(ControlError, match="become a member"):
            ControlClient(str(tmp_path / "x"))


@pytest.mark.parametrize("says", [b"SSH-2.0-x\r\n", b"", b"no line end"])
def test_somebody_else_there(says):
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ControlError):
            ControlClient(place, timeout=5)
        thread.join(5)


def test_where_sockets_are(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert socket_path("edge") == str(tmp_path / "edge.sock")
    assert find_socket("edge") == str(tmp_path / "edge.sock")
    for bad in ("", "../x", "a/b", "-x", "a" * 99):
        with pytest.raises(NetosError, match="cannot be the name"):
            socket_path(bad)
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert socket_path() == "/run/user/1000/netos/default.sock"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert socket_path() == "/run/netos/default.sock"


def test_a_client_waits_for_its_place_in_a_full_queue(tmp_path):
    """While others crowd the socket a client waits in line; it was turned away at once."""
    path = str(tmp_path / "crowded")
    with socket.socket(socket.AF_UNIX) as server, ExitStack() as crowd:
        server.bind(path)
        server.listen(0)
        with pytest.raises(BlockingIOError):
            for _ in range(100):
                one = crowd.enter_context(socket.socket(socket.AF_UNIX))
                one.setblocking(False)
                one.connect(path)
        with pytest.raises(ControlError, match="busy with other clients: try again"):
            connect(path, 0.05)
        accepting = threading.Thread(target=lambda: crowd.enter_context(server.accept()[0]))
        accepting.start()
        connect(path, 10).close()
        accepting.join()

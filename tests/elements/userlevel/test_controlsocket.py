"""ControlSocket on a virtual CPU, as `netos click` runs it, over real sockets; a thread is the client."""

import os
import socket
import threading

import pytest

from netos.control.protocol import GREETING
from netos.errors import ConfigError
from netos.kernel.driver import drive
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

GRAPH = "c :: Counter; Idle -> c -> q :: Queue(7) -> Discard; "
LIMIT = 20


def talk(make, text):
    """What a client is answered that sends this and reads to the end."""
    with make() as client:
        client.settimeout(LIMIT)
        client.sendall(text)
        found = b""
        while data := client.recv(65536):
            found += data
    return found


def served(text, exchange, cpu=None, read="s.filename"):
    """Drive a router until the client's thread is through; what `exchange(handler value)` returned."""
    answers = []
    with Router.from_text(GRAPH + text, cpu=cpu) as router:
        place = router.read(read)

        def client():
            try:
                answers.append(exchange(place))
            finally:
                router.halt()

        thread = threading.Thread(target=client)
        thread.start()
        drive(router.cpu, {}, router.halt)
    thread.join(LIMIT)
    return answers[0]


def unix(path):
    def make():
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        return client

    return make


def tcp(port, host="127.0.0.1"):
    return lambda: socket.create_connection((host, int(port)), LIMIT)


def test_unix(tmp_path):
    path = str(tmp_path / "x.sock")
    answer = served(f's :: ControlSocket(UNIX, "{path}")', lambda place: talk(unix(place), b"READ c.count\nQUIT\n"))
    assert answer == GREETING + b"200 Read handler 'c.count' OK\r\nDATA 1\r\n0200 Goodbye\r\n"
    assert not os.path.exists(path)


def test_tcp_writes_reach_the_graph():
    answer = served("s :: ControlSocket(tcp, 0)",
                    lambda port: talk(tcp(port), b"WRITE q.capacity 3\nREAD q.capacity\nQUIT\n"), read="s.port")
    assert b"DATA 1\r\n3" in answer


def test_a_stop_is_answered_before_the_end():
    answer = served("s :: ControlSocket(TCP, 0)", lambda port: talk(tcp(port), b"WRITE stop\n"), read="s.port")
    assert answer == GREETING + b"200 Write handler 'stop' OK\r\n"


def test_readonly_and_proxy():
    config = "p :: Script(TYPE PROXY, return $0); s :: ControlSocket(TCP, 0, READONLY true, PROXY p)"
    answer = served(config, lambda port: talk(tcp(port), b"READ any.thing\nWRITE any.thing 1\nQUIT\n"), read="s.port")
    assert b"any.thing" in answer.split(b"DATA ")[1]
    assert b"530 " in answer


def test_a_port_that_is_taken(capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="another program listens there"):
            Router.from_text(f"ControlSocket(TCP, {port})").initialize()
        with Router.from_text(f"s :: ControlSocket(TCP, {port}+)") as router:
            assert port < int(router.read("s.port")) <= port + 11
        with Router.from_text(f"s :: ControlSocket(TCP, {port}, RETRIES 2)") as router:
            assert router.read("s.port") == ""
            assert "trying again" in capfd.readouterr().err


def test_a_place_that_becomes_free_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        router = Router.from_text(f"s :: ControlSocket(TCP, {port}, RETRIES 2, RETRY_WARNINGS false)", simulated=0)
        router.initialize()
        router.cpu.advance(10**9 // 2)
        assert router.read("s.port") == ""
    router.cpu.advance(2 * 10**9)
    assert router.read("s.port") == str(port)
    router.close()


def test_an_inherited_connection():
    ours, theirs = socket.socketpair()
    answer = served(f"s :: ControlSocket(SOCKET, {theirs.detach()})",
                    lambda _: talk(lambda: ours, b"READ list\nQUIT\n"), read="s.name")
    assert b"\ns\n" in answer


@pytest.mark.parametrize(("arguments", "complaint"), [
    ("TCP", "WHERE: required"), ("SCTP, 1", "unknown type"), ("TCP, 99999", "65535"), ("SOCKET, x", "number"),
    ("TCP, 0, PROXY x", "does not name"), ("SOCKET, 9999", "must be a stream socket"),
    ("UNIX, /nonexistent/a/b", "make the directory"),
])
def test_arguments(arguments, complaint):
    with pytest.raises(ConfigError, match=complaint):
        Router.from_text(f"ControlSocket({arguments})").initialize()


def test_two_elements_cannot_share_a_place(tmp_path):
    with pytest.raises(ConfigError, match="two elements"):
        Router.from_text(f"ControlSocket(UNIX, {tmp_path}/x); ControlSocket(UNIX, {tmp_path}/x)").initialize()


def test_the_socket_and_its_clients_outlive_a_change_of_the_graph(tmp_path):
    """The new graph answers on the old connection; when it goes, the old graph answers again."""
    cpu = VirtualCpu(0)
    text = f"s :: ControlSocket(UNIX, {tmp_path}/x); n :: Queue(%d); Idle -> n -> Discard"
    old = Router.from_text(text % 1, cpu=cpu).initialize()
    with unix(f"{tmp_path}/x")() as client:
        client.settimeout(LIMIT)

        def capacity():
            client.sendall(b"READ n.capacity\n")
            cpu.advance(cpu.now + 1)
            return client.recv(999)[-1:]

        assert capacity() == b"1"
        new = Router.from_text(text % 2, cpu=cpu).initialize()
        assert capacity() == b"2"
        new.close()
        assert capacity() == b"1"
        old.close()
        assert client.recv(999) == b""


def test_an_idle_socket_costs_no_task_run():
    with Router.from_text("s :: ControlSocket(TCP, 0)", simulated=0) as router:
        router.cpu.advance(3600 * 10**9)
        assert router.cpu.task_runs == 0
        assert router.cpu.next_timeout is None

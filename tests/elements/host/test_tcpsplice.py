"""TcpSplice joins two connections: all bytes both ways, no faster than they are read, halves closed one by one."""

import pytest

from netos.errors import ConfigError
from netos.proto.endpoints import TcpListener

# The client's host, the proxy (b, 10.0.0.2) with a second interface, and the server behind it.
BEHIND = """
b2 :: HostStack(10.0.5.1/24, ETHER 02:00:00:00:05:01);
s :: HostStack(10.0.5.2/24, ETHER 02:00:00:00:05:02, STACK server);
b2 -> Unqueue -> s -> Unqueue -> b2;
splice :: TcpSplice(80, 10.0.5.2:8080, IDLE 30{});
"""
ECHO = "echo :: EchoServer(8080, STACK server, IDLE 0);"


def test_bytes_and_ends_pass_both_ways(pair):
    hosts = pair(BEHIND.format("") + ECHO)
    user = hosts.connect(80)
    data = bytes(range(256)) * 8000
    sent = 0
    while sent < len(data):
        sent += user.endpoint.send(data[sent:])
        hosts.wait(0.05)
    user.endpoint.shutdown()
    hosts.wait(1)
    assert bytes(user.got) == data
    assert user.endpoint.finished
    assert [hosts.read(f"splice.{name}") for name in ("bytes_in", "bytes_out", "connections", "accepted", "failures")] \
        == [str(len(data)), str(len(data)), "0", "1", "0"]
    assert hosts.read("splice.target") == "10.0.5.2:8080"


def test_a_half_that_is_closed_leaves_the_other_open(pair):
    hosts = pair(BEHIND.format(""))
    listener = TcpListener(hosts.router["s"].stack, ("", 8080))
    user = hosts.connect(80)
    server = listener.accept()
    user.endpoint.send(b"question")
    user.endpoint.shutdown()
    hosts.wait(0.1)
    assert server.receive() == b"question"
    assert server.finished
    assert not user.endpoint.finished
    hosts.wait(5)
    server.send(b"answer")
    hosts.wait(0.1)
    assert bytes(user.got) == b"answer"
    server.shutdown()
    hosts.wait(0.1)
    assert user.endpoint.finished
    assert hosts.read("splice.connections") == "0"


def test_what_is_not_read_is_not_taken(pair):
    """Else the proxy's memory is the difference between the two speeds."""
    hosts = pair(BEHIND.format(""))
    listener = TcpListener(hosts.router["s"].stack, ("", 8080))
    user = hosts.connect(80)
    server = listener.accept()
    sent = 0
    for _ in range(100):
        sent += user.endpoint.send(bytes(200000))
        hosts.wait(0.05)
    assert sent < 100 * 200000
    got = 0
    for _ in range(200):
        got += len(server.receive())
        hosts.wait(0.05)
    assert got == sent


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_reset_is_passed_on(pair, who):
    hosts = pair(BEHIND.format(""))
    listener = TcpListener(hosts.router["s"].stack, ("", 8080))
    user = hosts.connect(80)
    server = listener.accept()
    ends = {"client": user.endpoint, "server": server}
    ends.pop(who).abort()
    hosts.wait(0.5)
    assert ends.popitem()[1].error
    assert hosts.read("splice.connections") == "0"


def test_a_server_that_refuses_or_is_silent_resets_the_client(pair):
    hosts = pair(BEHIND.format(""))
    assert hosts.connect(80).endpoint.error
    assert hosts.read("splice.failures") == "1"
    hosts = pair(BEHIND.format("").replace("10.0.5.2:8080", "10.0.5.99:8080"))
    user = hosts.connect(80)
    hosts.wait(15)
    assert user.endpoint.error
    assert hosts.read("splice.failures") == "1"
    hosts = pair(BEHIND.format("").replace("10.0.5.2:8080", "10.77.0.1:8080"))
    assert hosts.connect(80).endpoint.error


def test_idle_ones_end_and_both_connections_are_reset(pair):
    hosts = pair(BEHIND.format("") + ECHO)
    user = hosts.connect(80)
    hosts.wait(50)
    assert user.endpoint.error
    assert hosts.read("splice.timeouts") == "1"
    assert hosts.read("echo.connections") == "0"


def test_a_client_that_is_slow_is_not_idle(pair):
    """What lies in a send buffer takes longer than IDLE to leave."""
    hosts = pair(BEHIND.format(""))
    hosts.client.configure_tcp(receive_buffer=20000)
    listener = TcpListener(hosts.router["s"].stack, ("", 8080))
    user = hosts.connect(80, reading=False)
    server = listener.accept()
    server.send(bytes(500000))
    got = 0
    for _ in range(100):
        hosts.wait(1)
        got += len(user.endpoint.receive(5000))
    assert got == 500000
    assert not user.endpoint.error


def test_ends_that_are_not_read_count_until_they_are(pair):
    """Else CONNECTIONS is no limit to the buffers that clients who never read have kept for them."""
    hosts = pair(BEHIND.format(""))
    hosts.client.configure_tcp(receive_buffer=20000)
    listener = TcpListener(hosts.router["s"].stack, ("", 8080))
    user = hosts.connect(80, reading=False)
    server = listener.accept()
    user.endpoint.shutdown()
    server.send(bytes(500000))
    hosts.wait(0.1)
    server.close()
    hosts.wait(1)
    assert hosts.read("splice.connections") == "1"
    user.reading = True
    user.stack_event(0)
    hosts.wait(5)
    assert len(user.got) == 500000
    assert [hosts.read(f"splice.{name}") for name in ("connections", "timeouts")] == ["0", "0"]


def test_a_client_that_gives_up_is_no_failure_of_the_server(pair):
    hosts = pair(BEHIND.format("").replace("10.0.5.2:8080", "10.0.5.99:8080"))
    user = hosts.connect(80)
    user.endpoint.abort()
    hosts.wait(0.1)
    assert [hosts.read(f"splice.{name}") for name in ("connections", "failures")] == ["0", "0"]


def test_connections_live_on_when_the_graph_is_replaced(pair):
    hosts = pair(BEHIND.format("") + ECHO)
    user = hosts.connect(80)
    hosts.reload(BEHIND.format("") + ECHO)
    user.endpoint.send(b"hello")
    hosts.wait(0.5)
    assert bytes(user.got) == b"hello"


def test_connections_by_way_of_another_stack_end_with_it(pair):
    """The server's side of them was on a stack that nobody drove any more, and the client waited until it was idle."""
    other = "o :: HostStack(10.0.5.3/24, STACK other) -> Unqueue -> o2 :: HostStack(10.0.5.2/24, STACK server) " \
            "-> Unqueue -> o; echo :: EchoServer(8080, STACK server); splice :: TcpSplice(80, 10.0.5.2:8080{});"
    hosts = pair(other.format(", VIA other"))
    user = hosts.connect(80)
    user.endpoint.send(b"hello")
    hosts.wait(0.5)
    assert bytes(user.got) == b"hello"
    hosts.reload(other.format(""))
    hosts.wait(0.5)
    assert user.endpoint.error
    assert hosts.read("splice.connections") == "0"


def test_targets_are_checked(pair):
    for target in ("10.0.0.1", "nobody:80", "10.0.0.1:http_", "10.0.0.1:99999", "10.0.0.1:0", "10.0.0.1:80, VIA none"):
        with pytest.raises(ConfigError):
            pair(f"TcpSplice(80, {target});")

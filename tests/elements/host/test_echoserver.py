"""EchoServer sends back all that comes, whole, as fast as it is read; connections beyond the limit are refused."""

from netos.proto.udp_endpoint import UdpEndpoint

ECHO = "echo :: EchoServer(CONNECTIONS 2, IDLE 30);"


def test_what_is_sent_comes_back_and_so_does_the_end(pair):
    hosts = pair(ECHO)
    user = hosts.connect(7)
    data = bytes(range(256)) * 4000
    sent = 0
    while sent < len(data):
        sent += user.endpoint.send(data[sent:])
        hosts.wait(0.05)
    user.endpoint.shutdown()
    hosts.wait(1)
    assert bytes(user.got) == data
    assert user.endpoint.finished
    assert [hosts.read(f"echo.{name}") for name in ("connections", "accepted", "bytes_in", "bytes_out")] == [
        "0", "1", str(len(data)), str(len(data))]


def test_a_peer_that_does_not_read_is_not_read_from_either(pair):
    """Else its bytes pile up in memory."""
    hosts = pair(ECHO)
    user = hosts.connect(7, reading=False)
    sent = 0
    for _ in range(200):
        sent += user.endpoint.send(bytes(100000))
        hosts.wait(0.02)
    assert sent < 200 * 100000
    assert int(hosts.read("echo.bytes_in")) - int(hosts.read("echo.bytes_out")) <= 65536
    user.reading = True
    user.stack_event(0)
    hosts.wait(5)
    assert len(user.got) == sent


def test_more_connections_than_allowed_are_refused(pair):
    hosts = pair(ECHO)
    first, second = hosts.connect(7), hosts.connect(7)
    third = hosts.connect(7)
    assert third.endpoint.error
    assert hosts.read("echo.refused") == "1"
    first.endpoint.close()
    second.endpoint.close()
    hosts.wait(1)
    assert not hosts.connect(7).endpoint.error


def test_idle_connections_end(pair):
    hosts = pair(ECHO)
    user = hosts.connect(7)
    hosts.wait(20)
    user.endpoint.send(b"still here")
    hosts.wait(25)
    assert user.endpoint.state == "ESTABLISHED"
    hosts.wait(20)
    assert user.endpoint.error
    assert hosts.read("echo.timeouts") == "1"
    assert hosts.read("echo.connections") == "0"


def test_datagrams_come_back_but_not_to_servers_that_would_answer_again(pair):
    hosts = pair(ECHO)
    port, *servers = [UdpEndpoint(hosts.client, ("", number)) for number in (5000, 19, 7, 1000)]
    for each in (port, *servers):
        each.send(b"who", ("10.0.0.2", 7))
        hosts.wait(0.1)
    assert port.receive() == (b"who", ("10.0.0.2", 7))
    assert [each.receive() for each in servers] == [None] * 3
    assert hosts.read("echo.ignored") == "3"


def test_two_echo_servers_on_odd_ports_do_not_talk_for_ever(pair):
    """One datagram with a forged source kept both busy for ever."""
    hosts = pair("echo :: EchoServer(8000); other :: EchoServer(8000, STACK client);")
    port = UdpEndpoint(hosts.client, ("", 5000))
    hosts.router["other"].named.ports["udp", 8000].endpoint.send(b"forged", ("10.0.0.2", 8000))
    hosts.wait(1)
    assert [hosts.read(f"{name}.bytes_in") for name in ("echo", "other")] == ["6", "0"]
    assert port.receive() is None


def test_connections_can_be_closed_by_hand(pair):
    hosts = pair(ECHO)
    user = hosts.connect(7)
    hosts.router.write("echo.close_connections")
    hosts.wait(0.1)
    assert user.endpoint.error
    assert hosts.read("echo.connections") == "0"

"""What all servers of a stack have in common: who is idle and who only slow, turns, faults, where answers come from."""

import pytest

from elements.host import echoserver, serving
from netos.proto.udp_endpoint import UdpEndpoint


@pytest.fixture
def large(tmp_path):
    (tmp_path / "large").write_bytes(bytes(range(256)) * 20000)
    return f"web :: HttpFileServer({tmp_path}, IDLE 10);"


def test_newcomers_do_not_keep_idle_connections_alive(pair):
    """Each put the search for idle ones off: who had all and knocked now and then kept them."""
    hosts = pair("echo :: EchoServer(CONNECTIONS 2, IDLE 30);")
    users = [hosts.connect(7), hosts.connect(7)]
    for _ in range(10):
        hosts.wait(5)
        hosts.connect(7)
    assert all(user.endpoint.error for user in users)
    assert int(hosts.read("echo.timeouts")) >= 2


def test_a_reader_who_is_slow_is_not_idle(pair, large):
    """A full send buffer takes longer than IDLE to leave: of a download over a slow line only the beginning came."""
    hosts = pair(large)
    user = hosts.connect(80, reading=False)
    user.endpoint.send(b"GET /large HTTP/1.0\r\n\r\n")
    got = 0
    for _ in range(60):
        hosts.wait(1)
        got += len(user.endpoint.receive(10000))
    assert not user.endpoint.error
    assert got == 600000
    hosts.wait(20)                              # now he stops
    assert hosts.read("web.timeouts") == "1"


@pytest.mark.parametrize("request_", [b"GET /large HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1000, b"\r\n" * 1000])
def test_a_request_has_to_come_whole_in_time(pair, large, request_):
    """A byte now and then kept a connection for ever (slowloris)."""
    hosts = pair(large)
    user = hosts.connect(80)
    for byte in request_[:30]:
        user.endpoint.send(bytes([byte]))
        hosts.wait(1)
        if user.endpoint.error:
            break
    assert user.endpoint.error
    assert hosts.read("web.timeouts") == "1"


def test_who_goes_on_talking_after_the_end_is_not_heard_for_ever(pair, large):
    hosts = pair(large)
    user = hosts.connect(80)
    user.endpoint.send(b"GET /nothing HTTP/1.0\r\n\r\n")
    for _ in range(30):
        hosts.wait(1)
        if user.endpoint.error:
            break
        user.endpoint.send(b"x")
    assert user.endpoint.finished
    assert hosts.read("web.connections") == "0"


def test_who_asks_and_never_reads_counts_until_he_has_it(pair, tmp_path):
    """His connections were forgotten with their answers in the send buffers, to which CONNECTIONS was no limit then."""
    (tmp_path / "page").write_bytes(bytes(100000))
    hosts = pair(f"web :: HttpFileServer({tmp_path}, CONNECTIONS 3, IDLE 10);")
    hosts.client.configure_tcp(receive_buffer=4000)
    users = []
    for _ in range(5):
        users.append(hosts.connect(80, reading=False))
        if not users[-1].endpoint.error:
            users[-1].endpoint.send(b"GET /page HTTP/1.0\r\n\r\n")
            users[-1].endpoint.shutdown()
        hosts.wait(0.1)
    assert [hosts.read(f"web.{name}") for name in ("accepted", "refused", "connections")] == ["3", "2", "3"]
    users[0].reading = True
    users[0].stack_event(0)
    hosts.wait(5)
    assert len(users[0].got) > 100000
    assert (hosts.read("web.connections"), hosts.read("web.timeouts")) == ("2", "0")
    hosts.wait(15)
    assert (hosts.read("web.connections"), hosts.read("web.timeouts")) == ("0", "2")
    assert hosts.read("b.counts").split()[:2] == ["0", "0"]


def test_a_query_has_to_come_whole_in_time(pair, tmp_path):
    (tmp_path / "zone").write_text("$ORIGIN a.\n@ 60 SOA b b 1 1 1 1 1\n@ 60 NS b\n")
    hosts = pair(f"dns :: DnsServer({tmp_path}/zone, IDLE 10);")
    user = hosts.connect(53)
    for _ in range(30):
        if user.endpoint.error:
            break
        user.endpoint.send(b"\xff")
        hosts.wait(1)
    assert user.endpoint.error
    assert hosts.read("dns.timeouts") == "1"


def test_many_requests_at_once_are_answered_in_turns(pair, large, monkeypatch):
    """One connection's requests, as many as its buffer holds, kept everybody waiting for half a second."""
    turns = []
    monkeypatch.setattr(serving.Server, "again", lambda self, each, again=serving.Server.again: (
        turns.append(each), again(self, each)))
    hosts = pair(large)
    user = hosts.connect(80)
    user.endpoint.send(b"HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    hosts.wait(1)
    assert user.got.count(b"200 OK") == 1000
    assert len(turns) >= 1000 // serving.TURN
    assert hosts.read("web.requests") == "1000"


def test_turns_go_on_in_the_next_graph(pair, large, monkeypatch):
    hosts = pair(large)
    server = hosts.router["web"]
    monkeypatch.setattr(server, "schedule_task", lambda: None)      # its turn does not come any more
    user = hosts.connect(80)
    user.endpoint.send(b"HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    hosts.wait(1)
    assert user.got.count(b"200 OK") < 1000
    hosts.reload(large)
    hosts.wait(1)
    assert user.got.count(b"200 OK") == 1000


def test_datagrams_are_answered_in_turns(pair):
    hosts = pair("echo :: EchoServer;")
    port = UdpEndpoint(hosts.client, ("", 5000))
    hosts.connect(7)                            # they know each other's Ethernet addresses
    for number in range(200):
        port.send(b"%d" % number, ("10.0.0.2", 7))
    hosts.wait(0.1)
    got = []
    while (found := port.receive()) is not None:
        got.append(int(found[0]))
    assert got == list(range(200))


def test_a_server_that_fails_ends_the_connection_and_takes_others(pair, monkeypatch):
    """Its peer waited until it was idle, and those that came with it were forgotten."""
    def fail(_):
        raise ZeroDivisionError

    hosts = pair("echo :: EchoServer(IDLE 0);")
    monkeypatch.setattr(echoserver.Echo, "proceed", fail)
    users = [hosts.connect(7) for _ in range(3)]
    assert all(user.endpoint.error for user in users)
    assert [hosts.read(f"echo.{name}") for name in ("accepted", "connections")] == ["3", "0"]


def test_a_datagram_is_answered_from_the_address_it_was_sent_to(pair):
    """Who asks an address and is answered by another takes that for a forgery (RFC 2181 section 4)."""
    hosts = pair("echo :: EchoServer; Idle -> b2 :: HostStack(10.0.5.2/24) -> Discard;")
    hosts.router.write("a.add_route", "10.0.5.0/24 10.0.0.2")
    port = UdpEndpoint(hosts.client, ("", 5000))
    port.send(b"who", ("10.0.5.2", 7))
    hosts.wait(0.1)
    assert port.receive() == (b"who", ("10.0.5.2", 7))


def test_nobody_answers_what_was_sent_to_all(pair):
    """Else a datagram with a forged source has it flooded by all the hosts of a network."""
    hosts = pair("echo :: EchoServer;")
    port = UdpEndpoint(hosts.client, ("", 5000))
    port.broadcast = True
    for address in ("10.0.0.255", "255.255.255.255"):
        port.send(b"who", (address, 7))
    hosts.wait(0.1)
    assert port.receive() is None
    assert hosts.read("echo.ignored") == "2"


def test_an_answer_that_cannot_be_sent_is_counted(pair):
    hosts = pair("echo :: EchoServer;")
    port = UdpEndpoint(hosts.client, ("10.0.0.1", 5000))
    hosts.router["b"].stack.set_addresses("b", ["10.0.0.2/32"], announce=False)     # no way back
    port.send(b"x", ("10.0.0.2", 7))
    hosts.wait(0.1)
    assert hosts.read("echo.lost") == "1"

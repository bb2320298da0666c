"""Endpoints in Python's hands: what a user does wrong, lets go of, or leaves behind."""

import errno
import gc
import threading

import pytest

from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.proto.stack_tables import kill
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.segments import PEER, STACK, UDP, Peer, ip_packet


@pytest.mark.parametrize("times", [(0, 1, 9), (1, 0, 9), (-1e10, 1, 1), (1, -5, 1), (float("inf"), 1, 1),
                                   (float("nan"), 1, 1), (1, 1e300, 1), (1, 1, 0)])
def test_keepalive_takes_no_times_that_cannot_be(times):
    """Those before the beginning of time had the stack fire a timer without end, with the GIL released."""
    peer = Peer()
    server = peer.accepted()
    with pytest.raises(ValueError, match=r"from|probe"):
        server.set_keepalive(*times)
    server.keepalive = True
    peer.wait(1)
    assert server.state == "ESTABLISHED"


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), 1e12])
def test_the_user_timeout_takes_no_time_that_cannot_be(seconds):
    """An infinite one became the shortest of all."""
    peer = Peer()
    server = peer.accepted()
    with pytest.raises(ValueError, match="seconds"):
        server.user_timeout = seconds
    assert server.user_timeout == 120


@pytest.mark.parametrize("remote", ["192.0.2.1", "10.0.0.255", "224.0.0.1", "255.255.255.255"])
def test_whom_no_route_leads_to_is_on_no_network(remote):
    """ENETUNREACH as on Linux, as datagrams have it; EHOSTUNREACH says that somebody was asked for."""
    with pytest.raises(OSError) as caught:
        TcpEndpoint(Peer().stack, (remote, 80))
    assert caught.value.errno == errno.ENETUNREACH


def test_no_keepalive_for_what_is_over():
    """Set after the end, it sent probes out of a closed connection, and turned a good end into a timeout."""
    peer = Peer()
    server = peer.accepted()
    server.shutdown()
    peer.let_go()
    peer.expect("FA")
    peer.send(b"", "FA")
    assert server.state == "TIME-WAIT"
    peer.drain()
    server.set_keepalive(1, 1, 3)
    server.keepalive = True
    peer.wait(30)
    peer.silence()
    assert server.error == 0


class User:
    """A user in a circle with its endpoint, as a transport is."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        endpoint.user = self


def test_kill_while_rubbish_is_collected():
    """The collector may end connections that are about to be killed: none is ended twice, nor its block given twice."""
    peer = Peer()
    peer.listen()
    gc.disable()
    try:
        for number in range(16):
            peer.port = 5000 + number
            peer.drain()
            peer.open()
            User(peer.listener.accept())
        before = gc.get_threshold()
        gc.set_threshold(1)
        gc.enable()
        kill(peer.stack, (STACK, 80), None)
        gc.set_threshold(*before)
        gc.collect()
    finally:
        gc.enable()
    peer.drain()
    peer.let_go()
    assert [heard.flags for heard in peer.drain()] == ["RA"] * 16
    assert peer.stack.tcp_count == (0, 0, 0)


def test_users_may_end_each_other_between_their_events():
    """Who is told of something may close, abort or let go of anybody else who is about to be told."""
    peer = Peer()
    peer.listen()
    servers = []
    for number in range(4):
        peer.port = 5000 + number
        peer.drain()
        peer.open()
        servers.append(peer.listener.accept())
        peer.send(b"news", "PA")
    told = peer.stack.events()
    assert {id(owner) for owner, _events in told} == {id(owner) for owner in [peer.listener, *servers]}
    servers[1].abort()
    servers[2].close()
    peer.listener.close()
    del servers[3]
    again = TcpEndpoint(peer.stack, (PEER, 80))         # may have the place of one of them
    peer.let_go()
    assert [owner.state for owner, _events in told if isinstance(owner, TcpEndpoint)].count("CLOSED") == 2
    assert [owner for owner, _events in peer.stack.events()] == []
    del told
    peer.let_go()
    assert (again.state, peer.stack.tcp_count[0]) == ("SYN-SENT", 2)


def test_a_listener_closes_with_everything_in_it():
    """Half open, established, with data, reset by the peer before anybody accepted: nothing stays, nothing is told."""
    peer = Peer()
    peer.listen()
    for number in range(8):
        peer.port = 5000 + number
        peer.drain()
        peer.open()
        if number & 1:
            peer.send(b"data", "PA", seq=peer.next + 4)         # behind a gap
            peer.send(b"data", "PA")
        if number & 2:
            peer.send(b"", "R")
        if number & 4:
            peer.send(b"", "FA")
    for number in range(8):
        peer.port = 6000 + number
        peer.send(b"", "S", seq=1)
    assert peer.stack.tcp_count[1] == 8
    assert peer.listener.waiting == 8
    peer.drain()
    peer.listener.close()
    peer.let_go()
    assert peer.stack.tcp_count == (0, 0, 0)
    assert peer.stack.events() == []
    assert {heard.flags for heard in peer.drain()} == {"RA"}
    peer.wait(100)
    peer.silence()
    assert peer.cpu.balance["held"] == 0


def test_what_was_reset_before_it_was_accepted():
    """The user gets it, with what it sent and the errno of its end, as from a socket of Linux."""
    peer = Peer()
    peer.listen()
    peer.open()
    peer.send(b"last words", "PA")
    peer.send(b"", "R")
    server = peer.listener.accept()
    assert (server.state, server.error, server.receive()) == ("CLOSED", errno.ECONNRESET, b"last words")
    with pytest.raises(ConnectionResetError):
        server.send(b"x")
    server.close()
    peer.let_go()
    assert peer.stack.tcp_count == (0, 0, 0)


def test_a_stack_ends_with_everything_open():
    """Its memory and packets are given back, whatever its users still hold when they all go at once."""
    peer = Peer()
    cpu = peer.cpu
    servers = [peer.accepted()]
    servers[0].send(bytes(100_000))
    peer.send(b"unread", "PA")
    peer.drain()
    peer.port += 1
    peer.open()
    peer.port += 1
    peer.send(b"", "S", seq=5)
    rubbish = [TcpListener(peer.stack, (STACK, 81)), TcpEndpoint(peer.stack, (PEER, 99)),
               TcpEndpoint(peer.stack, ("10.0.0.77", 99)), TcpEndpoint(peer.stack, ("127.0.0.1", 80))]
    User(rubbish[0])
    peer.stack.on_work = rubbish.append
    peer.stack.on_work = None
    del peer, servers, rubbish
    gc.collect()
    assert cpu.balance["held"] == 0


@pytest.mark.parametrize("again", [True, False])
def test_what_another_thread_lets_go_of_ends_in_the_stacks_own_turn(again):
    """The collector runs in any thread, while the stack runs without the GIL: both would change the same lists."""
    peer = Peer()
    cpu = peer.cpu
    gone = [peer.accepted(), UdpEndpoint(peer.stack, ("", 9)), peer.listener]
    peer.listener = None
    peer.send(b"news", "PA")
    peer.frame(ip_packet(UDP, b"\x0f\xa0\0\x09\0\x08\0\0"))
    peer.drain()
    peer.port += 1
    peer.send(b"", "S", seq=5)
    peer.drain()
    thread = threading.Thread(target=gone.clear)
    thread.start()
    thread.join()
    assert not gone
    assert peer.stack.tcp_count == (1, 1, 0)
    if again:
        assert peer.stack.events() == []
        peer.let_go()
        peer.expect("RA")
        peer.silence()
        assert peer.stack.tcp_count == (0, 0, 0)
        UdpEndpoint(peer.stack, ("", 9))
        peer.listen()
    del peer                                    # the stack may end before its next turn, too
    assert cpu.balance["held"] == 0


def test_a_datagram_goes_out_from_an_address_of_the_host_or_not_at_all():
    """Another's would be a forgery, and the answer somebody else's."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, ("", 5000))
    with pytest.raises(OSError) as caught:
        port.send(b"x", (PEER, 9), "10.9.9.9")
    assert caught.value.errno == errno.EADDRNOTAVAIL
    port.send(b"x", (STACK, 5000), STACK)
    port.send(b"y", ("127.0.0.1", 5000), "127.0.0.1")
    peer.wait(0)
    assert (port.receive(), port.destination) == ((b"x", (STACK, 5000)), STACK)
    assert (port.receive(), port.destination) == ((b"y", ("127.0.0.1", 5000)), "127.0.0.1")


def test_an_endpoint_is_made_once():
    """Made twice, it lost what it had first, which then told a dead object of its events."""
    peer = Peer()
    server = peer.accepted()
    port = UdpEndpoint(peer.stack, ("", 9))
    for endpoint, arguments in ((server, (PEER, 80)), (peer.listener, ("", 81)), (port, ("", 10))):
        with pytest.raises(OSError, match="Errno"):
            endpoint.__init__(peer.stack, arguments)
    peer.send(b"still here", "PA")
    assert server.receive() == b"still here"


def test_a_connection_from_a_loopback_address_stays_at_home():
    """RFC 1122 section 3.2.1.3 (g): its SYN went out to the link, with a source that nobody can answer."""
    peer = Peer()
    with pytest.raises(OSError, match="Invalid argument"):
        TcpEndpoint(peer.stack, (PEER, 80), ("127.0.0.1", 0))
    peer.let_go()
    peer.silence()
    listener = TcpListener(peer.stack, (STACK, 80))
    client = TcpEndpoint(peer.stack, (STACK, 80), ("127.0.0.1", 0))
    peer.let_go()
    assert (client.state, listener.accept().remote[0]) == ("ESTABLISHED", "127.0.0.1")

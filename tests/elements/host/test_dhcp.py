"""HostStack with DHCP true: it asks the other host in the graph, has what it is given, and loses it again."""

from ipaddress import IPv4Address

import pytest

from netos.errors import ConfigError, HandlerError
from netos.hotswap import take_over
from netos.proto.udp_endpoint import UdpEndpoint
from netos.proto.wire import Dhcp, dhcp
from netos.router import Router

TEXT = """
a :: HostStack(10.0.0.1/24, ETHER 02:00:00:00:00:01, STACK client);
b :: HostStack(DHCP true, ETHER 02:00:00:00:00:02);
a -> Unqueue -> b -> Unqueue -> sniffed :: Counter -> a;
"""


class Server:
    """A DHCP server on host `a`, as small as can be."""

    def __init__(self, hosts, address="10.0.0.7", seconds=600, options=(), stack=None):
        self.given = IPv4Address(address)
        self.identifier = IPv4Address(int(self.given) & ~0xFF | 1).packed
        self.endpoint = UdpEndpoint(stack or hosts.client, ("", 67))
        self.endpoint.broadcast = True
        self.endpoint.user = self
        self.heard = []
        self.seconds = seconds
        self.options = options
        self.silent = False

    def stack_event(self, events):
        while (found := self.endpoint.receive()) is not None:
            data, (source, port) = found
            message = Dhcp.parse(data).header
            self.heard.append((dhcp.TYPES[message.message_type], source))
            kind = {dhcp.DISCOVER: dhcp.OFFER, dhcp.DHCP_REQUEST: dhcp.ACK}.get(message.message_type)
            assert port == 68
            if kind is not None and not self.silent:
                reply = Dhcp(2, message.transaction, your=self.given, hardware=message.hardware, options=(
                    (53, bytes((kind,))), (54, self.identifier), (1, bytes((255, 255, 255, 0))),
                    (51, self.seconds.to_bytes(4, "big")), *self.options))
                self.endpoint.send(reply.build(), ("255.255.255.255" if source == "0.0.0.0" else source, 68))


@pytest.fixture
def hosts(pair):
    return pair("", TEXT)


def test_the_host_gets_its_address(hosts):
    """Discover to acknowledgement over the real path, with a probe; then the host can be reached at it."""
    server = Server(hosts, options=((3, bytes((10, 0, 0, 1))), (6, bytes((10, 0, 0, 1))), (26, b"\x05\x78")))
    hosts.wait(0.4)
    assert hosts.read("b.address") == ""                # still looking whether it is free
    hosts.wait(0.2)
    assert hosts.read("b.address") == "10.0.0.7/24"
    assert server.heard == [("discover", "0.0.0.0"), ("request", "0.0.0.0")]
    assert hosts.read("b.lease").splitlines() == [
        "address 10.0.0.7/24", "server 10.0.0.1", "route 0.0.0.0/0 10.0.0.1", "nameserver 10.0.0.1", "expires 599"]
    assert "0.0.0.0/0 10.0.0.1 b" in hosts.read("b.routes")
    client = UdpEndpoint(hosts.client, remote=("10.0.0.7", 9))
    client.send(b"anybody?")
    hosts.wait(0.1)
    with pytest.raises(ConnectionRefusedError):         # it is there, and says that nobody listens
        client.receive()


def test_a_leased_address_is_announced_twice(hosts):
    """RFC 5227 section 2.3; nothing else moves meanwhile, so the stack itself must be called in time."""
    Server(hosts)
    hosts.wait(0.6)
    stack = hosts.router["b"].stack
    sent = stack.counters["arp_requests_sent"]
    assert sent >= 3                            # two probes, an announcement
    hosts.wait(1.5)
    assert stack.counters["arp_requests_sent"] == sent
    hosts.wait(0.6)
    assert stack.counters["arp_requests_sent"] == sent + 1
    hosts.wait(100)
    assert stack.counters["arp_requests_sent"] == sent + 1


def classless(*routes):
    """Option 121: (prefix length, network, gateway)."""
    return 121, b"".join(bytes((length, *IPv4Address(network).packed[:(length + 7) // 8])) + IPv4Address(gateway).packed
                         for length, network, gateway in routes)


def test_a_bad_route_does_not_lose_the_lease(hosts, caplog):
    """A gateway that no link leads to: the other routes are set, and the log says which one is not."""
    Server(hosts, options=(classless((16, "10.8.0.0", "10.77.0.1"), (0, "0.0.0.0", "10.99.0.1"),
                                     (16, "10.9.0.0", "10.0.0.1"), (32, "10.99.0.1", "0.0.0.0")),))
    hosts.wait(1)
    assert hosts.read("b.address") == "10.0.0.7/24"
    assert [line for line in hosts.read("b.routes").splitlines() if "10.0.0.0/24" not in line] == [
        "0.0.0.0/0 10.99.0.1 b", "10.9.0.0/16 10.0.0.1 b", "10.99.0.1/32 - b"]
    assert [record.getMessage() for record in caplog.records if "10.77.0.1" in record.getMessage()] == [
        "b: there is no route to 10.8.0.0/16: 10.77.0.1 is no neighbour on b: a gateway lies in an address's network, "
        "or has a route of its own without a gateway"]
    hosts.wait(400)                             # renewed: the same lease is no news
    assert len(caplog.records) == 1


def test_a_router_outside_of_the_network_is_on_the_link(hosts):
    """Clouds give addresses of 32 bits, and a router that no mask covers."""
    Server(hosts, options=((3, bytes((10, 99, 0, 1))),))
    hosts.wait(1)
    assert "10.99.0.1/32 - b" in hosts.read("b.routes")
    assert "0.0.0.0/0 10.99.0.1 b" in hosts.read("b.routes")


def test_routes_added_by_hand_wait_for_their_link(hosts):
    """They come and go with the address that has their gateway; another route for the same network is the hand's."""
    server = Server(hosts, options=(classless((16, "10.9.0.0", "10.0.0.1")),))
    with pytest.raises(HandlerError, match="no neighbour"):
        hosts.router.write("b.add_route", "10.9.0.0/16 10.0.0.3")
    hosts.wait(1)
    hosts.router.write("b.add_route", "10.9.0.0/16 10.0.0.3")
    server.silent = True
    hosts.wait(700)
    assert hosts.read("b.routes") == ""
    hosts.reload("x :: Idle -> Discard;", TEXT)
    server.silent = False
    hosts.wait(700)
    assert "10.9.0.0/16 10.0.0.3 b" in hosts.read("b.routes")


def test_a_lease_is_renewed_and_lost(hosts):
    """At half time the server is asked from the address itself; when nobody answers, the address goes in time."""
    server = Server(hosts)
    hosts.wait(301)
    assert server.heard[2:] == [("request", "10.0.0.7")]
    assert int(hosts.read("b.lease").split()[-1]) > 590
    server.silent = True
    hosts.wait(598)
    assert hosts.read("b.address") == "10.0.0.7/24"
    hosts.wait(3)
    assert (hosts.read("b.address"), hosts.read("b.lease")) == ("", "")
    assert hosts.router["b"].stack.addresses("b") == []
    assert server.heard[-1] == ("discover", "0.0.0.0")


def test_a_taken_address_is_declined(hosts):
    """The offered address answers ARP: it is the server's own."""
    server = Server(hosts, address="10.0.0.1")
    hosts.wait(1)
    assert [kind for kind, _ in server.heard] == ["discover", "request", "decline"]
    assert hosts.read("b.address") == ""
    server.given = IPv4Address("10.0.0.9")
    hosts.wait(11)
    assert hosts.read("b.address") == "10.0.0.9/24"


def test_the_lease_outlives_the_graph(hosts):
    """A reload asks no server, and the connection to the outside stays; without DHCP the address is gone."""
    server = Server(hosts)
    hosts.wait(1)
    hosts.reload("x :: Idle -> Discard;", TEXT)
    assert hosts.read("b.address") == "10.0.0.7/24"
    hosts.wait(1)
    assert len(server.heard) == 2
    hosts.wait(300)
    assert server.heard[2:] == [("request", "10.0.0.7")]
    hosts.reload("", TEXT.replace("DHCP true", "10.0.0.2/24"))
    hosts.wait(1000)
    assert hosts.read("b.address") == "10.0.0.2/24"
    assert "udp" not in hosts.read("b.listeners")
    assert len(server.heard) == 3


def test_a_server_that_comes_late(hosts):
    hosts.wait(60)
    server = Server(hosts)
    hosts.wait(70)
    assert hosts.read("b.address") == "10.0.0.7/24"
    assert server.heard[0] == ("discover", "0.0.0.0")


def test_two_interfaces_of_one_host(pair):
    """Both clients share port 68, and each hears its own server."""
    hosts = pair("", TEXT + """
    c :: HostStack(10.0.1.1/24, ETHER 02:00:00:00:00:03, STACK other);
    d :: HostStack(DHCP true, ETHER 02:00:00:00:00:04);
    c -> Unqueue -> d -> Unqueue -> c;""")
    one, two = Server(hosts), Server(hosts, "10.0.1.7", stack=hosts.router["c"].stack)
    hosts.wait(400)
    assert (hosts.read("b.address"), hosts.read("d.address")) == ("10.0.0.7/24", "10.0.1.7/24")
    assert one.heard == [("discover", "0.0.0.0"), ("request", "0.0.0.0"), ("request", "10.0.0.7")]
    assert two.heard == [("discover", "0.0.0.0"), ("request", "0.0.0.0"), ("request", "10.0.1.7")]


def test_a_port_that_somebody_else_has_is_told_and_tried_again(pair, caplog):
    """It was a traceback, and no address was asked for ever after."""
    hosts = pair("x :: Idle -> Discard;", TEXT)
    taken = UdpEndpoint(hosts.router["b"].stack, ("", 68))
    Server(hosts)
    hosts.wait(5)
    assert [record.getMessage() for record in caplog.records] == [
        "b: cannot ask a DHCP server: UDP port 68 of the stack: Address already in use; "
        "whoever has it needs another one"]
    taken.close()
    hosts.wait(20)
    assert hosts.read("b.address") == "10.0.0.7/24"


def test_what_comes_for_a_client_that_stands_still_is_bounded(pair):
    """While a reload waits to be confirmed, the old graph's client reads nothing."""
    hosts = pair("", TEXT + "d :: HostStack(DHCP true, ETHER 02:00:00:00:00:04); Idle -> d -> Discard;")
    hosts.wait(1)
    old, hosts.router = hosts.router, hosts.build("", TEXT)
    take_over(hosts.router, old)
    port = UdpEndpoint(hosts.client, ("", 67))
    port.broadcast = True
    for _ in range(100):
        port.send(bytes(300), ("255.255.255.255", 68))
        hosts.wait(0.01)
    clients = hosts.cpu.stacks["default"].clients
    assert sorted(clients) == ["b", "d"]
    assert all(len(client._messages) <= 16 for client in clients.values())
    old.close()


@pytest.mark.parametrize(("arguments", "message"), [
    ("10.0.0.2/24, ETHER 02:00:00:00:00:02, DHCP true", "leave ADDRESS and GATEWAY out"),
    ("DHCP true", "give ETHER")])
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Router.from_text(f"Idle -> HostStack({arguments}) -> Discard;").initialize()

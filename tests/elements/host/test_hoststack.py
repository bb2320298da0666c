"""HostStack: the stack outlives graphs, knows nothing of refused ones, and accounts for every packet."""

import pytest

from netos.control.replicas import Replicas
from netos.errors import ConfigError, Diagnostics, HandlerError
from netos.hotswap import take_over
from netos.kernel.group import VcpuGroup
from netos.lang import parse_config
from netos.proto.endpoints import TcpListener
from netos.proto.udp_endpoint import UdpEndpoint
from netos.registry import default_registry
from netos.router import Router
from netos.testing.ip_packets import ip_packet, udp_packet

ECHO = "echo :: EchoServer;"
LINK = "Idle -> b :: HostStack({}) -> Discard;"
OTHER = """
a :: HostStack(10.0.0.1/24, ETHER 02:00:00:00:00:01, STACK client);
b :: HostStack({}, ETHER 02:00:00:00:00:02);
a -> Unqueue -> c :: Counter -> b -> Unqueue -> a;
"""


def exchange(user, hosts, data=b"hello"):
    before = len(user.got)
    user.endpoint.send(data)
    hosts.wait(0.5)
    return bytes(user.got[before:])


def test_a_connection_lives_on_when_the_graph_is_replaced(pair):
    hosts = pair(ECHO)
    user = hosts.connect(7)
    assert exchange(user, hosts) == b"hello"
    hosts.reload(ECHO, OTHER.format("10.0.0.2/24"))
    assert exchange(user, hosts, b"again") == b"again"
    assert hosts.read("echo.accepted") == "1"
    assert hosts.read("echo.connections") == "1"
    assert hosts.read("c.count") != "0"
    assert exchange(hosts.connect(7), hosts) == b"hello"


def test_a_server_that_is_gone_ends_its_connections_and_its_port(pair):
    hosts = pair(ECHO)
    user = hosts.connect(7)
    hosts.reload()
    hosts.wait(0.1)
    assert user.endpoint.error
    assert hosts.connect(7).endpoint.error
    assert hosts.read("b.listeners") == ""


def test_interfaces_may_change_their_names(pair):
    """Sixteen renames used up all places; the old name's address stayed beside the new one's."""
    hosts = pair(ECHO)
    user = hosts.connect(7)
    for number in range(20):
        text = OTHER.format("10.0.0.2/24").replace("b ::", f"b{number} ::").replace("-> b ", f"-> b{number} ")
        hosts.reload(ECHO, text)
        assert exchange(user, hosts) == b"hello"
    assert hosts.read("b19.routes") == "10.0.0.0/24 - b19\n"


def refused(hosts, more="", text=OTHER.format("10.0.0.9/24, MTU 600")):
    new = hosts.build(more, text)
    with pytest.raises(ConfigError):
        take_over(new, hosts.router)


def test_a_refused_graph_changes_nothing(pair):
    """The address, MTU and routes of a graph that never ran stayed; its announcement told the whole link."""
    hosts = pair(ECHO)
    hosts.router.write("b.add_route", "10.9.0.0/16 10.0.0.1")
    user = hosts.connect(7)
    tables = [hosts.read(f"b.{name}") for name in ("connections", "listeners", "neighbours", "routes", "counters")]
    refused(hosts, ECHO + "other :: EchoServer(7); third :: HostStack(STACK new); Idle -> third -> Discard;")
    assert [hosts.read(f"b.{name}") for name in
            ("connections", "listeners", "neighbours", "routes", "counters")] == tables
    assert sorted(hosts.cpu.stacks) == ["client", "default"]
    assert exchange(user, hosts) == b"hello"
    assert hosts.router["b"].stack.addresses("b") == ["10.0.0.2/24"]
    assert exchange(hosts.connect(7), hosts) == b"hello"


def test_a_graph_that_is_refused_when_it_is_configured_makes_no_stack(pair):
    hosts = pair()
    with pytest.raises(ConfigError):
        hosts.build("", "Idle -> HostStack(10.7.7.7/24, STACK other) -> Nonsense;")
    assert sorted(hosts.cpu.stacks) == ["client", "default"]


def test_going_back_gives_interface_and_connections_back(pair):
    """What netos rollback and an unconfirmed reload do."""
    hosts = pair(ECHO)
    user = hosts.connect(7)
    old = hosts.router
    new = hosts.build(ECHO, OTHER.format("10.0.0.2/24"))
    take_over(new, old)
    assert exchange(user, hosts, b"one") == b"one"
    new.suspend()
    old.take_state(new)
    old.resume()
    new.close()
    assert exchange(user, hosts, b"two") == b"two"
    assert exchange(hosts.connect(7), hosts) == b"hello"
    assert hosts.read("echo.accepted") == "2"


def test_routes_added_by_hand_outlive_a_reload_and_can_be_removed(pair):
    hosts = pair()
    hosts.router.write("b.add_route", "10.9.0.0/16 10.0.0.1")
    hosts.reload("", OTHER.format("10.0.0.2/24"))
    assert "10.9.0.0/16 10.0.0.1 b" in hosts.read("b.routes")
    hosts.router.write("b.remove_route", "10.9.0.0/16")
    assert hosts.read("b.routes") == "10.0.0.0/24 - b\n"
    for bad in ("", "10.9.0.0/99", "10.9.0.0/16 nobody", "10.9.0.0/16"):
        with pytest.raises(HandlerError):
            hosts.router.write("b.remove_route" if bad.count("/16") and "nobody" not in bad else "b.add_route", bad)


def test_tables_name_connections_and_kill_ends_them(pair):
    hosts = pair(ECHO)
    user = hosts.connect(7)
    user.endpoint.send(b"hello")
    hosts.wait(0.1)
    local, remote, state, *counts = hosts.read("b.connections").split()
    assert (local, state, counts) == ("10.0.0.2:7", "ESTABLISHED", ["5", "5", "0", "0"])
    assert remote == "{}:{}".format(*user.endpoint.local)
    assert hosts.read("b.counts") == "1 0 0"
    assert hosts.read("b.listeners") == "tcp 0.0.0.0:7 0\nudp 0.0.0.0:7 0\n"
    assert hosts.read("b.neighbours").startswith("10.0.0.1 02:00:00:00:00:01 b reachable ")
    for bad in ("", "- -  -", "10.0.0.2:0 -", "10.0.0.2:8 -", "nobody:7 -"):
        with pytest.raises(HandlerError):
            hosts.router.write("b.kill", bad)
    hosts.router.write("b.kill", f"- {remote}")
    hosts.wait(0.1)
    assert user.endpoint.error
    assert hosts.read("b.connections") == ""
    assert hosts.read("echo.connections") == "0"


def test_what_the_stack_drops_is_counted_at_the_element():
    """netos drops has to tell, not only the stack's own counters."""
    router = Router.from_text("i :: Idle -> b :: HostStack(10.0.0.2/24) -> Discard;", simulated=10**18).initialize()
    bad = [ip_packet(check=1), ip_packet(destination="10.0.0.77"), ip_packet(source="10.0.0.2"), ip_packet(version=6),
           b"", udp_packet(check=7), udp_packet(), ip_packet(protocol=250), ip_packet(b"x", fragment=0x2000),
           ip_packet(bytes(20), protocol=6), ip_packet(b"12", protocol=1)]
    router["b"].push(0, [router.packet(data) for data in bad])
    router.cpu.advance(router.cpu.now + 10**9)
    assert router["b"].drop_counts == {
        "bad-checksum": 2, "other-host": 1, "bad-source": 1, "bad-length": 2, "no-match": 2, "bad-fragment": 1,
        "bad-packet": 2} | {}
    balance = router.cpu.balance
    assert balance["dropped"] == sum(router["b"].drop_counts.values())
    router.close()
    assert router.cpu.balance["held"] == 0


def test_a_stack_can_have_several_interfaces(pair):
    hosts = pair(ECHO + """
        far :: HostStack(10.0.5.1/24, STACK far, GATEWAY 10.0.5.2) -> Unqueue
            -> b2 :: HostStack(10.0.5.2/24) -> Unqueue -> far;""")
    assert hosts.router["b"].stack is hosts.router["b2"].stack
    user = hosts.connect(7)
    assert exchange(user, hosts) == b"hello"
    far = hosts.router["far"].stack
    from netos.proto.endpoints import TcpEndpoint
    endpoint = TcpEndpoint(far, ("10.0.5.2", 7))
    hosts.wait(0.1)
    endpoint.send(b"from afar")
    hosts.wait(0.1)
    assert endpoint.receive() == b"from afar"
    assert {line.split()[0] for line in hosts.read("b2.connections").splitlines()} == {"10.0.0.2:7", "10.0.5.2:7"}
    hosts.reload(ECHO)                          # one of the two goes
    assert exchange(user, hosts) == b"hello"
    assert hosts.read("b.routes") == "10.0.0.0/24 - b\n"


def test_one_user_that_fails_does_not_keep_events_from_others(pair):
    hosts = pair(ECHO)
    good, bad = hosts.connect(7), hosts.connect(7)
    bad.stack_event = None
    bad.endpoint.send(b"x")
    assert exchange(good, hosts) == b"hello"


def test_two_servers_of_one_port_are_refused(pair):
    with pytest.raises(ConfigError, match=r"port 7 of the stack default is served by echo: give one of them"):
        pair(ECHO + "other :: EchoServer(7);")


def test_port_0_is_none_that_can_be_served(pair):
    """Some port was, another one for each protocol, and nobody was told which."""
    with pytest.raises(ConfigError, match="PORT: out of range, bound 1"):
        pair("EchoServer(0);")


def test_a_server_without_a_network_is_refused():
    with pytest.raises(ConfigError, match="no HostStack brings packets to the stack elsewhere"):
        Router.from_text(LINK.format("10.0.0.2/24") + "EchoServer(STACK elsewhere);").initialize()


def test_a_port_that_a_program_has_is_told():
    router = Router.from_text(LINK.format("10.0.0.2/24"), simulated=10**18).initialize()
    taken = TcpListener(router["b"].stack, ("", 7))
    new = Router.from_text(LINK.format("10.0.0.2/24") + ECHO, cpu=router.cpu)
    with pytest.raises(ConfigError, match="cannot serve tcp port 7 of the stack default: Address already in use"):
        take_over(new, router)
    taken.close()
    router.close()


def test_the_gateway_is_a_neighbour():
    with pytest.raises(ConfigError, match=r"10\.1\.0\.1 is no neighbour"):
        Router.from_text(LINK.format("10.0.0.2/24, GATEWAY 10.1.0.1"))


@pytest.mark.parametrize(("arguments", "said"), [
    ("10.0.0.255/24", "not the address of one host"), ("10.0.0.0/24", "not the address of one host"),
    ("224.0.0.1/24", "not the address of one host"), ("0.0.0.0/0", "not the address of one host"),
    ("10.0.0.2/24, GATEWAY 10.0.0.2", "GATEWAY: 10.0.0.2 is this host itself"),
    ("10.0.0.2/24, ETHER ff:ff:ff:ff:ff:ff", "a group's address"),
    ("DHCP true, ETHER 02:00:00:00:00:02, MTU 300", "MTU: with DHCP packets of 576 bytes")])
def test_what_no_host_can_be_is_refused(arguments, said):
    """Each was taken, and the host was deaf, or its DHCP client ended with a traceback."""
    with pytest.raises(ConfigError, match=said):
        Router.from_text(LINK.format(arguments))


def test_a_link_of_two_has_no_broadcast_address():
    Router.from_text(LINK.format("10.0.0.0/31"))
    Router.from_text(LINK.format("10.0.0.2/32"))


def test_replicas_are_refused():
    text = LINK.format("10.0.0.2/24")
    graph, diagnostics = parse_config(text, "x", class_info=default_registry.class_info,
                                      class_names=default_registry.names, definitions={})
    assert not diagnostics.has_errors
    with pytest.raises(ConfigError, match="HostStack cannot be on several virtual CPUs"):
        Replicas.build(graph, VcpuGroup(2, 10**18).cpus, registry=default_registry, diagnostics=Diagnostics())


def test_threads_are_refused():
    """The stack would be one thread's, and the element another's."""
    from netos.kernel.threads import Threads

    with pytest.raises(ConfigError, match="a HostStack works on one thread"):
        Router.from_text(LINK.format("10.0.0.2/24"), threads=Threads(2)).initialize()


def test_a_new_address_is_announced_when_packets_flow_and_an_old_one_is_not(pair):
    hosts = pair()
    hosts.wait(0.1)
    asked = hosts.router["b"].stack.counters["arp_requests_sent"]
    hosts.reload("", OTHER.format("10.0.0.2/24"))
    hosts.wait(0.1)
    assert hosts.router["b"].stack.counters["arp_requests_sent"] == asked
    hosts.reload("", OTHER.format("10.0.0.7/24"))
    assert hosts.router["b"].stack.counters["arp_requests_sent"] == asked
    hosts.wait(0.1)
    assert hosts.router["b"].stack.counters["arp_requests_sent"] == asked + 1
    hosts.wait(1.8)
    assert hosts.router["b"].stack.counters["arp_requests_sent"] == asked + 1
    hosts.wait(0.2)                             # RFC 5227 section 2.3: once more after two seconds
    assert hosts.router["b"].stack.counters["arp_requests_sent"] == asked + 2
    hosts.wait(100)
    assert hosts.router["b"].stack.counters["arp_requests_sent"] == asked + 2


def test_a_server_that_was_replaced_serves_nobody_while_it_waits_to_come_back(pair):
    """While a reload waits to be confirmed the old graph still has its ports."""
    hosts = pair(ECHO)
    user = hosts.connect(7)
    old, new = hosts.router, hosts.build("other :: EchoServer(8);")
    take_over(new, old)
    assert hosts.connect(7).endpoint.error
    port = UdpEndpoint(hosts.router["a"].stack, ("", 5000))
    port.send(b"x", ("10.0.0.2", 7))
    hosts.wait(0.1)
    assert port.receive() is None
    assert exchange(user, hosts) == b"hello"    # the old connection is not lost before it has to be
    new.suspend()
    old.take_state(new)
    old.resume()
    new.close()
    assert exchange(user, hosts) == b"hello"
    assert exchange(hosts.connect(7), hosts) == b"hello"
    assert hosts.connect(8).endpoint.error

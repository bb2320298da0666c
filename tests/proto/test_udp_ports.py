"""UDP ports of a stack: who gets a datagram, where one comes from, what a queue holds."""

import errno
import struct

import pytest

from netos.checksum import checksum
from netos.kernel.vcpu import VirtualCpu
from netos.proto.stack import Stack
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.segments import ICMP, NAME, PEER, STACK, UDP, Peer, ip_packet, with_checksum

GROUP = "239.1.2.3"
ALL = b"\xff" * 6


def datagram(payload=b"hello", *, port=4000, to=9, source=PEER, destination=STACK):
    """An IP packet with a UDP datagram."""
    made = struct.pack("!HHHH", port, to, 8 + len(payload), 0) + payload
    return ip_packet(UDP, with_checksum(UDP, made, 6, source, destination), source=source, destination=destination)


def all_of(port):
    """What waits in a port: the bytes of each datagram."""
    found = []
    while (one := port.receive()) is not None:
        found.append(one[0])
    return found


def test_free_ports_do_not_come_round_again():
    """A resolver's ports must not be guessed (RFC 5452, 6056): made from the last one they ran in a circle of 131."""
    stack = Stack(VirtualCpu(0))
    seen = set()
    for _ in range(2000):
        endpoint = UdpEndpoint(stack)
        seen.add(endpoint.local[1])
        endpoint.close()
    assert len(seen) > 1800                     # of 28 232: a few are met twice by chance
    assert min(seen) >= 32768


def test_the_port_that_fits_best_gets_a_datagram():
    """Connected before bound to the address before open for all; each hears what the others do not want."""
    peer = Peer()
    general = UdpEndpoint(peer.stack, ("", 9), shared=True)
    bound = UdpEndpoint(peer.stack, (STACK, 9), shared=True)
    connected = UdpEndpoint(peer.stack, (STACK, 9), (PEER, 4000), shared=True)
    peer.stack.set_addresses("eth0", [f"{STACK}/24", "10.0.0.3/24"])
    peer.frame(datagram(b"from the friend"))
    peer.frame(datagram(b"from another port", port=4001))
    peer.frame(datagram(b"to another address", destination="10.0.0.3"))
    assert [all_of(port) for port in (connected, bound, general)] == [
        [b"from the friend"], [b"from another port"], [b"to another address"]]


def test_every_port_that_fits_gets_a_broadcast():
    """But not one that is connected: it has one address, a broadcast is sent to another (as on Linux)."""
    peer = Peer()
    general, other = (UdpEndpoint(peer.stack, ("", 9), shared=True) for _ in range(2))
    friend = UdpEndpoint(peer.stack, ("", 9), (PEER, 4000), shared=True)
    for source, payload in ((PEER, b"friend"), ("10.0.0.77", b"stranger")):
        peer.frame(datagram(payload, source=source, destination="10.0.0.255"), to=ALL)
    assert all_of(general) == all_of(other) == [b"friend", b"stranger"]
    assert all_of(friend) == []


def test_a_connected_port_has_the_address_towards_its_remote():
    """Programs ask so which address they have towards another; they were told 0.0.0.0."""
    peer = Peer()
    peer.stack.set_interface("eth1", ether=b"\2\0\0\0\0\x44")
    peer.stack.set_addresses("eth1", ["10.1.0.2/24"], announce=False)
    port = UdpEndpoint(peer.stack)
    assert port.local[0] == "0.0.0.0"
    port.connect(("10.1.0.9", 9))
    assert port.local == ("10.1.0.2", port.local[1])
    port.connect((PEER, 9))                     # it has one, and keeps it
    assert (port.local[0], port.remote) == ("10.1.0.2", (PEER, 9))
    assert UdpEndpoint(peer.stack, ("", 0), (PEER, 9)).local[0] == STACK
    assert UdpEndpoint(peer.stack, (GROUP, 9), (PEER, 9)).local == (GROUP, 9)
    bound = UdpEndpoint(peer.stack, ("", 9), (PEER, 4000))
    assert UdpEndpoint(peer.stack, ("10.1.0.2", 9)).local == ("10.1.0.2", 9)       # that address's port is free
    peer.frame(datagram(b"for the address towards its friend"))
    assert all_of(bound) == [b"for the address towards its friend"]


def test_a_port_whose_address_the_host_has_lost_sends_nothing():
    """After another lease, say: what it sent would be answered to whoever has it now, and nobody would know."""
    peer = Peer()
    connected, bound = UdpEndpoint(peer.stack, remote=(PEER, 9)), UdpEndpoint(peer.stack, (STACK, 5353))
    peer.stack.set_addresses(NAME, ["10.0.0.3/24"], announce=False)
    for port in (connected, bound):
        with pytest.raises(OSError) as caught:
            port.send(b"lost", (PEER, 9))
        assert caught.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(OSError) as caught:
        connected.connect((PEER, 10))
    assert (caught.value.errno, connected.remote) == (errno.EADDRNOTAVAIL, (PEER, 9))
    peer.let_go()
    peer.silence()


def test_a_remote_without_a_route_is_refused_at_once():
    """ENETUNREACH as on Linux; what was asked for before stays."""
    peer = Peer()
    port = UdpEndpoint(peer.stack)
    for remote, number in ((("192.0.2.1", 9), errno.ENETUNREACH), (("10.0.0.255", 9), errno.EACCES)):
        with pytest.raises(OSError) as caught:
            port.connect(remote)
        assert (caught.value.errno, port.local[0], port.remote) == (number, "0.0.0.0", None)
        with pytest.raises(OSError) as caught:
            UdpEndpoint(peer.stack, remote=remote)
        assert caught.value.errno == number
    port.broadcast = True
    port.connect(("10.0.0.255", 9))
    home = UdpEndpoint(peer.stack, ("127.0.0.1", 0))
    with pytest.raises(OSError) as caught:
        home.connect((PEER, 9))
    assert (caught.value.errno, home.remote) == (errno.EINVAL, None)


def test_a_broadcast_that_nobody_wants_is_counted_and_not_answered():
    """Every packet that is dropped has a name; RFC 1122 section 3.2.2 forbids an ICMP error."""
    peer = Peer()
    for destination in ("10.0.0.255", GROUP):
        peer.frame(datagram(destination=destination), to=ALL)
    peer.silence()
    assert peer.stack.counters["udp_no_port"] == 2


def test_a_port_bound_to_a_group_hears_the_group_alone():
    """A program that binds to a multicast address waited for ever; what it sends comes from the host, not the group."""
    peer = Peer()
    member = UdpEndpoint(peer.stack, (GROUP, 9))
    peer.frame(datagram(b"to the group", destination=GROUP), to=b"\x01\0\x5e\x01\x02\x03")
    peer.frame(datagram(b"to another", destination="239.1.2.4"), to=b"\x01\0\x5e\x01\x02\x04")
    assert all_of(member) == [b"to the group"]
    member.send(b"reply", (PEER, 4000))
    peer.let_go()
    assert peer.hear().source == STACK          # RFC 1122 section 3.2.1.3: never a source


def test_loopback_addresses_do_not_leave_the_host():
    """RFC 1122 section 3.2.1.3 (g): a port of 127.0.0.1 reaches this host only."""
    peer = Peer()
    port, other = UdpEndpoint(peer.stack, ("127.0.0.1", 0)), UdpEndpoint(peer.stack, ("", 9))
    with pytest.raises(OSError) as caught:
        port.send(b"martian", (PEER, 9))
    assert caught.value.errno == errno.EINVAL
    peer.let_go()
    peer.silence()
    port.send(b"at home", ("127.0.0.1", 9))
    port.send(b"as well", (STACK, 9))
    peer.let_go()
    assert all_of(other) == [b"at home", b"as well"]


def test_a_full_queue_drops_and_counts():
    """256 KiB of datagrams, their headers counted, empty ones too; what is read makes room again."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, ("", 9))
    for _ in range(400):
        peer.frame(datagram(bytes(1000)))
    kept = len(all_of(port))
    assert 200 < kept < 263
    assert peer.stack.counters["udp_queue_full"] == 400 - kept
    peer.frame(datagram(b"room again"))
    assert all_of(port) == [b"room again"]
    for _ in range(7000):
        peer.frame(datagram(b""))
    assert len(all_of(port)) < 7000


def test_icmp_about_datagrams_that_nobody_can_have_sent_changes_no_path():
    """Else anybody could have all connections to a host send small segments, with a port that is not even open."""
    peer = Peer()
    server = peer.accepted()
    quoted = datagram(bytes(1400), port=5555, to=9, source=STACK, destination=PEER)[:28]
    message = struct.pack("!BBHHH", 3, 4, 0, 0, 600) + quoted
    peer.frame(ip_packet(ICMP, message[:2] + struct.pack("!H", checksum(message)) + message[4:]))
    server.send(bytes(3000))
    peer.let_go()
    assert max(len(heard.ip) for heard in peer.drain()) == 1500

"""Neighbours of a host: who is asked, who is believed, what floods of questions do (RFC 826, RFC 1122, RFC 5227)."""

import errno
import struct

import pytest

from netos.proto.endpoints import TcpEndpoint
from netos.proto.stack_link import in_use, probe
from netos.proto.stack_tables import neighbours
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.segments import NAME, PEER, PEER_ETHER, STACK, STACK_ETHER, Peer, address

BROADCAST = b"\xff" * 6
OTHER = b"\x02\0\0\0\0\x33"


def arp(operation, sender_ether, sender, target):
    """An ARP packet."""
    return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + sender_ether + address(sender) + bytes(6)
            + address(target))


def asked(peer):
    """The requests sent since the last time, but for those about the peer: (to whom, sender, target)."""
    frames, peer.frames = list(peer.frames), type(peer.frames)()
    return [(frame[:6], ".".join(map(str, frame[28:32])), ".".join(map(str, frame[38:42]))) for frame in frames
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1"]


def state_of(peer, wanted):
    """What is known of an address, None: nothing."""
    return next((found[3] for found in neighbours(peer.stack) if found[0] == wanted), None)


def peer_of_a_quiet_link():
    """A peer that has heard the stack's announcements."""
    peer = Peer()
    peer.wait(2)
    asked(peer)
    return peer


def on_the_wide_link(**settings):
    """A peer whose stack has a link of 65 534 neighbours, one of which it has just sent to."""
    peer = Peer(**settings)
    peer.stack.set_addresses(NAME, [f"{STACK}/16"], announce=False)
    port = UdpEndpoint(peer.stack)
    port.send(b"hello", (PEER, 9))
    peer.let_go()
    assert len(peer.drain()) == 1
    asked(peer)
    return peer, port


def number(address_number):
    return f"10.0.{address_number >> 8 & 255}.{address_number & 255}"


def test_questions_do_not_push_out_who_is_talked_to():
    """A flood of requests from made-up senders: the entries that it makes go before those we send to."""
    peer, port = on_the_wide_link()
    for sender in range(0x1000, 0x1000 + 3000):
        peer.frame(arp(1, OTHER, number(sender), STACK), 0x0806)
        assert len(neighbours(peer.stack)) <= 1024
    assert state_of(peer, PEER) == "reachable"
    before = peer.stack.counters["arp_requests_sent"]
    port.send(b"again", (PEER, 9))
    peer.let_go()
    assert peer.stack.counters["arp_requests_sent"] == before


def test_neighbours_that_never_answer_leave_room_for_those_that_do():
    """Whoever makes us send to thousands who are not there: the oldest questions make way, those we talk to stay."""
    peer, port = on_the_wide_link()
    for target in range(0x1000, 0x1000 + 3000):
        port.send(b"x", (number(target), 9))
        peer.let_go()
    assert state_of(peer, PEER) == "reachable"
    port.send(b"new", ("10.0.0.77", 9))
    peer.let_go()
    assert asked(peer)[-1][2] == "10.0.0.77"
    peer.frame(arp(2, OTHER, "10.0.0.77", STACK), 0x0806)
    assert [heard.destination for heard in peer.drain()] == ["10.0.0.77"]
    assert len(neighbours(peer.stack)) == 1024
    assert peer.stack.counters["arp_table_full"] == 3000 + 2 - 1024     # the packets that waited with them


@pytest.mark.parametrize("sender", ["224.0.0.5", "127.0.0.1", "240.0.0.1", "255.255.255.255", "10.0.0.255", "0.0.0.0"])
def test_only_hosts_become_neighbours(sender):
    """A group, the loopback, a broadcast: nobody sends to such an entry, it would only take room. It is answered."""
    peer = Peer()
    peer.frame(arp(1, OTHER, sender, STACK), 0x0806)
    assert neighbours(peer.stack) == []
    assert peer.stack.counters["arp_replies_sent"] == 1


@pytest.mark.parametrize("ether", [BROADCAST, b"\1\0\x5e\0\0\1", bytes(6)])
def test_an_ethernet_address_is_that_of_one_station(ether):
    """Packets for a neighbour at a group's or at no address would go to everybody, or nowhere."""
    peer = Peer()
    peer.frame(arp(1, ether, "10.0.0.9", STACK), 0x0806)
    assert neighbours(peer.stack) == []
    assert peer.stack.counters["arp_bad"] == 1
    assert peer.stack.counters["arp_replies_sent"] == 0


def test_nobody_is_believed_who_was_not_asked():
    """Announcements, replies to nobody, requests for others: no entry (RFC 826); one that is there is changed."""
    peer = Peer()
    peer.frame(arp(2, OTHER, "10.0.0.9", STACK), 0x0806)
    peer.frame(arp(1, OTHER, "10.0.0.9", "10.0.0.9"), 0x0806)
    peer.frame(arp(1, OTHER, "10.0.0.9", "10.0.0.8"), 0x0806)
    assert neighbours(peer.stack) == []
    peer.frame(arp(1, OTHER, "10.0.0.9", STACK), 0x0806)
    peer.frame(arp(2, PEER_ETHER, "10.0.0.9", "10.0.0.9"), 0x0806)
    assert neighbours(peer.stack)[0][1] == PEER_ETHER.hex(":")


def test_the_question_comes_from_an_address_of_the_neighbours_network():
    """Hosts that check where a question comes from do not answer a sender of another network."""
    peer = Peer()
    peer.stack.set_addresses(NAME, [f"{STACK}/24", "192.168.7.2/24"], announce=False)
    port = UdpEndpoint(peer.stack)
    port.send(b"x", ("192.168.7.9", 9))
    peer.let_go()
    assert asked(peer)[-1] == (BROADCAST, "192.168.7.2", "192.168.7.9")


def test_a_neighbour_that_has_moved_is_found():
    """Another machine has taken the address over: the last question goes to all, before anybody is given up."""
    peer = Peer()
    port = UdpEndpoint(peer.stack)
    peer.frame(arp(1, OTHER, "10.0.0.9", STACK), 0x0806)
    peer.wait(40)
    asked(peer)
    port.send(b"x", ("10.0.0.9", 9))
    peer.wait(2.5)
    assert asked(peer) == [(OTHER, STACK, "10.0.0.9")] * 2 + [(BROADCAST, STACK, "10.0.0.9")]
    peer.frame(arp(2, PEER_ETHER, "10.0.0.9", STACK), 0x0806)
    assert neighbours(peer.stack)[0][1:4] == (PEER_ETHER.hex(":"), NAME, "reachable")


def test_the_last_packet_waits_for_a_neighbour():
    """RFC 1122 section 2.3.2.2: three wait, the newest among them, and leave in their order."""
    peer = Peer()
    port = UdpEndpoint(peer.stack)
    for text in (b"1", b"2", b"3", b"4", b"5"):
        port.send(text, ("10.0.0.9", 9))
    peer.let_go()
    peer.frame(arp(2, OTHER, "10.0.0.9", STACK), 0x0806)
    assert [heard.payload[8:] for heard in peer.drain()] == [b"1", b"2", b"5"]


def test_users_hear_of_a_neighbour_that_does_not_answer():
    """Three questions, a second apart: then a connected UDP port has an error, as after ICMP (RFC 1122 4.1.3.3)."""
    peer = peer_of_a_quiet_link()
    port = UdpEndpoint(peer.stack, remote=("10.0.0.9", 9))
    other = UdpEndpoint(peer.stack)
    port.send(b"x")
    other.send(b"x", ("10.0.0.9", 9))
    peer.wait(2.9)
    assert (len(asked(peer)), port.receive()) == (3, None)
    peer.wait(0.2)
    with pytest.raises(OSError) as caught:
        port.receive()
    assert caught.value.errno == errno.EHOSTUNREACH
    assert other.receive() is None
    port.send(b"x")                                     # while it is known not to answer: told at once
    peer.let_go()
    with pytest.raises(OSError):
        port.receive()
    assert asked(peer) == []


def test_a_connection_to_nobody_fails_soon():
    """An asyncio program waits three seconds for "no route to host", not three minutes for "timed out"."""
    peer = Peer()
    endpoint = TcpEndpoint(peer.stack, ("10.0.0.9", 80))
    peer.wait(3.5)
    assert (endpoint.state, endpoint.error) == ("CLOSED", errno.EHOSTUNREACH)
    again = TcpEndpoint(peer.stack, ("10.0.0.9", 80))
    peer.wait(0.1)
    assert (again.state, again.error) == ("CLOSED", errno.EHOSTUNREACH)


def test_an_open_connection_outlives_its_neighbour():
    """The router is rebooted: what is open goes on afterwards; the reason is there to be asked for (MUST-56)."""
    peer = Peer()
    server = peer.accepted()
    peer.wait(40)
    peer._hear = lambda frame: None                     # nobody is there
    server.send(b"data")
    peer.wait(30)
    assert (server.state, server.soft_error) == ("ESTABLISHED", errno.EHOSTUNREACH)
    del peer._hear
    peer.wait(60)
    assert peer.drain()[-1].data == b"data"
    peer.send(ack=peer.heard + 4)                       # it has gone on: another end will have another reason
    assert server.soft_error == 0


# An address that is to be ours (RFC 5227 section 2.1)

def test_an_address_that_somebody_has_is_in_use():
    peer = peer_of_a_quiet_link()
    probe(peer.stack, NAME, "10.0.0.9")
    peer.let_go()
    assert asked(peer) == [(BROADCAST, "0.0.0.0", "10.0.0.9")]
    assert not in_use(peer.stack, NAME, "10.0.0.9")
    peer.frame(arp(2, OTHER, "10.0.0.9", "0.0.0.0"), 0x0806)
    assert in_use(peer.stack, NAME, "10.0.0.9")


def test_an_address_that_somebody_else_wants_as_well_is_in_use():
    """RFC 5227 section 2.1.1: two that probe the same address at once must not both have it. Our own echo is nobody."""
    peer = Peer()
    probe(peer.stack, NAME, "10.0.0.9")
    peer.frame(arp(1, STACK_ETHER, "0.0.0.0", "10.0.0.9"), 0x0806)
    assert not in_use(peer.stack, NAME, "10.0.0.9")
    peer.frame(arp(1, OTHER, "0.0.0.0", "10.0.0.9"), 0x0806)
    assert in_use(peer.stack, NAME, "10.0.0.9")
    peer.frame(arp(1, PEER_ETHER, "0.0.0.0", "10.0.0.9"), 0x0806)      # a third one: no answer from the second
    assert neighbours(peer.stack)[0][1] == OTHER.hex(":")


def test_who_is_about_to_have_an_address_has_it_not_yet():
    """We want to send to an address that somebody probes: the probe is no answer."""
    peer = Peer()
    port = UdpEndpoint(peer.stack)
    port.send(b"x", ("10.0.0.9", 9))
    peer.frame(arp(1, OTHER, "0.0.0.0", "10.0.0.9"), 0x0806)
    assert state_of(peer, "10.0.0.9") == "incomplete"
    peer.silence()


def test_an_address_is_announced_twice():
    """RFC 5227 section 2.3: two announcements, two seconds apart; one may be lost, and a stale entry stayed."""
    peer = Peer()
    announced = (BROADCAST, STACK, STACK)
    assert asked(peer) == [announced]
    peer.wait(1)
    peer.stack.set_addresses(NAME, [f"{STACK}/24", "10.0.0.3/24"])         # one that stays is not begun with anew
    peer.let_go()
    assert asked(peer) == [(BROADCAST, "10.0.0.3", "10.0.0.3")]
    peer.wait(0.9)
    assert asked(peer) == []
    peer.wait(0.1)
    assert asked(peer) == [announced]
    peer.wait(1)
    assert asked(peer) == [(BROADCAST, "10.0.0.3", "10.0.0.3")]
    assert peer.stack.next_timeout is None
    peer.wait(100)
    assert asked(peer) == []


@pytest.mark.parametrize("gone", ["address", "interface", "host"])
def test_an_address_that_is_gone_is_not_announced_again(gone):
    """Whoever has it now would have to defend it; nor is the timer of what is gone called."""
    peer = Peer()
    peer.stack.set_interface("eth1", ether=OTHER)
    peer.stack.set_addresses("eth1", ["10.1.0.2/24"])
    if gone == "address":
        peer.stack.set_addresses(NAME, ["10.0.0.7/24"], announce=False)
        peer.stack.set_addresses("eth1", [])
    elif gone == "interface":
        peer.stack.remove_interface("eth1")
        peer.stack.set_addresses(NAME, [], announce=False)
    else:
        peer.stack = None
        return
    before = peer.stack.counters["arp_requests_sent"]
    assert peer.stack.next_timeout is None
    peer.wait(10)
    assert peer.stack.counters["arp_requests_sent"] == before


def test_a_defence_is_one_announcement():
    """RFC 5227 section 2.4 (b): one, and not again for ten seconds."""
    peer = peer_of_a_quiet_link()
    peer.frame(arp(2, OTHER, STACK, STACK), 0x0806)
    assert asked(peer) == [(BROADCAST, STACK, STACK)]
    assert peer.stack.next_timeout is None


# What goes to all

@pytest.mark.parametrize(("destination", "ether"), [
    ("255.255.255.255", BROADCAST), ("10.0.0.255", BROADCAST), ("224.1.2.3", b"\1\0\x5e\1\2\3"),
    ("239.255.255.250", b"\1\0\x5e\x7f\xff\xfa")])
def test_what_is_for_all_is_sent_to_all(destination, ether):
    """With a default route, too: it must not go to the router as if it were for it alone (RFC 1112 section 6.4)."""
    peer = Peer()
    peer.stack.set_addresses(NAME, [f"{STACK}/24"], "10.0.0.1", announce=False)
    port = UdpEndpoint(peer.stack)
    port.broadcast = True
    port.send(b"x", (destination, 9))
    peer.stack.poll(peer.now)
    (frame,) = [bytes(packet) for packet in peer.stack.take(NAME)]
    assert frame[:6] == ether
    assert frame[26:30] == address(STACK)
    assert frame[22] == (1 if destination.startswith("2") and ether != BROADCAST else 64)   # RFC 1112 section 6.1


def test_a_broadcast_needs_a_link_that_is_up():
    """The first interface has been removed: the next one is taken."""
    peer = Peer()
    peer.stack.set_interface("eth1", ether=OTHER)
    peer.stack.remove_interface(NAME)
    peer.stack.set_addresses("eth1", ["10.1.0.2/24"], announce=False)
    port = UdpEndpoint(peer.stack)
    port.broadcast = True
    port.send(b"x", ("255.255.255.255", 9))
    peer.stack.poll(peer.now)
    assert [bytes(packet)[:6] for packet in peer.stack.take("eth1")] == [BROADCAST]


def test_a_packet_on_its_way_is_no_trouble_when_its_link_goes():
    """What waits for a neighbour comes home, and nobody is told that the neighbour was not there."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, remote=("10.0.0.9", 9))
    port.send(b"x")
    peer.let_go()
    peer.stack.remove_interface(NAME)
    assert port.receive() is None

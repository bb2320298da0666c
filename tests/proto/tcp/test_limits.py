"""Peers that never read, never acknowledge, open and abandon, send single bytes: memory is bounded, and it ends."""

import errno

import pytest

from netos.kernel.vcpu import VirtualCpu
from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.proto.stack import Stack
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.link import Link
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import NAME, PEER, PEER_ETHER, SECOND, STACK_ETHER, WORD, Peer


def test_a_peer_that_never_reads_holds_no_more_than_the_send_buffer():
    """And as long as it answers probes, the connection of a user who waits stays; of one who has closed it does not."""
    peer = Peer(send_buffer=10_000)
    server = peer.accepted(window=0)
    start = peer.heard
    assert server.send(bytes(50_000)) == 10_000
    for _ in range(300):
        peer.wait(1)
        if peer.drain():
            peer.send(b"", "A", ack=start, window=0)
    assert server.state == "ESTABLISHED"
    server.close()
    for _ in range(300):
        peer.wait(1)
        if peer.drain():
            peer.send(b"", "A", ack=start, window=0)
    assert peer.stack.tcp_count == (0, 0, 0)


def test_a_peer_that_never_acknowledges_is_given_up():
    """After the user timeout, also when it goes on sending data of its own."""
    peer = Peer()
    server = peer.accepted()
    server.send(b"never acknowledged")
    for number in range(300):
        peer.wait(1)
        if server.state != "CLOSED":
            peer.frame(peer.segment(b"x", "PA", seq=peer.next + number, ack=peer.heard))
    assert (server.state, server.error) == ("CLOSED", errno.ETIMEDOUT)


def test_who_opens_and_abandons_is_forgotten():
    """Half-open connections are dropped after a minute or so; those nobody accepts are no more than the backlog."""
    peer = Peer()
    peer.listen(backlog=10)
    for number in range(50):
        peer.port = 2000 + number
        peer.send(b"", "S", seq=number)
    assert peer.stack.tcp_count[1] <= 10
    peer.wait(120)
    assert peer.stack.tcp_count == (0, 0, 0)
    peer.drain()
    for number in range(50):
        peer.port = 3000 + number
        peer.send(b"", "S", seq=0)
        heard = [one for one in peer.drain() if "S" in one.flags]
        if heard:
            peer.heard, peer.next = heard[0].end, 1
            peer.send(b"", "A")
    assert peer.listener.waiting == 10
    assert peer.stack.tcp_count[0] == 10
    assert peer.stack.counters["tcp_backlog_full"] > 0
    peer.listener.close()
    peer.let_go()
    peer.wait(0.001)
    assert peer.stack.tcp_count == (0, 0, 0)
    assert [one.flags for one in peer.drain() if "R" in one.flags] == ["RA"] * 10


def test_no_more_connections_than_there_is_room_for():
    """A stack that is full says so to its users, and counts it; it goes on with those it has."""
    stack = Stack(VirtualCpu(0), connections=20)
    stack.now = SECOND
    stack.set_interface("eth0", ether=b"\x02\0\0\0\0\x01")
    stack.set_addresses("eth0", ["10.0.0.2/24"])
    clients = [TcpEndpoint(stack, (PEER, 80)) for _ in range(20)]
    with pytest.raises(OSError) as caught:
        TcpEndpoint(stack, (PEER, 80))
    assert caught.value.errno == errno.ENOBUFS
    assert stack.counters["tcp_no_memory"] == 1
    for client in clients:
        client.abort()
    stack.poll(SECOND)
    assert stack.tcp_count == (0, 0, 0)


@mutation("tcp_data.pyx", "    if ranges_add(&tcb.received,", "    if 1 or ranges_add(&tcb.received,")
def test_single_bytes_in_reverse_order():
    """Number 29 of the packets that break stacks: more gaps than are kept; what is dropped is not said to be there."""
    peer = Peer()
    server = peer.accepted(sack=True)
    base, text = peer.next, bytes(range(256)) * 4
    for number in range(len(text) - 1, 0, -2):
        peer.send(text[number:number + 1], "PA", seq=base + number)
    told = {number for heard in peer.drain() for first, end in heard.sacks for number in range(first, end)}
    assert 64 <= len(told) < len(text) // 2
    for number in range(len(text)):
        if (base + number) % WORD not in told:
            peer.send(text[number:number + 1], "PA", seq=base + number)
    assert server.receive() == text


def test_a_thousand_connections_leave_nothing_behind():
    """Opened, used and closed in every way: no block, packet or timer stays."""
    peer = Peer(segment_lifetime=0.5)
    peer.listen()
    for number in range(1000):
        peer.port, peer.window = 1024 + number, 65535
        peer.open(sack=bool(number & 1), timestamp=number if number & 2 else None)
        server = peer.listener.accept()
        peer.send(b"x" * number, "PA")
        server.send(b"y" * number)
        if number % 3 == 0:
            server.abort()
            peer.let_go()
        elif number % 3 == 1:
            peer.send(b"", "R")
            server.close()
        else:
            server.receive()
            server.close()
            peer.let_go()
            heard = peer.drain()
            peer.send(b"", "FA", ack=heard[-1].end)
        peer.drain()
    peer.wait(2)
    assert peer.stack.tcp_count == (0, 0, 0)
    assert peer.cpu.balance["held"] == 0


def test_packets_without_end_for_a_neighbour_that_is_not_there():
    """A connection to a host that does not answer ARP holds three packets at most, and is refused at last."""
    peer = Peer()
    client = TcpEndpoint(peer.stack, ("10.0.0.99", 80))
    peer.wait(400)
    assert client.state == "CLOSED"
    assert client.error in (errno.ETIMEDOUT, errno.EHOSTUNREACH)
    assert peer.cpu.balance["held"] == 0


def receive(peer, *segments):
    """Hand segments to the stack at once; nothing of what it sends is taken from it."""
    peer.stack.receive(NAME, [STACK_ETHER + PEER_ETHER + b"\x08\0" + segment for segment in segments], peer.now)


@mutation("tcp_output.pyx",
          "        if path.room == 0:\n            tcb_touch(tcb)\n",
          "        if path.room == 0:\n            pass\n")
def test_an_acknowledgment_waits_for_room_on_the_link():
    """A link that has all it can hold: the acknowledgment of a FIN goes afterwards, not when the peer asks again."""
    peer = Peer()
    server = peer.accepted()
    port = UdpEndpoint(peer.stack)
    port.send(b"x", (PEER, 9))
    peer.let_go()
    with pytest.raises(BlockingIOError):
        while True:
            port.send(b"x", (PEER, 9))
    receive(peer, peer.segment(b"", "FA"))
    peer.let_go()
    assert [heard.ack for heard in peer.drain() if heard.protocol == 6] == [peer.next + 1]
    assert server.finished


@mutation("tcp_output.pyx",
          "            failed = 1\n            break\n",
          "            set_timer(tcb, TIMER_DELAYED_ACK, tcp.host.now + AGAIN_AFTER)\n            break\n")
def test_data_that_found_no_buffer_goes_when_there_is_one():
    """Five milliseconds later: also when an acknowledgment, which takes a small buffer, went meanwhile."""
    peer = Peer()
    peer.stack.set_interface(NAME, ether=STACK_ETHER, offload=True)
    server = peer.accepted()
    kept = []
    with pytest.raises(MemoryError):
        while True:
            kept.append(peer.cpu.packet(bytes(60_000)))
    server.send(bytes(8 * 1460))
    receive(peer, peer.segment(bytes(100), "A"), peer.segment(bytes(100), "A", seq=peer.next + 100))
    peer.let_go()
    assert [(len(heard.data), heard.ack) for heard in peer.drain()] == [(0, peer.next + 200)]
    for packet in kept:
        packet.kill()
    peer.wait(0.006)
    assert sum(len(heard.data) for heard in peer.drain()) == 8 * 1460


def leave_a_gap(peer, port, length=30_000):
    """A connection from a port, all but the first byte of it come: the packet that fills the gap, and its endpoint."""
    peer.port, peer.window = port, 65535
    peer.open(sack=True, scale=7)
    send_rest(peer, length)
    return peer.segment(b"!", "PA"), peer.listener.accept()


def send_rest(peer, length=30_000):
    """All but the first byte."""
    rest = bytes(range(200)) * (length // 200)
    for at in range(0, length, 1000):
        peer.send(rest[at:at + 1000], "A", seq=peer.next + 1 + at)
    peer.drain()


@mutation("tcp_data.pyx", "        prune(tcb)\n", "        pass\n")
@mutation("tcp_data.pyx", "                ring_shrink(&other.receive, other.receive.used)\n", "                pass\n")
def test_gaps_that_nobody_fills_hold_a_half_of_the_memory_together():
    """Without a bound a few hundred peers, not even accepted, hold the memory of the machine; nothing ends that.

    Whoever comes later still has his bytes out of order kept, sooner or later: one of the others makes way.
    """
    peer = Peer(memory=1 << 20)
    peer.listen(backlog=100)
    fills = [leave_a_gap(peer, 2000 + number) for number in range(60)]
    assert peer.stack.memory["rings"] <= 1 << 19
    assert peer.stack.counters["tcp_pruned"] > 10
    for _ in range(20):
        send_rest(peer)             # those that are kept already do no harm
    packet, server = fills[-1]
    peer.frame(packet)
    assert server.readable == 30_001, "who came last was refused"
    assert server.receive() == b"!" + bytes(range(200)) * 150


@mutation("tcp_data.pyx", "        if pool.taken + wanted > pool.limit // 2:\n            return 0\n", "        pass\n")
def test_a_single_gap_holds_no_more_than_half_of_the_memory_either():
    """Where there is nobody to make way, what comes behind is dropped as if lost, and counted."""
    peer = Peer(memory=1 << 16)
    peer.listen()
    packet, server = leave_a_gap(peer, 2000, 60_000)
    assert peer.stack.memory["rings"] <= 1 << 15
    assert peer.stack.counters["tcp_no_memory"] > 0
    peer.frame(packet)
    assert server.readable > 16_000


def test_all_memory_taken_by_those_who_do_not_read_leaves_a_little_for_everyone():
    """The least circle: with the memory of the stack used up, a new connection still asks and is answered."""
    peer = Peer(memory=1 << 18, receive_buffer=1 << 17)
    peer.listen(backlog=100)
    hoarders = []
    for number in range(20):
        peer.port, peer.window = 2000 + number, 65535
        peer.open(scale=7)
        hoarders.append(peer.listener.accept())
        for _ in range(100):
            peer.send(bytes(1000), "A")
        peer.drain()
    assert peer.stack.memory["rings"] <= (1 << 18) + 20 * 4096
    assert peer.stack.counters["tcp_no_memory"] > 0
    peer.port, peer.window = 3000, 65535
    peer.open(scale=7)
    server = peer.listener.accept()
    peer.send(b"a question" * 100, "PA")
    assert server.receive() == b"a question" * 100
    assert server.send(bytes(50_000)) == 4096
    peer.let_go()
    for heard in peer.drain()[-1:]:
        peer.heard = heard.end
        peer.send()
    assert server.send(bytes(50_000)) > 0, "the rest goes piece by piece"


@mutation("tcp_data.pyx", "        length = min(length, tcb.receive.size - tcb.receive.used)\n", "        return 1\n")
@mutation("tcp_emit.pyx", "            field = min(field, ring_left(tcb) >> tcb.rcv_scale)\n", "            pass\n")
@mutation("tcp_user.pyx", "(closed and ring_left(tcb) or ", "(")
def test_what_there_is_no_memory_for_closes_the_window():
    """Dropped without a word it is sent again until the peer gives the connection up, while it is told to send."""
    peer = Peer(memory=0)
    server = peer.accepted(scale=0)
    data = bytes(range(128)) * 64
    for at in range(0, 4380, 1460):
        peer.send(data[at:at + 1460], "PA")
    peer.expect("A", ack=1001 + 2920)
    peer.expect("A", ack=1001 + 4096, window=0)     # as much as the least circle holds
    peer.next = 1001 + 4096
    peer.send(data[4096:4097], "A", seq=peer.next)
    peer.expect("A", ack=peer.next, window=0)       # a probe
    assert server.receive(100) == data[:100]
    peer.let_go()
    peer.silence()                                  # not for so little
    assert server.receive(1400) == data[100:1500]
    peer.let_go()
    assert peer.expect("A", ack=peer.next).window == 1500 >> 5, "in units of 32"
    peer.stack.configure_tcp(memory=1 << 20)
    assert server.receive() == data[1500:4096]
    peer.send(data[4096:5556], "PA", seq=peer.next)
    peer.wait(0.1)
    assert peer.expect("A", ack=peer.next + 1460).window > 10_000
    assert server.receive() == data[4096:5556]


@mutation("tcp_data.pyx", "        tcb.bits |= TCB_NO_ROOM | TCB_ACK_NOW\n", "        tcb.bits |= TCB_ACK_NOW\n")
def test_who_reads_late_gets_all_though_memory_is_out():
    """His peer waits at a closed window for longer than it would wait for acknowledgments."""
    link = Link()
    link.right.configure_tcp(memory=0)
    listener = TcpListener(link.right, ("0.0.0.0", 80))
    client = TcpEndpoint(link.left, ("10.0.0.2", 80))
    assert link.run(lambda: listener.waiting)
    server = listener.accept()
    data = bytes(range(250)) * 160
    assert client.send(data) == len(data)
    link.run(seconds=600)
    got = bytearray()
    assert link.run(lambda: len(got) == len(data), each=lambda: got.extend(server.receive()), seconds=60), client.error
    assert got == data

"""What stacks are told apart by (RFC 5961, 7323, 2018, 3168 and others): each probe as a script of segments."""

import struct

import pytest

from netos.checksum import checksum
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import (
    ICMP,
    PEER,
    PEER_ETHER,
    STACK,
    STACK_ETHER,
    UDP,
    WORD,
    Peer,
    address,
    ip_packet,
    sack_option,
    timestamps,
    with_checksum,
)


def datagram(payload, *, port=4000, to=9, source=PEER, destination=STACK, corrupt=False):
    """A UDP datagram, without its IP header."""
    made = with_checksum(UDP, struct.pack("!HHHH", port, to, 8 + len(payload), 0) + payload, 6, source, destination)
    return made[:6] + bytes((made[6] ^ corrupt,)) + made[7:]


def arp(operation, sender_ether, sender, target):
    """An ARP packet."""
    return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + sender_ether + address(sender) + bytes(6)
            + address(target))


@mutation("tcp_passive.pyx",
          "        bare.acknowledgment = segment.sequence + segment_span(segment)\n",
          "        bare.acknowledgment = segment.sequence\n")
def test_a_closed_port_resets():
    """RFC 9293 section 3.10.7.1: a SYN gets RST,ACK of all it takes, an ACK a RST where it points, a RST nothing."""
    peer = Peer()
    peer.send(b"data", "S", seq=500)
    peer.expect("RA", seq=0, ack=505)
    peer.send(b"", "A", seq=500, ack=12345)
    peer.expect("R", seq=12345)
    peer.send(b"x", "FA", seq=500, ack=777)
    peer.expect("R", seq=777)
    peer.send(b"", "R", seq=500)
    peer.send(b"", "RA", seq=500, ack=1)
    peer.silence()


@mutation("tcp_input.pyx",
          "    elif segment.flags & TCP_SYN and not segment.flags & TCP_FIN and segment.source_port:",
          "    elif segment.flags & TCP_SYN and segment.source_port:")
@pytest.mark.parametrize("flags", ["SF", "", "FPU", "F", "P", "SFU", "SR", "SRF", "FR", "R"])
def test_nonsense_to_a_listener_is_ignored(flags):
    """SYN+FIN, null, xmas and so on: no connection, no answer."""
    peer = Peer()
    peer.listen()
    peer.send(b"", flags)
    peer.wait(2)
    peer.silence()
    assert peer.stack.tcp_count == (0, 0, 0)


@mutation("tcp_passive.pyx", "TCP_SYN | TCP_ACK | (TCP_ECE if offer.ecn else 0)", "TCP_SYN | TCP_ACK")
@mutation("tcp_input.pyx", "            tcb.bits |= TCB_ECE_PENDING | TCB_ACK_NOW\n", "            pass\n")
def test_explicit_congestion_notification():
    """RFC 3168: negotiated, marks echoed until CWR, echoes answered by half the window, once, and CWR."""
    peer = Peer()
    server = peer.accepted(flags="SEC")
    assert server.facts["ecn"]
    peer.send(b"marked", "PA", tos=3)
    peer.expect("AE")
    peer.send(b"more", "PA", tos=2)
    peer.wait(0.1)
    peer.expect("AE")
    peer.send(b"reduced", "PAC", tos=2)
    peer.wait(0.1)
    peer.expect("A")
    server.send(bytes(20 * 1460))
    peer.let_go()
    sent = peer.drain()
    assert {heard.tos & 3 for heard in sent} == {2}
    peer.send(b"", "AE", ack=sent[0].end)
    peer.send(b"", "AE", ack=sent[1].end)
    assert server.facts["cwnd"] == 10 * 1460 // 2
    for heard in sent[2:]:
        peer.send(b"", "A", ack=heard.end)
    assert peer.hear().flags in ("AC", "PAC")


def test_without_ecn_in_the_syn_marks_mean_nothing():
    """RFC 3168: neither echoed nor set."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"marked", "PA", tos=3)
    server.send(b"x")
    peer.let_go()
    assert peer.expect("PA").tos == 0


@mutation("tcp_input.pyx",
          "        if segment.sequence == tcb.rcv_nxt:\n            reset_by_peer(tcb)",
          "        if 1:\n            reset_by_peer(tcb)")
def test_a_reset_that_is_not_exact_is_challenged():
    """RFC 5961 section 3: in the window: an ACK, and life goes on; outside: silence; exact: the end."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"", "R", seq=peer.next + 100)
    peer.expect("A", ack=peer.next)
    peer.send(b"", "R", seq=peer.next + 1_000_000)
    peer.send(b"", "R", seq=peer.next - 1)
    peer.wait(1)
    peer.silence()
    peer.send(bytes(1000), "R", seq=peer.next - 500)        # its data reaches into the window, it does not
    assert server.state == "ESTABLISHED"
    peer.drain()
    peer.send(b"", "R", seq=peer.next)
    assert server.state == "CLOSED"


@mutation("tcp_output.pyx",
          "    if tcb.challenged_at and now - tcb.challenged_at < CHALLENGE_INTERVAL:\n        return\n",
          "")
def test_challenges_are_few():
    """RFC 5961 section 7: limited for each connection by itself (a common limit would tell others about it)."""
    peer = Peer()
    server = peer.accepted()
    for _ in range(100):
        peer.send(b"", "R", seq=peer.next + 100)
        peer.wait(0.01)
    assert len(peer.drain()) <= 2
    peer.port += 1
    peer.open()
    peer.send(b"", "R", seq=peer.next + 100)
    assert len(peer.drain()) == 1, "another connection has a limit of its own"
    assert server.state == "ESTABLISHED"


@mutation("tcp_input.pyx",
          "    if cut.flags & TCP_SYN:\n"
          "        tcp_challenge(tcb)                                  # RFC 5961 section 4.2\n        return\n",
          "    if cut.flags & TCP_SYN:\n        reset_by_peer(tcb)\n        return\n")
@pytest.mark.parametrize("offset", [0, 100, -1, -5000, 1_000_000])
def test_a_syn_for_an_open_connection_is_challenged(offset):
    """RFC 5961 section 4: whatever its number, an ACK tells what is expected, and the connection lives."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"", "S", seq=peer.next + offset)
    peer.expect("A", ack=peer.next)
    assert server.state == "ESTABLISHED"


@mutation("tcp_input.pyx", "    if sequence_before(tcb.snd_max, ack) or sequence_before(", "    if sequence_before(")
@pytest.mark.parametrize(("offset", "answered"), [(1, True), (100_000, True), ((1 << 31) - 1, True), (-200_000, True)])
def test_acknowledgments_of_what_was_never_sent_or_long_ago(offset, answered):
    """RFC 9293 section 3.10.7.4, RFC 5961 section 5: an ACK in return; the data with it is not taken."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"injected", "PA", seq=peer.next, ack=peer.heard + offset)
    assert server.readable == 0
    assert bool(peer.drain()) == answered


@mutation("tcp_emit.pyx", "    if tcb.bits & TCB_DSACK:\n        put_block(", "    if 0:\n        put_block(")
@mutation("tcp_data.pyx", "    tcp_acknowledge(tcb)\n\n\ncdef void advance(", "\n\ncdef void advance(")
def test_out_of_order_data_is_kept_and_told():
    """RFC 2018, 2883, 5681: a duplicate ACK with blocks, the latest first; gaps filled at once; duplicates by DSACK."""
    peer = Peer()
    server = peer.accepted(sack=True)
    base = peer.next
    for offset, blocks in ((100, [(100, 110)]), (300, [(300, 310), (100, 110)]),
                           (200, [(200, 210), (300, 310), (100, 110)]), (110, [(100, 120), (200, 210), (300, 310)])):
        peer.send(bytes(10), "PA", seq=base + offset)
        assert [(a - base, b - base) for a, b in peer.expect("A", ack=base).sacks] == blocks
    peer.send(bytes(10), "PA", seq=base + 200)              # again
    assert peer.expect("A", ack=base).sacks[0] == (base + 200, base + 210)
    peer.send(bytes(100), "PA", seq=base)
    assert peer.expect("A", ack=base + 120).sacks == [(base + 200, base + 210), (base + 300, base + 310)]
    peer.send(bytes(50), "PA", seq=base)                    # old
    assert peer.expect("A", ack=base + 120).sacks[0] == (base, base + 50)
    assert server.readable == 120


@mutation("tcp_input.pyx",
          "        if sequence_before(segment.ts_value, tcb.ts_recent) and not outdated(tcb):\n",
          "        if 0:\n")
@mutation("tcp_input.pyx",
          "cdef int64_t PAWS_LIMIT = <int64_t>24 * 24 *",
          "cdef int64_t PAWS_LIMIT = <int64_t>24 * 240 *")
def test_old_timestamps_are_dropped():
    """RFC 7323 section 5: with an ACK; a RST passes; after 24 days of silence anything is new."""
    peer = Peer()
    server = peer.accepted(timestamp=1000)
    peer.timestamp = 2000
    peer.send(b"new", "PA")
    peer.send(b"old", "PA", seq=peer.next, options=timestamps(1999, 0))
    assert peer.expect("A", ack=peer.next).timestamps[1] == 2000
    assert server.receive() == b"new"
    peer.wait(25 * 24 * 3600)
    peer.drain()
    peer.send(b"later", "PA", options=timestamps(1500, 0))
    assert server.receive() == b"later"


@mutation("tcp_input.pyx", "end if sequence_before(end, tcb.rcv_nxt) else tcb.rcv_nxt)", "end)")
def test_what_was_refused_is_not_said_to_be_there():
    """A segment that PAWS drops, a part of it old: the DSACK block ends before the new part."""
    peer = Peer()
    peer.listen()
    peer.open(sack=True, timestamp=1000)
    server = peer.listener.accept()
    peer.timestamp = 2000
    peer.send(b"0123456789", "PA")
    peer.send(b"56789abcde", "PA", seq=peer.next - 5, options=timestamps(1999, 0))
    assert peer.expect("A", ack=peer.next).sacks in ([], [(peer.next - 5, peer.next)])
    assert server.receive() == b"0123456789"


@mutation("tcp_ack.pyx",
          "        if (0 < first - tcb.snd_una < end",
          "        if (0 <= first - tcb.snd_una < end")
def test_a_block_at_the_acknowledgment_itself_is_nonsense():
    """A peer that says so must not have us send nothing for ever: the first segment is sent again like any other."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.heard
    server.send(bytes(8 * 1460))
    peer.let_go()
    assert len(peer.drain()) == 8
    for number in range(2, 7):
        peer.send(b"", "A", ack=start,
                  options=sack_option((start, start + 1460), (start + 1460 * 2, start + 1460 * (number + 1))))
    assert peer.drain()[0].seq == start
    peer.send(b"", "A", ack=start + 1460 * 2, options=sack_option((start + 1460 * 2, start + 1460 * 4)))
    peer.wait(2)
    assert (start + 1460 * 2) % WORD in [heard.seq for heard in peer.drain()]


@mutation("stack_input.pyx", "    if checksum_ip(ip, header):\n        return IP_BAD_CHECKSUM\n", "")
def test_bad_checksums_are_dropped():
    """RFC 1122: IP, UDP, ICMP (TCP: MUST-3); a UDP checksum of zero means none."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    good = ip_packet(UDP, datagram(b"text"))
    peer.frame(good[:10] + bytes((good[10] ^ 1,)) + good[11:])
    peer.frame(ip_packet(UDP, datagram(b"text", corrupt=True)))
    echo = struct.pack("!BBHHH", 8, 0, 0x1234, 1, 1)
    peer.frame(ip_packet(ICMP, echo))
    peer.silence()
    assert port.receive() is None
    bare = datagram(b"text")
    peer.frame(ip_packet(UDP, bare[:6] + b"\0\0" + bare[8:]))
    assert port.receive() == (b"text", (PEER, 4000))
    echo = echo[:2] + struct.pack("!H", checksum(echo[:2] + b"\0\0" + echo[4:])) + echo[4:]
    peer.frame(ip_packet(ICMP, echo))
    assert peer.hear().payload[0] == 0


def test_ports_and_protocols_that_nobody_has_are_unreachable():
    """RFC 1122: 3/3 for UDP, 3/2 for a protocol, each quoting what it is about; not to what was sent to all."""
    peer = Peer()
    peer.frame(ip_packet(UDP, datagram(b"text")))
    answer = peer.hear().payload
    assert answer[:2] == b"\x03\x03"
    assert answer[8 + 20 + 8:] == b"text"
    peer.frame(ip_packet(99, b"text"))
    assert peer.hear().payload[:2] == b"\x03\x02"
    peer.frame(ip_packet(UDP, datagram(b"text", destination="10.0.0.255"), destination="10.0.0.255"))
    peer.frame(ip_packet(UDP, datagram(b"text")), to=b"\xff" * 6)
    peer.silence()


def test_fragments_are_put_together():
    """RFC 815: in any order; 3000 bytes."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    text = bytes(range(250)) * 12
    whole = datagram(text)
    pieces = [(0, whole[:1480], 0x2000), (1480, whole[1480:2960], 0x2000), (2960, whole[2960:], 0)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        for number in order:
            at, piece, more = pieces[number]
            peer.frame(ip_packet(UDP, piece, fragment=more | at // 8, identification=order[0] + 7))
        assert port.receive() == (text, (PEER, 4000))


def test_overlapping_fragments_spoil_their_datagram():
    """RFC 5722's rule, for IPv4 too: nobody can tell which is right."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    whole = datagram(bytes(2000))
    peer.frame(ip_packet(UDP, whole[:1000], fragment=0x2000))
    peer.frame(ip_packet(UDP, whole[992:2000], fragment=0x2000 | 992 // 8))
    peer.frame(ip_packet(UDP, whole[1000:], fragment=1000 // 8))
    assert port.receive() is None


@mutation("ip_reassembly.pyx", "    while became == FRAGMENT_ROOMLESS and", "    while 0 and")
def test_fragments_that_are_never_completed_do_not_pile_up():
    """64 000 first pieces: memory is bounded, and afterwards a datagram still gets through."""
    peer = Peer()
    port = UdpEndpoint(peer.stack, (STACK, 9))
    piece = datagram(bytes(2000))
    for number in range(3000):
        peer.frame(ip_packet(UDP, piece[:1000], fragment=0x2000, identification=number & 0xFFFF))
    assert peer.cpu.balance["held"] <= 256
    peer.frame(ip_packet(UDP, piece[:1000], fragment=0x2000, identification=65000))
    peer.frame(ip_packet(UDP, piece[1000:], fragment=125, identification=65000))
    assert port.receive() is not None
    peer.wait(40)
    assert peer.cpu.balance["held"] == 0


def test_address_probes_are_answered_and_addresses_defended():
    """RFC 826, 5227: a probe has no sender; somebody with our address is told so, but not all the time."""
    peer = Peer()
    peer.frames.clear()
    peer.frame(arp(1, PEER_ETHER, "0.0.0.0", STACK), 0x0806)
    answer = peer.frames.popleft()
    assert (answer[:6], answer[20:22], answer[22:28]) == (PEER_ETHER, b"\0\2", STACK_ETHER)
    for _ in range(5):
        peer.frame(arp(2, b"\x02\0\0\0\0\x77", STACK, STACK), 0x0806)
    assert len(peer.frames) == 1
    assert peer.frames.popleft()[28:32] == address(STACK)
    peer.wait(11)
    peer.frame(arp(2, b"\x02\0\0\0\0\x77", STACK, STACK), 0x0806)
    assert len(peer.frames) == 1


def test_a_flood_of_syns_does_not_keep_others_out():
    """RFC 4987: 400 and more from everywhere; bounded memory; a new connection works, with its options."""
    peer = Peer()
    peer.listen(backlog=64)
    for number in range(2000):
        peer.port = 1024 + number % 60000
        peer.send(b"", "S", source=f"10.0.0.{10 + number % 200}", seq=number)
    peer.drain()
    assert peer.stack.tcp_count[1] <= 64
    assert peer.stack.counters["tcp_cookies_sent"] >= 400
    peer.port = 999
    peer.open(sack=True, timestamp=5, scale=6, mss=1400)
    server = peer.listener.accept()
    facts = server.facts
    assert (facts["sack"], facts["timestamps"], facts["scales"][0], facts["mss"]) == (True, True, 6, 1400)
    peer.send(b"hello", "PA")
    assert server.receive() == b"hello"
    peer.wait(200)
    assert peer.stack.tcp_count[1] == 0


@mutation("tcp_passive.pyx",
          "            if cookie_may_be(tcp, segment.acknowledgment - 1):\n                return NULL",
          "            if 0:\n                return NULL")
def test_data_may_overtake_the_acknowledgment_of_a_cookie():
    """A reset would end a good connection: the cookie cannot be checked before its first segment comes."""
    peer = Peer(always_cookies=True)
    peer.listen()
    peer.send(b"", "S", seq=9)
    peer.answered()
    peer.send(b"second", "PA", seq=15)
    peer.send(b"", "A", seq=21)
    peer.silence()
    peer.send(b"first", "PA", seq=10)
    server = peer.listener.accept()
    peer.send(b"second", "PA", seq=15)
    assert server.receive() == b"firstsecond"


@mutation("tcp_cookie.pyx", "or cookie_hash(tcp, connection, irs, made, size) != cookie & 0xFFFFFF:", "or 0:")
def test_cookies_cannot_be_made_up_and_get_old():
    """RFC 4987: an ACK that does not bring ours back opens nothing; one that is minutes late is reset."""
    peer = Peer(always_cookies=True)
    peer.listen()
    peer.send(b"", "S", seq=9)
    cookie = peer.answered()
    peer.next = 10
    for guess in (cookie.end + 1, cookie.end ^ 0x1000, cookie.end - 1):
        peer.send(b"", "A", ack=guess)
    peer.port += 1
    peer.send(b"", "A", ack=cookie.end)             # another pair of endpoints
    peer.port -= 1
    peer.silence()
    guess = cookie.end + (5 << 27)                  # of another time
    peer.send(b"", "A", ack=guess)
    peer.expect("R", seq=guess)
    peer.wait(200)
    peer.send(b"", "A", ack=cookie.end)
    peer.expect("R")
    assert peer.listener.waiting == 0


def test_sack_blocks_are_no_more_than_fit():
    """RFC 2018 section 3: three beside timestamps, four without: options never exceed forty bytes."""
    for timestamp, most in ((None, 4), (1, 3)):
        peer = Peer()
        server = peer.accepted(sack=True, timestamp=timestamp)
        for number in range(1, 9):
            peer.send(b"x", "PA", seq=peer.next + 10 * number)
        assert len(peer.drain()[-1].sacks) == most
        assert server.readable == 0

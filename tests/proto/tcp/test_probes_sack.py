"""What stacks are told apart by: data out of order, and what is said of it (RFC 2018, RFC 2883)."""

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import WORD, Peer, sack_option, timestamps


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


def test_sack_blocks_are_no_more_than_fit():
    """RFC 2018 section 3: three beside timestamps, four without: options never exceed forty bytes."""
    for timestamp, most in ((None, 4), (1, 3)):
        peer = Peer()
        server = peer.accepted(sack=True, timestamp=timestamp)
        for number in range(1, 9):
            peer.send(b"x", "PA", seq=peer.next + 10 * number)
        assert len(peer.drain()[-1].sacks) == most
        assert server.readable == 0

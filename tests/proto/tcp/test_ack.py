"""What acknowledgments do to the sender: windows of the past, recovery against a closed window, congestion echoed."""

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer, sack_option


@mutation("tcp_ack.pyx", "        recovery_end(tcb)                       # it would", "        pass  # it would")
def test_a_window_that_closes_in_recovery_and_opens_again():
    """Nothing was left to be sent and no timer ran: the connection stood still for ever."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.heard
    server.send(bytes(10 * 1460))
    server.shutdown()
    peer.let_go()
    sent = peer.drain()
    for last in (5, 6, 7):
        peer.send(b"", "A", ack=start, window=0, options=sack_option((sent[5].seq, sent[last].end)))
    assert peer.stack.counters["tcp_fast_retransmits"] == 1
    peer.drain()
    peer.wait(1)
    assert {len(probe.data) for probe in peer.drain()} == {1}
    peer.send(b"", "A", ack=start, options=sack_option((sent[5].seq, sent[7].end)))
    heard = peer.drain()
    assert heard[0].seq == start
    peer.send(b"", "A", ack=sent[7].end)
    peer.send(b"", "A", ack=sent[-1].end + ("F" not in sent[-1].flags))
    assert server.state == "FIN-WAIT-2"


@mutation("tcp_ack.pyx", "    if segment.acknowledgment != tcb.snd_una:", "    if 0:")
def test_a_late_segment_does_not_tell_the_window():
    """RFC 9293 section 3.10.7.4: SND.UNA =< SEG.ACK; its window counts from an older place, and would reach too far."""
    peer = Peer()
    server = peer.accepted()
    start = peer.heard
    server.send(bytes(4 * 1460))
    peer.let_go()
    peer.drain()
    peer.send(b"", "A", ack=start + 1460, window=3 * 1460)
    peer.send(b"late", "PA", seq=peer.next + 10, ack=start, window=20000)
    assert server.facts["snd_wnd"] == 3 * 1460


@mutation("tcp_ack.pyx", "tcb.snd_wl1) and segment.acknowledgment == tcb.snd_wl2:", "tcb.snd_wl1):")
def test_who_acknowledges_more_tells_the_window():
    """A single segment far ahead, which anybody may have sent, would keep the window as it told it for ever."""
    peer = Peer()
    server = peer.accepted()
    start = peer.heard
    server.send(bytes(2 * 1460))
    peer.let_go()
    peer.drain()
    peer.send(b"ahead", "PA", seq=peer.next + 5000, ack=start, window=1)
    assert server.facts["snd_wnd"] == 1
    peer.send(b"", "A", ack=start, window=9000)
    assert server.facts["snd_wnd"] == 1         # it may be older
    peer.send(b"", "A", ack=start + 1460, window=8000)
    assert server.facts["snd_wnd"] == 8000


@mutation("tcp_ack.pyx", "        tcb.congestion.loss(tcb, flight)\n", "        tcb.congestion.loss(tcb, 0)\n")
def test_congestion_echoed_with_the_last_acknowledgment_halves_the_window():
    """RFC 3168 section 6.1.2: half of what was on its way, not of the nothing that is left of it."""
    peer = Peer()
    server = peer.accepted(flags="SEC")
    server.send(bytes(8 * 1460))
    peer.let_go()
    peer.send(b"", "AE", ack=peer.drain()[-1].end)
    assert server.facts["cwnd"] == 4 * 1460


@mutation("tcp_ack.pyx", "(TCB_REDUCED if tcb_flight(tcb) else 0)", "TCB_REDUCED")
def test_an_echo_with_the_last_acknowledgment_does_not_spare_the_next_window():
    """RFC 3168 section 6.1.2: once a window; what is lost of the next one halves it again."""
    peer = Peer()
    server = peer.accepted(flags="SEC")
    server.send(bytes(8 * 1460))
    peer.let_go()
    peer.send(b"", "AE", ack=peer.drain()[-1].end)
    server.send(bytes(8 * 1460))
    peer.let_go()
    start = peer.drain()[0].seq
    for _ in range(3):
        peer.send(b"", "A", ack=start)
    assert server.facts["ssthresh"] == 2 * 1460


@mutation("tcp_ack.pyx", "        tcb.reduced = tcb.snd_max\n", "        tcb.reduced = tcb.recover = tcb.snd_max\n")
@mutation("tcp_ack.pyx", "    if not tcb.bits & TCB_REDUCED:\n", "    if 1:\n")
@pytest.mark.parametrize("sack", [False, True])
def test_what_is_lost_behind_an_echo_of_congestion_is_retransmitted_fast(sack):
    """RFC 3168 section 6.1.2: the window is halved once for both, and the loss does not wait for a timeout."""
    peer = Peer()
    server = peer.accepted(flags="SEC", sack=sack)
    server.send(bytes(10 * 1460))
    peer.let_go()
    sent = peer.drain()
    peer.send(b"", "AE", ack=sent[0].end)
    assert server.facts["ssthresh"] == 5 * 1460
    for last in (2, 3, 4):
        peer.send(b"", "AE", ack=sent[0].end, options=sack_option((sent[2].seq, sent[last].end)) if sack else b"")
    assert sent[0].end in [one.seq for one in peer.drain()]
    peer.send(b"", "A", ack=sent[-1].end)
    assert (server.facts["ssthresh"], peer.stack.counters["tcp_timeouts"]) == (5 * 1460, 0)


@mutation("tcp_ack.pyx", "        if (0 < first - tcb.snd_una < end - tcb.snd_una <= tcb_flight(tcb)\n",
          "        if (sequence_before(first, end) and sequence_before(tcb.snd_una, first)\n"
          "                and sequence_before_or_at(end, tcb.snd_max)\n")
def test_a_block_that_ends_half_the_sequence_space_away():
    """RFC 2018: it is before SND.MAX as well as behind it; SND.NXT skipped it, and was far past what had been sent."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.heard
    peer.send(b"", "A", options=sack_option((start + 1460, start + (1 << 31))))
    server.send(bytes(5 * 1460))
    peer.let_go()
    sent = peer.drain()
    assert len(sent) == 5
    peer.icmp_error(sent[0], 3, 4, mtu=1000)
    assert sum(len(heard.data) for heard in peer.drain()) == 5 * 1460


@mutation("tcp_ack.pyx", "        tcb.high_rxt = ack - 1 ", "        tcb.high_rxt = ack ")
def test_what_is_on_its_way_behind_a_mended_hole_is_not_sent_again():
    """RFC 6675 section 5: a partial acknowledgment alone shows no loss; every one of them had a segment sent again."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.heard
    server.send(bytes(10 * 1460))
    peer.let_go()
    sent = peer.drain()
    for last in (1, 2, 3):
        peer.send(b"", "A", ack=start, options=sack_option((sent[1].seq, sent[last].end)))
    assert [heard.seq for heard in peer.drain()] == [start]
    for number in range(3, 9):
        peer.send(b"", "A", ack=sent[number].end)
    assert [heard.seq for heard in peer.drain()] == [sent[9].seq]       # the one rescue, as there is nothing new
    peer.send(b"", "A", ack=sent[9].end)
    assert server.unsent == 0


@mutation("tcp_output.pyx", " if tcb.sacked.count else tcb.snd_una\n", " if tcb.sacked.count else tcb.recover\n")
def test_a_lost_end_behind_a_mended_hole_is_rescued():
    """RFC 6675 section 4, rule 4: the last segment is sent again, and shows what is missing before it; no timeout."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.heard
    server.send(bytes(10 * 1460))
    peer.let_go()
    sent = peer.drain()
    for last in (1, 2, 3):
        peer.send(b"", "A", ack=start, options=sack_option((sent[1].seq, sent[last].end)))
    assert [heard.seq for heard in peer.drain()] == [start]
    peer.send(b"", "A", ack=sent[7].end)
    assert [heard.seq for heard in peer.drain()] == [sent[9].seq]
    peer.send(b"", "A", ack=sent[7].end, options=sack_option((sent[9].seq, sent[9].end)))
    assert [heard.seq for heard in peer.drain()] == [sent[8].seq]
    peer.send(b"", "A", ack=sent[9].end)
    assert (server.unsent, peer.stack.counters["tcp_timeouts"]) == (0, 0)

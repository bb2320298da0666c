"""Tail loss probes (RFC 8985 section 7): the loss of what was sent last costs two round trips, not a timeout."""

import pytest

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import NAME, STACK_ETHER, WORD, Peer, sack_option

SHORT = 0.01                            # seconds: the least that is waited for a probe
DELAYED_ACK = 0.2


def sender(length, *, rtt=0.0, sack=True, **options):
    """A connection with a round trip of `rtt` seconds on which the stack has sent what it may; the segments."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", options=b"\x02\x04\x05\xb4" + (b"\x01\x01\x04\x02" if sack else b""))
    peer.answered()
    peer.wait(rtt)
    peer.send(b"", "A", **options)
    server = peer.listener.accept()
    server.no_delay = True
    server.send(bytes(length))
    peer.let_go()
    return peer, server, peer.drain()


def sent_again(peer):
    """The sequence numbers of what was sent since."""
    return [heard.seq for heard in peer.drain()]


@mutation("tcp_timers.pyx", "        tcb.tail = TAIL_DUE\n        tcp_output(tcb)\n", "        tcp_output(tcb)\n")
@mutation("tcp_tail.pyx", "        timeout = max(2 * tcb.srtt, LEAST)\n", "        timeout = LEAST\n")
@pytest.mark.parametrize(("rtt", "due"), [(0.0, SHORT), (0.1, 0.2), (0.5, 1.0)])
def test_the_last_segment_goes_again_after_two_round_trips(rtt, due):
    """Section 7.2: before the timeout; the window stays, nothing is taken for lost yet."""
    peer, server, sent = sender(3 * 1460 + 100, rtt=rtt)
    assert len(sent) == 4
    peer.wait(due - 0.001)
    peer.silence()
    peer.wait(0.001)
    again = peer.hear()
    assert (again.seq, again.data, again.flags) == (sent[-1].seq, sent[-1].data, "PA")
    peer.silence()
    counters = peer.stack.counters
    assert (counters["tcp_tail_probes"], counters["tcp_timeouts"], counters["tcp_retransmitted"]) == (1, 0, 1)
    assert server.facts["cwnd"] == 10 * 1460


@mutation("tcp_tail.pyx", "            timeout += DELAYED_ACK\n", "            pass\n")
@mutation("tcp_tail.pyx",
          "min(tcb.tcp.host.now + timeout, tcb.deadline[TIMER_RETRANSMIT])",
          "tcb.tcp.host.now + timeout")
@pytest.mark.parametrize(("rtt", "due"), [(0.5, 1.0 + DELAYED_ACK), (0.0, 0.2)])
def test_a_single_segment_is_given_the_time_of_a_delayed_acknowledgment(rtt, due):
    """Section 7.2: but no longer than the timeout, in whose place the probe goes."""
    peer, server, _sent = sender(100, rtt=rtt)
    peer.wait(due - 0.001)
    peer.silence()
    peer.wait(0.001)
    peer.expect("PA", bytes(100))
    assert peer.stack.counters["tcp_timeouts"] == 0
    assert server.facts["cwnd"] == 10 * 1460


@mutation("tcp_output.pyx", "    if length and length <= window_left(tcb):\n", "    if 0:\n")
def test_the_probe_is_new_data_if_there_is_some():
    """Section 7.3: whatever the congestion window says: a segment more than it, no more."""
    peer, server, sent = sender(20 * 1460)
    assert len(sent) == 10
    peer.wait(SHORT)
    assert sent_again(peer) == [sent[-1].end]
    assert server.facts["retransmitted"] == 0
    peer.send(b"", "A", ack=sent[-1].end + 1460)
    peer.let_go()
    assert server.facts["cwnd"] > 10 * 1460, "it came, and nothing was lost"
    assert peer.stack.counters["tcp_tail_repairs"] == 0


def test_what_nagle_keeps_back_goes_as_a_probe():
    """Section 7.3: it is new data, and nothing is lost by sending it."""
    peer, server, sent = sender(3 * 1460)
    server.no_delay = False
    server.send(b"tail")
    peer.let_go()
    peer.silence()
    peer.wait(SHORT)
    peer.expect("PA", b"tail", seq=sent[-1].end)


@mutation("tcp_output.pyx", "    if length and length <= window_left(tcb):\n", "    if length:\n")
def test_the_probe_is_not_sent_beyond_the_peers_window():
    """Section 7.3: then it is what was sent last."""
    peer, _server, sent = sender(20 * 1460, window=4 * 1460)
    assert len(sent) == 4
    peer.wait(SHORT)
    assert sent_again(peer) == [sent[-1].seq]


@mutation("tcp_tail.pyx", "tcb.bits & TCB_SACK != 0 and not", "not")
def test_a_peer_without_sack_is_not_probed():
    """Section 7.1: its answer to a probe of what was sent last would tell nothing of what is missing before."""
    peer, _server, sent = sender(3 * 1460, sack=False)
    peer.wait(0.19)
    peer.silence()
    peer.wait(0.02)
    assert sent_again(peer) == [sent[0].seq]


@mutation("tcp_tail.pyx", "    set_timer(tcb, TIMER_RETRANSMIT, tcb.tcp.host.now + tcb.rto)\n", "")
def test_one_probe_then_the_timeout_anew():
    """Section 7.3: at most one is out, and the whole timeout passes after it."""
    peer, _server, sent = sender(3 * 1460, rtt=0.1)
    start = peer.now
    peer.wait(1.2)
    went = [((heard.at - start) / 1e9, heard.seq) for heard in peer.drain()]
    assert went == [(pytest.approx(0.2), sent[-1].seq), (pytest.approx(0.2 + 0.3), sent[0].seq),
                    (pytest.approx(0.5 + 0.6), sent[0].seq)]
    assert peer.stack.counters["tcp_tail_probes"] == 1


@mutation("tcp_tail.pyx", " and tcb.tail == TAIL_NONE\n", "\n")
def test_no_second_probe_while_the_first_is_out():
    """Section 7.3: though a round trip was measured since: never more than a segment beyond the window."""
    peer, _server, sent = sender(20 * 1460)
    peer.wait(SHORT)
    assert sent_again(peer) == [sent[-1].end]
    peer.send(b"", "A", ack=sent[0].end)
    peer.drain()
    peer.wait(0.19)
    peer.silence()
    assert peer.stack.counters["tcp_tail_probes"] == 1


@mutation("tcp_output.pyx",
          "        tcb.snd_last = choice.at + (choice.length - 1) // full * full if choice.length else choice.at\n",
          "        tcb.snd_last = choice.at\n")
def test_of_a_super_segment_the_last_segment_is_the_probe():
    """A link that cuts them itself makes a tail of many segments look like one."""
    peer = Peer()
    peer.stack.set_interface(NAME, ether=STACK_ETHER, offload=True)
    server = peer.accepted(sack=True)
    server.no_delay = True
    server.send(bytes(4 * 1460 + 100))
    peer.let_go()
    whole = peer.hear()
    assert len(whole.data) == 4 * 1460 + 100
    peer.wait(SHORT)
    probe = peer.hear()
    assert (probe.end, len(probe.data)) == (whole.end, 100)


@mutation("tcp_timers.pyx", "tail_may_be_probed(tcb) and not tcb.tail_untimed:", "tail_may_be_probed(tcb):")
@mutation("tcp_timers.pyx", "    tcb.tail_untimed = 0\n", "")
def test_no_probe_before_a_round_trip_was_measured_again():
    """Section 7.3: a path that has got slow would have every segment sent twice and never be measured (Karn)."""
    peer, server, sent = sender(3 * 1460)
    peer.wait(SHORT)
    peer.expect("PA")
    peer.send(b"", "A", ack=sent[-1].end, options=sack_option((sent[-1].seq, sent[-1].end)))
    for probes in (1, 2):
        start = peer.now
        server.send(bytes(3 * 1460))
        peer.let_go()
        sent = peer.drain()
        peer.wait(0.19)
        assert peer.stack.counters["tcp_tail_probes"] == probes
        assert bool(peer.drain()) == (probes == 2)
        assert peer.now - start < 200_000_000
        peer.send(b"", "A", ack=sent[-1].end)


@mutation("tcp_tail.pyx", "            tcb.congestion.loss(tcb, tcb.tail_flight)\n", "            pass\n")
def test_a_loss_that_the_probe_repaired_is_a_loss():
    """Section 7.4: nothing came twice, so the first was lost: the window is what it would be after fast recovery."""
    peer, server, sent = sender(8 * 1460)
    peer.wait(SHORT)
    peer.expect("PA", seq=sent[-1].seq)
    peer.send(b"", "A", ack=sent[-1].end)
    assert server.facts["cwnd"] >= 10 * 1460
    server.send(bytes(1460))
    peer.let_go()
    peer.send(b"", "A", ack=peer.hear().end)
    assert server.facts["cwnd"] == server.facts["ssthresh"] == 4 * 1460
    assert peer.stack.counters["tcp_tail_repairs"] == 1


@mutation("tcp_tail.pyx", " or segment.sack_count and segment.sacks[0].end == tcb.tail_end:", ":")
@mutation("tcp_tail.pyx", "and window == tcb.snd_wnd):     # a duplicate", "and 0):     # a duplicate")
@pytest.mark.parametrize("dsack", [True, False])
def test_a_probe_that_came_twice_is_no_loss(dsack):
    """Section 7.4: the peer says so by DSACK, or by a second acknowledgment of the same."""
    peer, server, sent = sender(4 * 1460)
    peer.wait(SHORT)
    probe = peer.hear()
    peer.send(b"", "A", ack=sent[-1].end)
    peer.send(b"", "A", ack=sent[-1].end, options=sack_option((probe.seq, probe.end)) if dsack else b"")
    server.send(bytes(1460))
    peer.let_go()
    peer.send(b"", "A", ack=peer.hear().end)
    assert server.facts["cwnd"] >= 10 * 1460
    assert peer.stack.counters["tcp_tail_repairs"] == 0


@mutation("tcp_ack.pyx", "        tcb.tail_lost = 1\n", "        pass\n")
@mutation("tcp_tail.pyx", "    if ranges_find(&tcb.sacked, tcb.tail_end - 1) >= 0:\n", "    if 0:\n")
def test_a_probe_that_is_sacked_shows_what_is_lost_before_it():
    """Section 7.4.2: all of a lost tail is on its way again one round trip after the probe, as the window allows."""
    peer, server, sent = sender(10 * 1460)
    peer.send(b"", "A", ack=sent[5].seq)
    peer.wait(SHORT)
    assert sent_again(peer) == [sent[9].seq]
    peer.send(b"", "A", ack=sent[5].seq, options=sack_option((sent[9].seq, sent[9].end)))
    assert sent_again(peer) == [sent[5].seq, sent[6].seq]
    assert server.facts["ssthresh"] == 5 * 1460 // 2
    peer.send(b"", "A", ack=sent[7].seq, options=sack_option((sent[9].seq, sent[9].end)))
    assert sent_again(peer) == [sent[7].seq, sent[8].seq]
    peer.send(b"", "A", ack=sent[9].end)
    assert server.facts["flight"] == 0
    assert peer.stack.counters["tcp_timeouts"] == 0


def test_a_fin_that_was_lost_is_probed_for_too():
    """A connection that ends with a loss need not wait for a timeout either."""
    peer, server, sent = sender(3 * 1460)
    peer.send(b"", "A", ack=sent[-1].end)
    server.send(bytes(2 * 1460))
    server.shutdown()
    peer.let_go()
    last = peer.drain()[-1]
    assert last.flags == "FPA"
    peer.wait(SHORT)
    peer.expect("FPA", seq=last.seq)
    peer.send(b"", "A", ack=last.end)
    assert server.state == "FIN-WAIT-2"


@mutation("tcp_tail.pyx", "            and tcb.timeouts == 0 and", "            and")
def test_after_a_timeout_nothing_is_probed_for_before_an_acknowledgment():
    """Section 7.1: new data may go behind what timed out; the next timeout tells of both."""
    peer, server, sent = sender(100)
    for _ in range(2):
        server.send(bytes(100))
        peer.let_go()
    second = peer.hear()
    peer.drain()
    peer.send(b"", "A", ack=sent[0].seq, options=sack_option((second.seq, second.end)))
    peer.wait(0.21)
    assert [len(heard.data) for heard in peer.drain()] == [300]
    server.send(bytes(100))
    peer.let_go()
    assert [len(heard.data) for heard in peer.drain()] == [100]
    peer.wait(0.35)
    assert peer.stack.counters["tcp_tail_probes"] == 0
    peer.silence()


def test_nothing_is_probed_for_while_timeouts_or_a_closed_window_rule():
    """Section 7.1: those have timers of their own."""
    peer, _server, sent = sender(3 * 1460, rtt=0.1)
    peer.wait(0.55)
    assert len(peer.drain()) == 2
    peer.send(b"", "A", ack=sent[0].seq, window=0)
    peer.wait(3)
    assert peer.stack.counters["tcp_tail_probes"] == 1


def test_the_probe_crosses_the_wrap():
    """Sequence numbers go round: a probe of data on both sides of zero is recognised."""
    for _ in range(3):
        peer, server, sent = sender(4 * 1460)
        peer.wait(SHORT)
        assert (peer.hear().end - sent[0].seq) % WORD == 4 * 1460
        peer.send(b"", "A", ack=sent[-1].end)
        assert server.unsent == 0

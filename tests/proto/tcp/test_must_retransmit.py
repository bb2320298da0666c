"""RFC 9293's MUSTs on retransmission and connection failures (RFC 6298, 5681, 6582, 6675, 6928)."""

import errno
from itertools import pairwise

import pytest

from netos.proto.endpoints import TcpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import PEER, WORD, Peer, sack_option


def sender(peer, length=20 * 1460, **options):
    """A connection on which the stack has sent what it may; the segments."""
    server = peer.accepted(**options)
    server.send(bytes(length))
    peer.let_go()
    return server, peer.drain()


@mutation("tcp_output.pyx", "        tcb.bits &= ~<uint32_t>TCB_RTT_TIMED                # Karn\n", "")
def test_must_18_a_segment_that_was_sent_twice_measures_nothing():
    """MUST-18: Karn's algorithm: nobody knows which of both the acknowledgment is for."""
    peer = Peer()
    server, _ = sender(peer, 100)
    peer.wait(0.25)                             # it is sent again after 0.2 s
    before = server.facts["rtt"]
    peer.wait(0.1)
    peer.send(b"", "A", ack=peer.heard + 100)
    assert server.facts["rtt"] == before
    assert server.facts["rto"] > 0.2


@mutation("tcp_timers.pyx", "    tcb.rto = min(tcb.rto * 2, tcb.tcp.rto_maximum)\n", "")
def test_must_19_timeouts_back_off():
    """MUST-19: each interval is twice the last, up to a minute."""
    peer = Peer()
    _server, _ = sender(peer, 100)
    peer.wait(110)
    times = [heard.at / 1e9 for heard in peer.drain()]
    gaps = [after - before for before, after in zip([1.0, *times], times)]
    assert gaps == pytest.approx([0.2 * 2 ** number for number in range(len(gaps))], rel=0.01)
    assert len(gaps) >= 8


@mutation("tcp_congestion.pyx",
          "        tcb.cwnd += min(count, tcb.ssthresh - tcb.cwnd + tcb.mss)\n",
          "        tcb.cwnd += 8 * count\n")
@mutation("tcp_congestion.pyx", "    tcb.cwnd = tcb.mss\n    tcb.acked_bytes = 0\n", "    tcb.acked_bytes = 0\n")
@mutation("tcp_congestion.pyx",
          "min(tcb.tcp.initial_window * tcb.mss, max(2 * tcb.mss, <uint32_t>14600))",
          "20 * tcb.mss")
def test_must_19_slow_start_and_congestion_avoidance():
    """MUST-19, RFC 6928: ten segments, then two for each acknowledged; one after a timeout; then one more a turn."""
    peer = Peer(send_buffer=1 << 20)
    server, first = sender(peer, 300 * 1460, scale=7, window=65535)
    assert len(first) == 10
    peer.send(b"", "A", ack=first[1].end)
    assert len(peer.drain()) == 4
    peer.wait(0.3)
    lost = peer.drain()
    assert [heard.seq for heard in lost] == [first[1].end]
    facts = server.facts
    assert facts["cwnd"] == 1460
    assert facts["ssthresh"] == 12 * 1460 // 2
    at = lost[0].seq
    windows = []
    for _ in range(12):                         # all that is out is acknowledged: a round trip each
        at = (at + server.facts["cwnd"] // 1460 * 1460) % WORD
        peer.send(b"", "A", ack=at)
        windows.append(server.facts["cwnd"] // 1460)
        peer.drain()
    assert windows[0] == 2
    late = windows[5:]
    assert all(after - before <= 1 for before, after in pairwise(late))


@mutation("tcp_ack.pyx",
          "    DUPLICATES = 3                      # DupThresh",
          "    DUPLICATES = 9                      # DupThresh")
@mutation("tcp_congestion.pyx", "    tcb.cwnd = tcb.ssthresh\n    tcb.acked_bytes = 0\n", "    tcb.acked_bytes = 0\n")
def test_three_duplicates_retransmit_and_halve():
    """RFC 5681, 6582: not two; the window halves, recovery ends with the acknowledgment of all."""
    peer = Peer()
    server, sent = sender(peer, 10 * 1460)
    for _ in range(2):
        peer.send(b"", "A", ack=sent[0].seq)
        peer.silence()
    peer.send(b"", "A", ack=sent[0].seq)
    assert [heard.seq for heard in peer.drain()] == [sent[0].seq]
    assert server.facts["cwnd"] == (5 + 3) * 1460
    peer.send(b"", "A", ack=sent[1].end)        # a part: the next is lost, too
    assert [heard.seq for heard in peer.drain()] == [sent[2].seq]
    peer.send(b"", "A", ack=sent[-1].end)
    facts = server.facts
    assert facts["ssthresh"] == 5 * 1460
    assert facts["cwnd"] <= 5 * 1460
    assert facts["retransmitted"] == 2


@mutation("tcp_ack.pyx", "            ranges_add(&tcb.sacked, first, end)\n", "            pass\n")
@mutation("tcp_output.pyx",
          "    if hole(tcb, tcb.high_rxt, 1, &at, &length):\n"
          "        take_data(tcb, at, min(length, allowed), 1, choice)\n        return 1\n",
          "")
def test_sack_fills_all_holes_in_one_round_trip():
    """RFC 6675: what the blocks show as lost is sent again, what they show as there is not."""
    peer = Peer()
    server, sent = sender(peer, 30 * 1460, sack=True)
    assert len(sent) == 10
    lost = {0, 3}
    there = [heard for number, heard in enumerate(sent) if number not in lost]
    for heard in there:
        blocks = [(sent[1].seq, sent[2].end)] if heard.seq == sent[1].seq or heard.seq == sent[2].seq else [
            (sent[4].seq, heard.end), (sent[1].seq, sent[2].end)]
        peer.send(b"", "A", ack=sent[0].seq, options=sack_option(*blocks))
    again = [heard.seq for heard in peer.drain()]
    assert {sent[0].seq, sent[3].seq} <= set(again)
    assert not {heard.seq for heard in there} & set(again)
    peer.send(b"", "A", ack=sent[-1].end)
    assert server.facts["retransmitted"] <= 3     # the rescue retransmission of section 4 (4)


@mutation("tcp_timers.pyx", "        doubt_neighbour(tcb)\n", "        pass\n")
def test_must_20_first_the_neighbour_is_doubted_then_the_connection_given_up():
    """MUST-20: R1: ARP asks again whether the next hop is there; R2: the connection ends."""
    peer = Peer()
    peer.wait(3)                    # the stack has announced its address, twice
    server, _ = sender(peer, 100)
    asked = peer.stack.counters["arp_requests_sent"]
    peer.wait(10)
    assert peer.stack.counters["arp_requests_sent"] > asked
    peer.wait(300)
    assert (server.state, server.error) == ("CLOSED", errno.ETIMEDOUT)
    assert peer.stack.counters["tcp_abandoned"] == 1


@mutation("tcp_timers.pyx", "SYN_PATIENCE if opening else tcb.user_timeout", "SYN_PATIENCE")
@mutation("tcp_timers.pyx", "min(now + tcb.rto, tcb.progress_at + patience)", "now + tcb.rto")
@pytest.mark.parametrize("patience", [5, 20, 300])
def test_must_21_the_user_says_how_long_to_try(patience):
    """MUST-21: R2 as a time, for each connection (RFC 5482)."""
    peer = Peer()
    server, _ = sender(peer, 100)
    server.user_timeout = patience
    peer.wait(patience * 0.9)
    assert server.state == "ESTABLISHED"
    peer.wait(patience * 0.1 + 0.01)
    assert (server.state, server.error) == ("CLOSED", errno.ETIMEDOUT)


@mutation("tcp_timers.pyx",
          "        tcb.tcp.counts[COUNT_RETRANSMITTED] += 1\n        tcb.retransmitted += 1\n        send_syn(tcb)\n",
          "        send_syn(tcb)\n")
@mutation("tcp_timers.pyx", "cdef int64_t SYN_PATIENCE = 180 * SECOND", "cdef int64_t SYN_PATIENCE = 100 * SECOND")
def test_must_22_23_a_syn_is_sent_again_for_three_minutes():
    """MUST-22, 23: backed off from one second, and then the user hears of it."""
    peer = Peer()
    client = TcpEndpoint(peer.stack, (PEER, 80))
    peer.let_go()
    peer.wait(179)
    times = [heard.at / 1e9 for heard in peer.drain()]
    assert [after - before for before, after in pairwise(times)][:6] == pytest.approx([1, 2, 4, 8, 16, 32])
    assert client.state == "SYN-SENT"
    assert peer.stack.counters["tcp_retransmitted"] == client.facts["retransmitted"] == len(times) - 1
    peer.wait(2)
    assert (client.state, client.error) == ("CLOSED", errno.ETIMEDOUT)


@mutation("tcp_timers.pyx",
          "    tcb.rto = min(max(tcb.srtt + max(GRANULARITY, 4 * tcb.rttvar), tcb.tcp.rto_minimum), "
          "tcb.tcp.rto_maximum)",
          "    tcb.rto = tcb.tcp.rto_minimum")
def test_the_timeout_follows_the_round_trip():
    """RFC 6298: SRTT + 4 * RTTVAR: a slow path is not flooded with what is under way."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", seq=5)
    peer.answered()
    peer.next = 6
    peer.wait(0.9)
    peer.send(b"", "A")
    server = peer.listener.accept()
    assert server.facts["rtt"] == pytest.approx(0.9)
    assert server.facts["rto"] == pytest.approx(2.7)
    for _ in range(30):
        server.send(b"x")
        peer.let_go()
        peer.expect("PA")
        peer.wait(0.9)
        peer.send(b"", "A")
    peer.silence()
    assert server.facts["rto"] < 1.2


@mutation("tcp_establish.pyx", "if tcb.backoff == 0 else 3000000000", "if tcb.backoff == 0 else tcb.tcp.rto_minimum")
def test_after_a_lost_syn_the_timeout_is_three_seconds():
    """RFC 6298 section 5.7: nothing was measured yet."""
    peer = Peer()
    client = TcpEndpoint(peer.stack, (PEER, 80))
    peer.let_go()
    peer.wait(1.5)
    heard = peer.drain()
    assert len(heard) == 2
    peer.port, peer.stack_port, peer.heard, peer.next = 80, client.local[1], heard[0].end, 9
    peer.send(b"", "SA")
    assert client.facts["rto"] == 3


@mutation("tcp_output.pyx",
          "        window += min(tcb.duplicate_acks, <uint32_t>2) * tcb.mss        # limited transmit (RFC "
          "3042)\n",
          "        pass\n")
def test_limited_transmit():
    """RFC 3042: the first two duplicates let new data out, so that a small window can still recover."""
    peer = Peer()
    _server, sent = sender(peer, 20 * 1460)
    peer.send(b"", "A", ack=sent[0].seq)
    peer.send(b"", "A", ack=sent[0].seq)
    assert [heard.seq for heard in peer.drain()] == [sent[-1].end, (sent[-1].end + 1460) % WORD]


@mutation("tcp_congestion.pyx",
          "            count = min(count, tcb.mss)     # after a timeout",
          "            pass                            # after a timeout")
def test_after_a_timeout_an_acknowledgment_lets_out_two_segments():
    """RFC 3465 section 2.3: what it covers was mostly there already; half a window at once would be lost again."""
    peer = Peer()
    _server, first = sender(peer, 300 * 1460, scale=7)
    for heard in first:
        peer.send(b"", "A", ack=heard.end)
    sent = peer.drain()
    assert len(sent) == 20
    peer.wait(0.3)
    assert [heard.seq for heard in peer.drain()] == [sent[0].seq]
    peer.send(b"", "A", ack=sent[-1].end)
    assert len(peer.drain()) == 2


@mutation("tcp_congestion.pyx", "    if tcb.timeouts <= 1: ", "    if tcb.backoff <= 1: ")
def test_a_timeout_of_other_data_lowers_the_threshold_again():
    """RFC 5681 section 3.1: only when the same segment times out again it stays, whatever Karn says of the timer."""
    peer = Peer()
    server, first = sender(peer, 300 * 1460, scale=7)
    for heard in first:
        peer.send(b"", "A", ack=heard.end)
    sent = peer.drain()
    peer.wait(0.3)
    assert server.facts["ssthresh"] == 10 * 1460
    peer.send(b"", "A", ack=sent[3].end)
    peer.wait(0.5)
    assert server.facts["ssthresh"] == 8 * 1460
    peer.wait(1)
    assert server.facts["ssthresh"] == 8 * 1460


@mutation("tcp_output.pyx", "            take_data(tcb, tcb.recover - length, length, 1, choice)\n",
          "            take_data(tcb, at, length, 1, choice)\n")
def test_the_rescue_is_of_the_last_segment():
    """RFC 6675 section 4, rule 4: a block about it shows those before it lost, too; else they wait for a timeout."""
    peer = Peer()
    _server, sent = sender(peer, 10 * 1460, sack=True)
    lost, tail = sent[0], sent[7:]
    for number in range(1, 7):
        peer.send(b"", "A", ack=lost.seq, options=sack_option((sent[1].seq, sent[number].end)))
    assert [heard.seq for heard in peer.drain()] == [lost.seq, tail[-1].seq]
    peer.send(b"", "A", ack=tail[0].seq, options=sack_option((tail[-1].seq, tail[-1].end)))
    assert [heard.seq for heard in peer.drain()] == [tail[0].seq, tail[1].seq]


def test_what_is_sent_again_counts_once():
    """Also where the retransmission is filled up with what was not sent yet: users are told more than they gave."""
    peer = Peer()
    server = peer.accepted()
    for length in (100, 200):                   # Nagle keeps the second
        server.send(bytes(length))
        peer.let_go()
    peer.wait(0.3)
    assert [len(heard.data) for heard in peer.drain()] == [100, 300]
    assert server.facts["bytes_out"] == 300

"""RFC 9293's MUSTs on windows, pushing and acknowledging: what breaks here is memory, or peers that wait for ever."""

from itertools import pairwise

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import WORD, Peer


@mutation("tcp_ack.pyx",
          "window = <uint32_t>segment.window << tcb.snd_scale",
          "window = <uint32_t>(<short>segment.window) << tcb.snd_scale")
def test_must_1_windows_have_no_sign():
    """MUST-1: 65535 is a large window, not -1."""
    peer = Peer(send_buffer=200_000, initial_window=100)
    server = peer.accepted(window=65535, scale=0)
    peer.send(b"", "A", window=40000)
    assert server.facts["snd_wnd"] == 40000
    server.send(bytes(50000))
    peer.let_go()
    assert sum(len(heard.data) for heard in peer.drain()) > 10000


@mutation("tcp_output.pyx",
          "<uint32_t>max(<int32_t>(tcb.snd_una + tcb.snd_wnd - tcb.snd_nxt), 0)",
          "tcb.snd_una + tcb.snd_wnd - tcb.snd_nxt")
def test_must_34_a_window_may_shrink():
    """MUST-34: its edge goes back behind what was sent; nothing new is sent until it is ahead again."""
    peer = Peer()
    server = peer.accepted(window=10 * 1460)
    start = peer.heard
    server.send(bytes(20 * 1460))
    peer.let_go()
    assert len(peer.drain()) == 10
    peer.send(b"", "A", ack=start + 1460, window=2000)
    peer.silence()
    for number in range(2, 11):
        peer.send(b"", "A", ack=start + number * 1460, window=0 if number < 10 else 8000)
    heard = peer.drain()
    assert heard[0].seq == (start + 10 * 1460) % WORD
    assert sum(len(one.data) for one in heard) == 5 * 1460


@mutation("tcp_output.pyx",
          "    if tcb.send.used and tcb_flight(tcb) == 0 and not tcb.deadline[TIMER_PERSIST]",
          "    if 0 and not tcb.deadline[TIMER_PERSIST]")
def test_must_35_a_closed_window_is_probed():
    """MUST-35: a peer whose window update is lost is asked, first after one retransmission timeout."""
    peer = Peer()
    server = peer.accepted(window=0)
    server.send(b"waiting")
    peer.let_go()
    peer.silence()
    peer.wait(0.3)
    peer.expect("A", b"w")
    peer.send(b"", "A", ack=peer.heard - 1, window=1000)
    peer.expect("PA", b"waiting")


@mutation("tcp_timers.pyx", "        since = max(since, tcb.heard_at)\n", "        pass\n")
def test_must_36_probes_go_on_for_ever_while_they_are_answered():
    """MUST-36, SHLD-29, 30: intervals double to a minute, and nothing ends while the peer answers."""
    peer = Peer()
    server = peer.accepted(window=0)
    start = peer.heard
    server.send(b"waiting")
    times = []
    for _ in range(60):
        while not peer.heard_all:
            peer.wait(0.25)
        times.append(peer.hear().at / 1e9)
        peer.silence()
        peer.send(b"", "A", ack=start, window=0)
    gaps = [after - before for before, after in pairwise(times)]
    assert all(1.8 < after / before < 2.2 for before, after in pairwise(gaps[:6]))
    assert max(gaps) <= 61
    assert times[-1] > 3000
    assert server.state == "ESTABLISHED"
    peer.send(b"", "A", ack=start, window=1000)
    assert peer.hear().data == b"waiting"


@mutation("tcp_timers.pyx",
          "    if not opening and tcb.snd_wnd == 0 and flight:\n        return probe(tcb)",
          "    if 0:\n        return probe(tcb)")
def test_must_37_a_window_may_stay_closed():
    """MUST-37: also when data, and a FIN, had been sent before it closed; the connection then sends all."""
    peer = Peer()
    server = peer.accepted(window=3 * 1460)
    start = peer.heard
    server.send(bytes(3 * 1460))
    server.shutdown()
    peer.let_go()
    peer.drain()
    for _ in range(2000):
        peer.wait(1)
        if peer.drain():
            peer.send(b"", "A", ack=start + 1460, window=0)
    assert server.state == "FIN-WAIT-1"
    peer.send(b"", "A", ack=start + 1460, window=65535)
    assert sum(len(heard.data) for heard in peer.drain()) == 2 * 1460


@mutation("tcp_timers.pyx",
          "    if not tcb.send.used and not tcb_flight(tcb):\n        return 1\n",
          "    if not tcb.send.used:\n        return 1\n")
def test_must_37_a_fin_waits_for_a_window_too():
    """MUST-37: all data is acknowledged and only the FIN is left: the peer may still take its time."""
    peer = Peer()
    server = peer.accepted(window=100)
    start = peer.heard
    server.send(bytes(100))
    peer.let_go()
    peer.send(b"", "A", ack=start + 100, window=0)
    server.shutdown()
    peer.let_go()
    asked = 0
    for _ in range(1000):
        peer.wait(1)
        if peer.drain():
            asked += 1
            peer.send(b"", "A", ack=start + 100, window=0)
    assert server.state == "FIN-WAIT-1"
    assert asked > 15
    peer.send(b"", "A", ack=start + 101, window=0)
    assert server.state == "FIN-WAIT-2"


def test_an_answered_probe_does_not_make_the_data_look_lost():
    """After hours of a closed window the first loss is one loss, not the user timeout."""
    peer = Peer()
    server = peer.accepted(window=3 * 1460)
    start = peer.heard
    server.send(bytes(3 * 1460))
    peer.let_go()
    for _ in range(600):
        peer.wait(1)
        if peer.drain():
            peer.send(b"", "A", ack=start, window=0)
    peer.send(b"", "A", ack=start, window=65535)
    peer.drain()
    peer.wait(5)                                # all of it is lost
    assert server.state == "ESTABLISHED"
    assert peer.drain()


@mutation("tcp_output.pyx",
          "        elif length < tcb.max_snd_wnd // 2 or length == allowed:\n            return 0\n",
          "")
def test_must_38_no_small_segments_into_a_window_that_opens_by_a_little():
    """MUST-38: the sender's half of silly window avoidance: a full segment, half the largest window, a timeout."""
    peer = Peer()
    server = peer.accepted(window=5000)
    start = peer.heard
    server.send(bytes(20000))
    peer.let_go()
    sent = sum(len(heard.data) for heard in peer.drain())
    assert sent in (3 * 1460, 5000)
    peer.send(b"", "A", ack=start + sent, window=0)
    peer.send(b"", "A", ack=start + sent, window=300)
    peer.silence()
    peer.wait(1)
    assert [len(heard.data) for heard in peer.drain()[:1]] == [300], "the override timeout"


@mutation("tcp_ack.pyx",
          "    if tcb.deadline[TIMER_PERSIST] and wider:",
          "    if tcb.deadline[TIMER_PERSIST] and window:")
def test_a_window_that_stays_too_small_is_still_probed():
    """The same small window told again must not stop the timer that sends into it after all."""
    peer = Peer()
    server = peer.accepted(window=5000)
    start = peer.heard
    server.send(bytes(20000))
    peer.let_go()
    sent = sum(len(heard.data) for heard in peer.drain())
    for _ in range(3):
        peer.send(b"", "A", ack=start + sent, window=300)
    peer.silence()
    peer.wait(1)
    assert len(peer.hear().data) == 300


@mutation("tcp_input.pyx", "            if not is_late_news(tcb, segment, old):\n", "            if 1:\n")
def test_an_acknowledgment_with_an_old_sequence_number_counts():
    """Where both have probed a closed window, neither knows what the other has taken: both would wait for ever."""
    peer = Peer()
    server = peer.accepted()
    server.send(b"data")
    peer.send(b"x", "PA")
    peer.drain()
    peer.send(b"", "A", seq=peer.next - 1, ack=peer.heard + 4)
    assert server.unsent == 0
    server.send(b"more")
    peer.let_go()
    peer.heard += 4
    peer.drain()
    peer.send(b"", "A", seq=peer.next - (1 << 30), ack=peer.heard + 4)
    assert server.unsent == 4, "not from long ago: that may be forged"


@mutation("tcp_emit.pyx", "    if room < told + min(tcb.receive_limit // 2, tcb.mss):", "    if room < told:")
def test_must_39_the_window_that_is_told_moves_in_large_steps_only():
    """MUST-39: the receiver's half: a reader of single bytes does not have single bytes sent."""
    peer = Peer(receive_buffer=10000)
    server = peer.accepted()
    peer.send(bytes(1460), "A")
    peer.send(bytes(1460), "A")
    peer.drain()
    for _ in range(5):
        peer.send(bytes(1416), "A")
    edges = [heard.ack + heard.window for heard in peer.drain()]
    for _ in range(200):
        server.receive(10)
        peer.send(b"x", "PA", seq=peer.next - 1)     # have it tell its window
        edges += [heard.ack + heard.window for heard in peer.drain()]
    steps = [after - before for before, after in pairwise(edges)]
    assert all(step == 0 or step >= 1460 for step in steps), steps


@mutation("tcp_emit.pyx", "        if field << tcb.rcv_scale > room:", "        if 0 > room:")
def test_tiny_segments_cannot_stretch_the_buffer():
    """A window in units of 32 bytes, rounded up for each tiny segment, would never close: memory without bound."""
    peer = Peer(receive_buffer=1 << 20)
    server = peer.accepted(scale=5)
    sent = 0
    while sent < 1 << 20:
        peer.send(bytes(1460), "A")
        sent += 1460
    for _ in range(1000):
        peer.send(b"12345", "PA")
        peer.drain()
    assert server.readable <= (1 << 20) + 32


@mutation("tcp_user.pyx", "(<int32_t>told < <int32_t>tcb.mss or ", "(")
def test_a_reader_who_makes_room_is_told_of_at_once():
    """A window below a segment stops the sender; a byte of room for a segment more is told when it is there."""
    peer = Peer(receive_buffer=100_000)
    server = peer.accepted(scale=2)
    for _ in range(68):
        peer.send(bytes(1460), "A")
    peer.wait(1)
    peer.drain()
    server.receive(3000)
    peer.let_go()
    assert peer.expect("A").window << 1 >= 2900


@mutation("tcp_data.pyx", "tcb.tcp.host.now + tcb.tcp.delayed_ack)", "tcb.tcp.host.now + 10 * tcb.tcp.delayed_ack * 2)")
@mutation("tcp_data.pyx", "    if segments > 1 or tcb.bits & TCB_ACK_DELAYED:", "    if segments > 1:")
def test_must_40_acknowledgments_are_delayed_by_less_than_half_a_second():
    """MUST-40, SHLD-18, 19: one segment waits a moment, the second is acknowledged at once."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"one", "PA")
    peer.silence()
    before = peer.now
    peer.wait(0.5)
    assert 0 < peer.expect("A", ack=peer.next).at - before < 500_000_000
    peer.send(b"two", "PA")
    peer.send(b"three", "PA")
    peer.expect("A", ack=peer.next)
    peer.wait(1)
    peer.silence()
    assert server.readable == len(b"onetwothree")


@mutation("tcp_data.pyx",
          "    elif not tcb.deadline[TIMER_DELAYED_ACK]:\n",
          "    tcp_acknowledge(tcb)\n    if not tcb.deadline[TIMER_DELAYED_ACK]:\n")
def test_must_58_59_one_acknowledgment_for_all_that_came_together():
    """MUST-58, 59: a batch of twenty segments is processed before one ACK tells of all."""
    peer = Peer()
    server = peer.accepted()
    packets = [peer.segment(bytes([number]) * 100, seq=peer.next + 100 * number) for number in range(20)]
    peer.frames_at_once(packets)
    peer.wait(1)
    assert [heard.ack for heard in peer.drain()] == [peer.next + 2000]
    assert server.readable == 2000


@mutation("tcp_output.pyx",
          "return tcb.bits & TCB_NO_DELAY != 0 or (tcb_flight(tcb) == 0 and not behind_others)",
          "return tcb_flight(tcb) == 0 and not behind_others")
@mutation("tcp_output.pyx",
          "return tcb.bits & TCB_NO_DELAY != 0 or (tcb_flight(tcb) == 0 and not behind_others)",
          "return 1")
def test_must_17_nagle_can_be_switched_off():
    """MUST-17, SHLD-7: small segments wait for the acknowledgment of the one before, unless the user says no_delay."""
    peer = Peer()
    server = peer.accepted()
    for word in (b"one", b"two", b"three"):
        server.send(word)
        peer.let_go()
    peer.expect("PA", b"one")
    peer.silence()
    peer.send(b"", "A")
    peer.expect("PA", b"twothree")
    peer.send(b"", "A")
    server.no_delay = True
    for word in (b"one", b"two", b"three"):
        server.send(word)
        peer.let_go()
        peer.expect("PA", word)


def test_must_60_nothing_is_kept_back_for_ever():
    """MUST-60: even corked, the tail of what was handed over goes within a second."""
    peer = Peer()
    server = peer.accepted()
    server.corked = True
    server.send(b"tail")
    peer.let_go()
    peer.silence()
    peer.wait(1)
    peer.expect("PA", b"tail")


@mutation("tcp_output.pyx",
          "        if choice.length and choice.at + choice.length == data_end(tcb):\n"
          "            flags |= TCP_PSH\n",
          "")
def test_must_61_the_last_segment_of_what_was_written_is_pushed():
    """MUST-61: and only the last, or receivers would be woken for each."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(4000))
    peer.let_go()
    start = peer.heard
    flags = [heard.flags for heard in peer.drain()]
    peer.send(b"", "A", ack=start + 2920)
    assert flags + [heard.flags for heard in peer.drain()] == ["A", "A", "PA"]


@mutation("tcp_input.pyx",
          "# a full window still hears ACK and RST\n    return 1\n",
          "#\n    return segment.length != 0\n")
def test_must_66_a_closed_window_still_hears_reset_acknowledgment_and_urgent():
    """MUST-66: with no room at all, data is refused, but what its segment acknowledges counts, and RST and URG do."""
    peer = Peer(receive_buffer=2920)
    server = peer.accepted()
    peer.send(bytes(2920), "A")
    peer.wait(0.1)
    assert peer.drain()[-1].window == 0
    server.send(b"answer")
    peer.let_go()
    peer.expect("PA", b"answer")
    assert server.unsent == 6
    peer.send(b"more", "PAU", seq=peer.next, urgent=4)
    assert server.unsent == 0
    assert server.urgent == 2920 + 4
    assert server.readable == 2920
    peer.drain()
    peer.send(b"", "R", seq=peer.next)
    assert server.state == "CLOSED"

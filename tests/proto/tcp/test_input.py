"""Segments as they come: SYNs that carry more, timestamps after a long silence, smaller paths (RFC 9293 3.10.7)."""

import pytest

from netos.proto.endpoints import TcpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import PEER, WORD, Peer, sack_option, syn_options


def connecting(peer):
    """The stack opens a connection; its SYN is not answered yet."""
    endpoint = TcpEndpoint(peer.stack, (PEER, peer.stack_port))
    peer.let_go()
    peer.port, peer.stack_port = peer.stack_port, endpoint.local[1]
    peer.heard = peer.hear().end
    return endpoint


@mutation("tcp_input.pyx", "    text.sequence += 1  ", "    text.sequence += 0  ")
@pytest.mark.parametrize("sack", [False, True])
def test_data_with_a_syn_ack_begins_behind_the_syn(sack):
    """RFC 9293 section 3.10.7.3: it was put down one place too early, and the stream was garbled."""
    peer = Peer()
    client = connecting(peer)
    peer.send(b"hello", "SA", options=syn_options(sack=sack))
    peer.expect("A", ack=peer.next)
    assert client.receive(100) == b"hello"
    peer.send(b", again", "PA")
    assert client.receive(100) == b", again"


def test_a_fin_with_a_syn_ack_is_taken():
    """RFC 9293 section 3.10.7.3: SYN, data and FIN in one segment; the peer would have to repeat the last two."""
    peer = Peer()
    client = connecting(peer)
    peer.send(b"bye", "SFA", options=syn_options())
    peer.expect("A", ack=peer.next)
    assert (client.state, client.receive(100), client.finished) == ("CLOSE-WAIT", b"bye", True)


@mutation("tcp_input.pyx", "    cut_to_window(tcb, &text, tcb_window(tcb))\n", "")
def test_data_with_a_syn_ack_is_cut_to_the_window():
    """More than the SYN's window told would be more than the receive buffer's limit."""
    peer = Peer(receive_buffer=100)
    client = connecting(peer)
    start = peer.next
    peer.send(bytes(150), "SFA", options=syn_options())
    peer.expect("A", ack=start + 101)
    assert (client.state, client.readable) == ("ESTABLISHED", 100)


@mutation("tcp_input.pyx", "        note_duplicate(tcb, segment.sequence, cut.sequence)\n", "        pass\n")
def test_what_is_refused_is_not_told_as_a_duplicate():
    """RFC 2883: of segments that were received; one whose acknowledgment is refused (RFC 5961 section 5) was not."""
    peer = Peer()
    server = peer.accepted(sack=True)
    peer.send(b"0123456789", "PA")
    peer.wait(0.1)
    peer.expect("A")
    for _ in range(2):                          # the second one within the time of the first one's answer
        peer.send(b"56789abcde", "PA", seq=peer.next - 5, ack=peer.heard + 1)
    assert peer.expect("A").sacks == []
    peer.silence()
    peer.send(b"56789abcde", "PA", seq=peer.next - 5)
    assert peer.expect("A", ack=peer.next + 5).sacks == [(peer.next - 5, peer.next)]
    assert server.receive() == b"0123456789abcde"


@mutation("tcp_input.pyx", "and (outdated(tcb) or not sequence_before", "and (not sequence_before")
def test_timestamps_go_on_after_a_long_silence():
    """RFC 7323 section 5.5: after 24 days TS.Recent is not valid any more, and what comes next is the new one.

    Kept, it would be echoed for as long again, and the peer would take its round trips to last for weeks.
    """
    peer = Peer()
    server = peer.accepted(timestamp=100)
    peer.wait(25 * 24 * 3600)
    peer.timestamp = (100 + 25 * 24 * 3600 * 1000) % WORD
    peer.send(b"hello", "PA")
    assert server.receive(100) == b"hello"
    peer.wait(0.1)
    assert peer.expect("A", ack=peer.next).timestamps[1] == peer.timestamp


@mutation("tcp_input.pyx", "        recovery_end(tcb)\n        tcb.bits", "        tcb.bits")
def test_a_smaller_path_mtu_ends_fast_recovery():
    """RFC 1191: all is cut anew from the first byte on; in recovery no hole is behind what is not sacked."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.heard
    server.send(bytes(10 * 1460))
    peer.let_go()
    sent = peer.drain()
    for last in (5, 6, 7):
        peer.send(b"", "A", ack=start, options=sack_option((sent[5].seq, sent[last].end)))
    again = peer.drain()
    assert again[0].seq == start
    peer.icmp_error(again[0], 3, 4, mtu=1000)
    heard = peer.drain()
    assert heard[0].seq == start
    assert all(len(one.data) <= 960 for one in heard)
    assert len({one.seq for one in heard}) == len(heard) > 3

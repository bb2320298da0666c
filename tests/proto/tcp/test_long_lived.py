"""Connections that have carried gigabytes: what they remember from their beginning must not come round again."""

from netos.testing.mutate_tcp import mutation
from netos.testing.segments import NAME, STACK_ETHER, WORD, Peer, sack_option

CHUNK = bytes(64 << 20)
MORE_THAN_HALF = 33                     # chunks: more than half the space of sequence numbers


class Swallowing(Peer):
    """A peer that takes what it is sent without looking at it, while `deaf`."""

    deaf = False

    def _hear(self, frame: bytes) -> None:
        if not self.deaf:
            super()._hear(frame)

    def swallow(self, count: int) -> None:
        """Acknowledge so many bytes."""
        self.heard = (self.heard + count) % WORD
        self.send()


@mutation("tcp_ack.pyx",
          "            tcb.recover = ack - acked - 1           # left alone it would be ahead again after 2 GiB\n",
          "            pass\n")
def test_a_loss_after_two_gibibytes_without_one_is_mended_fast():
    """RFC 6582 section 4.1 compares with where recovery last ended; the start of a connection is soon ahead again.

    If it fails, a long clean transfer that loses a segment waits for its retransmission timer, for 2 GiB on end.
    """
    peer = Swallowing(send_buffer=1 << 28)
    peer.stack.set_interface(NAME, ether=STACK_ETHER, offload=True)
    server = peer.accepted(sack=True, scale=14)
    peer.deaf = True
    for _ in range(MORE_THAN_HALF):
        assert server.send(CHUNK) == len(CHUNK)
        waiting = len(CHUNK)
        while waiting:
            peer.let_go()
            flight = min(server.facts["flight"], waiting)
            assert flight
            peer.swallow(flight)
            waiting -= flight
    peer.deaf = False
    peer.stack.set_interface(NAME, ether=STACK_ETHER)
    server.send(bytes(40 * 1460))
    peer.let_go()
    lost = peer.hear()
    peer.send(b"", "A", options=sack_option((lost.end, lost.end + 6 * 1460)))
    assert [heard.seq for heard in peer.drain()].count(lost.seq) == 1, "not sent again at once"

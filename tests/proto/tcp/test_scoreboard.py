"""The sender's scoreboard against a receiver in Python: what was lost is sent again, and nothing else (RFC 6675)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netos.kernel.vcpu import VirtualCpu
from netos.testing.segments import WORD, Peer, sack_option

CPU = VirtualCpu(0)
SIZE = 1000
WHOLE = 400                     # segments of the stream


class Receiver:
    """Takes segments by their numbers; its acknowledgments have the block that grew last in front (RFC 2018)."""

    def __init__(self, start):
        self.start, self.had, self.next, self.recent = start, set(), 0, []

    def take(self, first, count):
        self.had |= set(range(first, first + count))
        while self.next in self.had:
            self.next += 1
        self.recent.insert(0, first)

    def blocks(self, most):
        found = []
        for number in self.recent:
            if number > self.next and number in self.had:
                first = end = number
                while first - 1 in self.had:
                    first -= 1
                while end in self.had:
                    end += 1
                if (first, end) not in found:
                    found.append((first, end))
        return found[:most]

    def place(self, number):
        return (self.start + number * SIZE) % WORD


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(20, 70), st.integers(1, 4)), min_size=1, max_size=8),
       st.one_of(st.just(set()), st.sets(st.integers(0, 120))), st.integers(1, 4))
def test_what_was_lost_is_sent_again_and_nothing_else(holes, unheard, most):
    """No timeout, nothing that arrived, nothing that the peer has told of, whatever is lost of windows and ACKs."""
    peer = Peer(cpu=CPU, initial_window=10, send_buffer=1 << 20)
    server = peer.accepted(mss=SIZE, sack=True, scale=3)      # a window that is never full
    receiver = Receiver(peer.heard)
    lost = {first + number for first, length in holes for number in range(length)}
    told, dropped, again, sent, acks, highest = set(), set(), [], [], 0, 0
    server.send(bytes(WHOLE * SIZE))
    peer.let_go()
    while True:
        for heard in peer.drain():
            first = (heard.seq - receiver.start) % WORD // SIZE
            sent.append(set(range(first, first + len(heard.data) // SIZE)))
            assert not sent[-1] & told, "what the peer has was sent again"
        if not sent:
            break
        numbers = sent.pop(0)
        first, count = min(numbers), len(numbers)
        if first < highest:
            again += sorted(numbers)
        elif lost & numbers:
            dropped |= numbers
            highest = first + count
            continue
        highest = max(highest, first + count)
        receiver.take(first, count)
        acks += 1
        if acks in unheard and sent:
            continue
        blocks = receiver.blocks(most)
        told |= {number for one, end in blocks for number in range(one, end)} | set(range(receiver.next))
        option = sack_option(*((receiver.place(one), receiver.place(end)) for one, end in blocks)) if blocks else b""
        peer.send(b"", "A", ack=receiver.place(receiver.next), options=option)
    assert (receiver.next, server.unsent) == (WHOLE, 0)
    assert set(again) >= dropped
    assert unheard or set(again) == dropped         # a block that was not heard of may be taken for lost
    assert peer.stack.counters["tcp_timeouts"] == 0

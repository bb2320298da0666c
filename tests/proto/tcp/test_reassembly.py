"""A stream in pieces of any order, again and overlapping, against a model in Python (RFC 9293 3.10.7.4, RFC 2018)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netos.kernel.vcpu import VirtualCpu
from netos.testing.segments import WORD, Peer

LENGTH = 9000          # more than the least ring holds
STREAM = bytes((at * 97 + at // 251) & 255 for at in range(LENGTH))
CPU = VirtualCpu(0)
STEPS = st.lists(st.one_of(st.tuples(st.just("piece"), st.integers(0, LENGTH), st.integers(0, 2500)),
                           st.tuples(st.just("piece"), st.integers(0, 3), st.integers(1, 1400)),
                           st.tuples(st.just("read"), st.integers(1, 4000), st.just(0))), max_size=40)


class Model:
    """What a receiver has to do: take what lies in the window it has told, in any order, and the FIN at the end."""

    def __init__(self, edge):
        self.had, self.end, self.edge = set(), False, edge
        self.next = 0                           # bytes in order

    @property
    def finished(self):
        return self.end and self.next == LENGTH

    def take(self, first, end, fin):
        if self.finished or end + fin <= self.next or first > self.edge:
            return
        self.had |= set(range(max(first, self.next), min(end, self.edge)))
        self.end = self.end or (fin and end <= self.edge)
        while self.next in self.had:
            self.next += 1


def check_blocks(blocks, model, iss):
    """SACK blocks are apart, behind the acknowledgment but for a duplicate in front, and of what has come."""
    found = [((first - iss - 1) % WORD, (end - iss - 1) % WORD) for first, end in blocks]
    for number, (first, end) in enumerate(found):
        assert first < end
        assert set(range(first, end)) <= model.had
        assert first > model.next or (number == 0 and end <= model.next) or (
            number == 0 and any(one <= first and end <= other for one, other in found[1:]))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.sampled_from([1000, WORD - 4000, WORD - 2, (WORD >> 1) - 4000]), st.sampled_from([700, 3000, 6000, 65535]),
       st.booleans(), STEPS)
def test_pieces_in_any_order_make_the_stream(iss, room, sack, steps):
    """A byte in the wrong place, one acknowledged that is not there, a FIN too early or lost: all would be silent."""
    peer = Peer(receive_buffer=room, cpu=CPU)
    server = peer.accepted(iss=iss, sack=sack)
    model, got = Model(room), b""
    for what, first, length in steps:
        if what == "read":
            data = server.receive(min(first, server.readable))
            got += data
            peer.let_go()
        else:
            if first < 4:
                first = max(0, model.next - first * 400)             # around what comes next
            end = min(first + length, LENGTH)
            fin = end == LENGTH
            if end == first and not fin:
                continue
            peer.send(STREAM[first:end], "FA" if fin else "A", seq=iss + 1 + first)
            model.take(first, end, fin)
        for heard in peer.drain():
            assert (heard.ack - iss - 1) % WORD == model.next + model.finished
            check_blocks(heard.sacks, model, iss)
            model.edge = max(model.edge, model.next + heard.window)
        assert len(got) + server.readable == model.next
        assert (server.state == "CLOSE-WAIT") == model.finished
    while not model.finished:
        first = model.next
        end = min(first + 1400, LENGTH)
        peer.send(STREAM[first:end], "FA" if end == LENGTH else "A", seq=iss + 1 + first)
        model.take(first, end, end == LENGTH)
        got += server.receive(LENGTH)
        peer.let_go()
        peer.wait(0.1)
        model.edge = max(model.edge, model.next + peer.drain()[-1].window)
    assert got + server.receive(LENGTH) == STREAM
    assert (server.state, server.finished) == ("CLOSE-WAIT", True)

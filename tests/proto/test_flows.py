"""The connection table against a dictionary: what is found, in which direction, until when; and never more memory."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from netos.proto.flow_table import SECOND, STATES, TIMEOUTS, FlowTable

UDP = 17
START = 10**18
CAPACITY = 8
ends = st.tuples(st.integers(1, 3), st.integers(1, 3))
keys = st.builds(lambda a, b: (UDP, *a, *b), ends, ends)


def reverse(key):
    return (key[0], *key[3:5], *key[1:3])


class Against(RuleBasedStateMachine):
    """Few tuples, small capacity: everything collides with everything sooner or later."""

    @initialize()
    def begin(self):
        self.table, self.now, self.model = FlowTable(CAPACITY, key=bytes(16)), START, {}

    def alive(self):
        return {key: entry for key, entry in self.model.items() if entry["expires"] > self.now}

    def by_tuple(self):
        found = {}
        for key, entry in self.alive().items():
            found[entry["reply"]] = key, 1
            found[key] = key, 0
        return found

    @rule(key=keys)
    def create(self, key):
        known = self.by_tuple()
        before, kept = set(self.alive()), self.table.count
        made = self.table.create(key, self.now)
        if key in known or reverse(key) in known:
            assert not made
        elif len(before) < CAPACITY:
            assert made
        if made:
            left = {row["original"] for row in self.table.rows(self.now)}
            gone = before - left
            assert len(gone) <= (kept == CAPACITY)
            assert not any(self.model[lost]["assured"] for lost in gone)
            for lost in gone:
                del self.model[lost]
            self.model[key] = {"reply": reverse(key), "expires": self.now + 30 * SECOND, "assured": False}

    @rule(key=keys, state=st.sampled_from(["udp-unreplied", "udp-stream", "closed"]), assured=st.booleans())
    def refresh(self, key, state, assured):
        found = self.by_tuple().get(key)
        assert self.table.refresh(key, self.now, assured=assured, state=state) == (found is not None)
        if found:
            entry = self.model[found[0]]
            entry["assured"] |= assured
            entry["expires"] = self.now + TIMEOUTS[state] * SECOND

    @rule(key=keys, reply=keys)
    def map(self, key, reply):
        known = self.by_tuple()
        mapped = self.table.map(key, reply, self.now)
        if key not in known:
            assert not mapped
        elif reply not in known:
            assert mapped
            self.model[known[key][0]]["reply"] = reply
        else:
            assert mapped == (known[reply] == (known[key][0], 1))

    @rule(key=keys)
    def kill(self, key):
        found = self.by_tuple().get(key)
        assert self.table.kill(key, self.now) == (found is not None)
        if found:
            del self.model[found[0]]

    @rule(seconds=st.sampled_from([0.001, 1, 9.99, 10, 29, 31, 119, 5000]), turn=st.booleans())
    def wait(self, seconds, turn):
        self.now += round(seconds * SECOND)
        if turn:
            self.table.expire(self.now)

    @rule()
    def everything_expires_in_the_end(self):
        self.now += 6 * 86400 * SECOND
        self.table.expire(self.now)
        assert self.table.count == 0

    @precondition(lambda self: hasattr(self, "table"))
    @invariant()
    def agrees(self):
        known = self.by_tuple()
        for key in [*known, *map(reverse, known)]:
            found = self.table.find(key, self.now)
            assert (found and found[1]) == (known[key][1] if key in known else None)
        assert {row["original"] for row in self.table.rows(self.now)} == set(self.alive())
        assert len(self.alive()) <= self.table.count <= CAPACITY
        assert sum(self.table.states.values()) == self.table.count


TestAgainst = Against.TestCase
TestAgainst.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def key_of(number):
    return (UDP, 0x0A000000 + (number >> 8), number & 0xFF | 0x400, 0xC0000201, 53)


def test_thousands_of_connections_are_all_found_and_all_go():
    """Chains of buckets, their overflow and its return: with 20 000 entries some buckets hold more than seven."""
    table = FlowTable(20_000)
    memory = table.memory
    for number in range(20_000):
        assert table.create(key_of(number), START)
    assert all(table.find(key_of(number), START) == ("udp-unreplied", 0) for number in range(20_000))
    assert all(table.find(reverse(key_of(number)), START) == ("udp-unreplied", 1) for number in range(20_000))
    for number in range(0, 20_000, 2):
        assert table.kill(key_of(number), START)
    assert all((table.find(key_of(number), START) is None) == (number % 2 == 0) for number in range(20_000))
    assert table.expire(START + 31 * SECOND) == 10_000
    assert (table.count, table.memory) == (0, memory)


def test_a_full_table_gives_up_unassured_connections_and_no_others():
    table = FlowTable(64)
    for number in range(64):
        table.create(key_of(number), START + number)
        if number < 63:
            table.refresh(key_of(number), START + number, assured=True)
    assert table.create(key_of(100), START + 100)
    assert table.find(key_of(63), START + 100) is None
    table.refresh(key_of(100), START + 100, assured=True)
    assert not table.create(key_of(101), START + 101)
    assert all(table.find(key_of(number), START + 101) for number in range(63))
    assert table.totals["early-drop"] == 1
    assert table.totals["refused"] == 1


def test_a_flood_keeps_the_memory_and_the_established():
    """A hundred times as many new connections as there is room for: those assured survive, the count stays."""
    table = FlowTable(256)
    for number in range(100):
        table.create(key_of(number), START)
        table.refresh(key_of(number), START, assured=True, state="established")
    memory = table.memory
    for number in range(1000, 26_600):
        assert table.create(key_of(number), START + number)
    assert (table.count, table.memory) == (256, memory)
    assert all(table.find(key_of(number), START + 30_000) == ("established", 0) for number in range(100))


def test_what_nobody_let_pass_goes_soon():
    table = FlowTable(4)
    table.create(key_of(1), START, confirmed=False, state="syn-sent")
    assert table.find(key_of(1), START + 4 * SECOND)
    assert table.find(key_of(1), START + 6 * SECOND) is None


def test_expiry_can_be_done_in_small_portions():
    table = FlowTable(100)
    for number in range(100):
        table.create(key_of(number), START)
    portions = []
    while portions[-1:] != [0]:
        portions.append(table.expire(START + 60 * SECOND, 30))
    assert portions == [30, 30, 30, 10, 0]


def test_a_connection_that_is_used_stays():
    table = FlowTable(4)
    table.create(key_of(1), START)
    for second in range(0, 3600, 25):
        table.expire(START + second * SECOND)
        assert table.refresh(key_of(1), START + second * SECOND)
    assert table.totals["expired"] == 0


def test_a_tuple_that_is_its_own_inverse():
    """Source and destination alike: one tag in the index, which goes when the connection goes."""
    table = FlowTable(4)
    key = (UDP, 1, 7, 1, 7)
    assert table.create(key, START)
    assert table.kill(key, START)
    assert table.create(key, START)
    assert table.find(key, START) == ("udp-unreplied", 0)


def test_states_have_names_and_timeouts():
    assert set(STATES) - set(TIMEOUTS) == {"free"}


def test_a_limit_for_each_destination_stays_its_tables_whoever_had_the_connections():
    """As on a reload that is not confirmed: the connections go to the new table, and come back."""
    def handshake(table, port):
        return table.create((6, 1, port, 9, 80), START, state="syn-sent", confirmed=False)

    old, new = FlowTable(64), FlowTable(64)
    old.limit_half_open(3)
    assert handshake(old, 1)
    new.move_from(old, START)
    assert (old.half_open_each, new.half_open_each) == (3, 0)
    old.move_from(new, START)
    assert (old.half_open_each, new.half_open_each) == (3, 0)
    assert old.find((6, 1, 1, 9, 80), START)

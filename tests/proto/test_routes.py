"""Every route table answers as a linear scan does, whatever is added, replaced and removed."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from netos.proto.routes import RouteExists, RouteMissing, RouteTable
from netos.proto.routes_direct import DirectRoutes
from netos.proto.routes_radix import RadixRoutes

TABLES = [RouteTable, RadixRoutes, DirectRoutes]
LAST = 0xFFFFFFFF


def ip(text):
    """10.0.0.1 as an integer."""
    return int.from_bytes(bytes(map(int, text.split("."))), "big")


def mask(length):
    return LAST << (32 - length) & LAST


def scan(routes, address):
    """The longest prefix found the obvious way: routes is {(prefix, length): (port, gateway)}."""
    for length in range(32, -1, -1):
        if (found := routes.get((address & mask(length), length))) is not None:
            return found
    return None


@pytest.fixture(params=TABLES, ids=lambda table: table.__name__)
def table(request):
    return request.param()


class Machine(RuleBasedStateMachine):
    """Tables of every kind and a dictionary go through the same changes.

    Prefixes come from few bits, so that they nest, meet and are met again; lookups go to the edges of all of them.
    """

    lengths = st.integers(0, 32)
    # Bits set at 1, 9, 15, 21, 25, 27 and 32 of the address: on either side of every level of every table.
    addresses = st.sets(st.sampled_from([0, 8, 14, 20, 24, 26, 31])).map(
        lambda bits: sum(1 << (31 - bit) for bit in bits) | 0x0A000000
    )
    hops = st.tuples(st.integers(0, 2), st.sampled_from([0, 1, LAST]))

    def __init__(self):
        super().__init__()
        self.tables = [kind() for kind in TABLES]
        self.routes = {}

    @rule(address=addresses, length=lengths, hop=hops, replace=st.booleans())
    def add(self, address, length, hop, replace):
        key = (address & mask(length), length)
        for one in self.tables:
            if key in self.routes and not replace:
                with pytest.raises(RouteExists) as caught:
                    one.add(address, length, hop[1], hop[0])
                assert caught.value.route == (*key, *self.routes[key][::-1])
            else:
                one.add(address, length, hop[1], hop[0], replace=replace)
        if replace or key not in self.routes:
            self.routes[key] = hop

    @rule(address=addresses, length=lengths)
    def remove_perhaps_missing(self, address, length):
        key = (address & mask(length), length)
        for one in self.tables:
            if key in self.routes:
                one.remove(address, length)
            else:
                with pytest.raises(RouteMissing):
                    one.remove(address, length)
        self.routes.pop(key, None)

    @precondition(lambda self: self.routes)
    @rule(data=st.data())
    def remove(self, data):
        key = data.draw(st.sampled_from(sorted(self.routes)))
        for one in self.tables:
            one.remove(*key)
        del self.routes[key]

    @rule(change=st.lists(st.tuples(addresses, lengths, hops), max_size=5))
    def failed_transaction_changes_nothing(self, change):
        changes = [("set", address, length, hop[1], hop[0]) for address, length, hop in change]
        changes += [("remove", address, length, None, None) for address, length, _ in change]
        for one in self.tables:
            before = one.table()
            with pytest.raises(RouteMissing):
                one.apply([*changes, ("add", 0x7F000000, 7, 0, 0), *[("remove", 0x7F000000, 7, None, None)] * 2])
            assert one.table() == before

    @rule()
    def flush(self):
        for one in self.tables:
            one.flush()
        self.routes.clear()

    @rule()
    def clone(self):
        self.tables = [one.clone() for one in self.tables]

    @invariant()
    def tables_list_the_routes(self):
        listed = [one.table() for one in self.tables]
        assert listed == [listed[0]] * len(listed)
        assert {(prefix, length): (port, gateway) for prefix, length, gateway, port in listed[0]} == self.routes
        assert [len(one) for one in self.tables] == [len(self.routes)] * len(self.tables)

    @invariant()
    def lookups_are_the_scan(self):
        edges = {0, LAST}
        for prefix, length in self.routes:
            end = prefix | (mask(length) ^ LAST)
            edges |= {prefix, end, (prefix - 1) & LAST, (end + 1) & LAST}
        for address in edges:
            expected = scan(self.routes, address)
            assert [one.lookup(address) for one in self.tables] == [expected] * len(self.tables), hex(address)


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase


def test_empty_table_finds_nothing(table):
    assert table.lookup(0) is None
    assert table.lookup(LAST) is None
    assert table.table() == []


def test_default_route_covers_everything_and_goes_again(table):
    table.add(0, 0, ip("192.0.2.1"), 3)
    assert table.lookup(0) == table.lookup(LAST) == (3, ip("192.0.2.1"))
    table.remove(0, 0)
    assert table.lookup(0) is None


def test_nested_routes_of_every_length(table):
    """A chain /0, /1 … /32 peeled from the inside: each removal uncovers the next shorter one."""
    address = 0xAAAAAAAB
    for length in range(33):
        table.add(address, length, length, length)
    for length in range(32, -1, -1):
        assert table.lookup(address) == (length, length)
        for shorter in range(length):
            flipped = address ^ 1 << (31 - shorter)
            assert table.lookup(flipped) == (shorter, shorter)
        table.remove(address, length)
    assert table.lookup(address) is None


def test_nested_routes_peeled_from_the_outside(table):
    address = 0x55555554
    for length in range(32, -1, -1):
        table.add(address, length, 0, length)
    for length in range(32):
        table.remove(address, length)
        assert table.lookup(address) == (32, 0)
        assert table.lookup(address ^ 1 << (31 - length)) is None
    assert len(table) == 1


def test_pair_of_31_and_hosts(table):
    table.add(ip("10.0.0.2"), 31, 0, 1)
    table.add(ip("10.0.0.3"), 32, 0, 2)
    assert [table.lookup(ip(f"10.0.0.{last}")) for last in range(1, 5)] == [None, (1, 0), (2, 0), None]


def test_all_hosts_of_a_block_filled_and_emptied(table):
    """Every child and leaf of a node in turn, both ways: where a block grows and shrinks nothing else may move."""
    table.add(ip("10.1.2.0"), 24, 0, 9)
    order = list(range(256))
    Random(1).shuffle(order)
    for last in order:
        table.add(ip("10.1.2.0") + last, 32, last, 1)
    assert [table.lookup(ip("10.1.2.0") + last) for last in range(256)] == [(1, last) for last in range(256)]
    for done, last in enumerate(order, 1):
        table.remove(ip("10.1.2.0") + last, 32)
        for other in (order[done // 2], last):
            assert table.lookup(ip("10.1.2.0") + other) == ((9, 0) if other in order[:done] else (1, other))


def test_bits_past_the_prefix_are_ignored(table):
    table.add(ip("10.9.8.7"), 8, 0, 1)
    assert table.table() == [(ip("10.0.0.0"), 8, 0, 1)]
    assert table.get(ip("10.1.1.1"), 8) == (1, 0)
    assert table.get(ip("10.1.1.1"), 9) is None


def test_remove_asks_for_gateway_and_port_when_they_are_given(table):
    table.add(ip("10.0.0.0"), 8, 5, 1)
    for gateway, port in [(6, 1), (5, 2), (None, 2), (6, None), (0, None)]:
        with pytest.raises(RouteMissing, match=r"no route for 10\.0\.0\.0/8"):
            table.remove(ip("10.0.0.0"), 8, gateway, port)
    assert table.lookup(ip("10.0.0.0")) == (1, 5)
    table.remove(ip("10.0.0.0"), 8, 5, 1)
    assert len(table) == 0


def test_replacing_keeps_the_place(table):
    table.add_many([(ip("10.0.0.0"), 8, 0, 1), (ip("11.0.0.0"), 8, 0, 1)])
    table.add(ip("10.0.0.0"), 8, 7, 2, replace=True)
    assert table.table() == [(ip("10.0.0.0"), 8, 7, 2), (ip("11.0.0.0"), 8, 0, 1)]
    assert table.lookup(ip("10.0.0.0")) == (2, 7)


def test_add_many_is_all_or_nothing(table):
    table.add(ip("12.0.0.0"), 8, 0, 0)
    with pytest.raises(RouteExists, match=r"12\.0\.0\.0/8 0; set it"):
        table.add_many((prefix << 24, 8, 0, 1) for prefix in range(10, 20))
    assert table.table() == [(ip("12.0.0.0"), 8, 0, 0)]
    assert table.lookup(ip("10.0.0.0")) is None


def test_apply_makes_changes_in_order(table):
    table.add(ip("10.0.0.0"), 8, 0, 1)
    table.apply([
        ("remove", ip("10.0.0.0"), 8, None, 1),
        ("add", ip("10.0.0.0"), 8, 0, 2),
        ("set", ip("10.1.0.0"), 16, 3, 3),
    ])
    assert (table.lookup(ip("10.0.0.1")), table.lookup(ip("10.1.0.1"))) == ((2, 0), (3, 3))
    with pytest.raises(ValueError, match="'add', 'set' or 'remove', not 'drop'"):
        table.apply([("drop", 0, 0, None, None)])


@pytest.mark.parametrize(("length", "port", "complaint"), [(33, 0, "0 to 32, not 33"), (8, -1, "not be negative")])
def test_impossible_routes_are_refused(table, length, port, complaint):
    with pytest.raises(ValueError, match=complaint):
        table.add(0, length, 0, port)
    with pytest.raises(RouteMissing):
        table.remove(0, length)
    assert len(table) == 0


def test_a_clone_is_independent(table):
    table.add(ip("10.0.0.0"), 8, 0, 1)
    copy = table.clone()
    assert type(copy) is type(table)
    copy.add(ip("10.0.0.0"), 30, 0, 2)
    table.remove(ip("10.0.0.0"), 8)
    assert (table.lookup(ip("10.0.0.1")), copy.lookup(ip("10.0.0.1")), copy.lookup(ip("10.0.0.9"))) == (
        None, (2, 0), (1, 0))


def test_next_hops_are_shared_and_released(table):
    """Routes to one gateway share an entry; replacing and removing gives it back, so that churn cannot fill a table."""
    table.add_many([(number << 8, 24, number % 4, 0) for number in range(100)])
    assert table.next_hops == 4
    for number in range(100):
        table.add(number << 8, 24, 1000 + number, 0, replace=True)
        table.add(number << 8, 24, 7, 0, replace=True)
    assert table.next_hops == 1
    for number in range(100):
        table.remove(number << 8, 24)
    assert table.next_hops == 0


def random_routes(seed, count):
    """Prefixes of lengths as in a full table, half of them inside others; no two alike."""
    random = Random(seed)
    routes = {}
    while len(routes) < count:
        length = random.choice([8, 12, 16, 19, 20, 21, 22, 23, 24, 24, 24, 24, 24, 25, 28, 30, 32])
        base = random.choice([random.getrandbits(32), 0x0A000000 | random.getrandbits(16)])
        routes[base & mask(length), length] = (random.randrange(8), random.getrandbits(4))
    return routes


@pytest.mark.parametrize("kind", [RadixRoutes, DirectRoutes])
def test_many_random_routes(kind):
    """Twenty thousand routes, half removed again; what churn leaves behind must be neither seen nor counted."""
    table = kind()
    routes = random_routes(7, 20_000)
    random = Random(8)
    table.add_many([(prefix, length, gateway, port) for (prefix, length), (port, gateway) in routes.items()])
    addresses = [random.choice([random.getrandbits(32), 0x0A000000 | random.getrandbits(16)]) for _ in range(10_000)]
    assert [table.lookup(address) for address in addresses] == [scan(routes, address) for address in addresses]
    for key in random.sample(sorted(routes), 10_000):
        table.remove(*key)
        del routes[key]
    assert [table.lookup(address) for address in addresses] == [scan(routes, address) for address in addresses]


def test_memory_does_not_grow_with_churn(table):
    routes = [(prefix, length, 0, 0) for prefix, length in random_routes(9, 500)]
    for _ in range(3):
        table.add_many(routes)
        for prefix, length, _, _ in routes:
            table.remove(prefix, length)
    settled = table.memory
    for _ in range(10):
        table.add_many(routes)
        for prefix, length, _, _ in reversed(routes):
            table.remove(prefix, length)
    assert table.memory == settled


def test_one_route_at_a_time_takes_the_memory_of_one(table):
    """What a removed route leaves empty, in whatever place, serves the next."""
    table.add(ip("10.0.0.1"), 32, 0, 0)
    memory = table.memory
    for number in range(1000):
        table.add(number << 10 | 1, 32, number, 0)
        table.remove(number << 10 | 1, 32)
    assert table.memory == memory


def test_flush_gives_memory_back(table):
    empty = table.memory
    table.add_many([(prefix, length, 0, 0) for prefix, length in random_routes(10, 1000)])
    assert table.memory > empty
    table.flush()
    assert table.memory == empty

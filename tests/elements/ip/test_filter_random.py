"""IPFilter programs decide as a slow, obvious evaluator of the same random expressions does, on all sorts of packets.

An expression is generated together with a function that looks at the packet's bytes; only its text goes through lexer,
parser, compiler and optimiser.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from elements.ip.filter_compile import compile_ip_classifier, compile_ip_filter

HOSTS = [0x0A000001, 0x0A000002, 0x0A000101, 0x0A010001, 0xC0A80001, 0]
PORTS = [0, 7, 53, 80, 81, 1023, 1024, 65535]
ETHERS = [bytes.fromhex("001122334455"), bytes.fromhex("001122334456"), bytes.fromhex("ffffffffffff")]
NETWORK = 14
EXAMPLES = 60


class PastEnd(Exception):
    """The evaluator looked for a byte that the packet does not have."""


@dataclass
class Packet:
    """A frame, where its transport header starts, and rubbish behind its end that must not be looked at."""

    data: bytes
    transport: int
    rubbish: bytes = bytes(64)

    def match(self, program):
        """What the program under test says."""
        whole = memoryview(self.data + self.rubbish)[:len(self.data)]
        return program.match_headers(whole, NETWORK, self.transport, 0)

    def bits(self, start: int, bit: int, bits: int, mask: int) -> int:
        """The masked value of a field; only the bytes that the mask covers are needed."""
        value = 0
        for position in range(bit, bit + bits):
            wanted = mask >> (bit + bits - 1 - position) & 1
            byte = start + position // 8
            if wanted and byte >= len(self.data):
                raise PastEnd
            value = value << 1 | (self.data[byte] >> (7 - position % 8) & 1 if wanted else 0)
        return value


Holds = Callable[[Packet], bool]


@dataclass
class Expression:
    """A text, how tightly it binds (0 ternary, 1 or, 2 and, 3 factor), and what it means."""

    text: str
    level: int
    holds: Holds

    def at(self, level: int) -> str:
        """The text, in parentheses if it binds less tightly."""
        return self.text if self.level >= level else f"({self.text})"


def quiet(test: Holds) -> Holds:
    """A test that fails past the end."""
    def holds(packet):
        try:
            return test(packet)
        except PastEnd:
            return False
    return holds


def field(space: str, bit: int, bits: int, mask: int | None, relation: str, value: int) -> tuple[Holds, bool]:
    """The positive form of a relation, and whether it is to be negated: `<=` is the negation of `>`."""
    mask = (1 << bits) - 1 if mask is None else mask

    def start(packet):
        return NETWORK if space == "ip" else packet.transport

    if relation in ("=", "==", "!="):
        if value & ~mask:
            return lambda packet: False, relation == "!="
        return lambda packet: packet.bits(start(packet), bit, bits, mask) == value, relation == "!="
    limit = value - 1 if relation in ("<", ">=") else value
    if limit < 0 or limit >= mask:
        return lambda packet: limit < 0, relation in ("<", "<=")
    return lambda packet: packet.bits(start(packet), bit, bits, mask) > limit, relation in ("<", "<=")


def decide(tests: list[Holds], every: bool, negated: bool) -> Holds:
    """Several tests joined, then negated: a negation fails where a test is past the end, a test alone is just false."""
    join = all if every else any
    if negated:
        return quiet(lambda packet: not join(test(packet) for test in tests))
    return lambda packet: join(quiet(test)(packet) for test in tests)


def protocol_is(*numbers: int) -> Holds:
    return quiet(lambda packet: packet.bits(NETWORK, 72, 8, 255) in numbers)


first_fragment = quiet(lambda packet: packet.bits(NETWORK, 51, 13, 0x1FFF) == 0)


def both(*tests: Holds) -> Holds:
    return lambda packet: all(test(packet) for test in tests)


directions = st.sampled_from([("src ", [0], False), ("dst ", [1], False), ("", [0, 1], False),
                              ("src or dst ", [0, 1], False), ("dst and src ", [0, 1], True)])
relations = st.sampled_from(["", "= ", "== ", "!= ", "< ", "> ", "<= ", ">= "])
equalities = st.sampled_from(["", "== ", "!= "])


def dotted(address: int) -> str:
    return ".".join(map(str, address.to_bytes(4, "big")))


@st.composite
def hosts(draw):
    direction, ends, every = draw(directions)
    address, length = draw(st.sampled_from(HOSTS)), draw(st.sampled_from([None, 0, 8, 15, 24, 32]))
    relation = draw(equalities)
    mask = 0xFFFFFFFF if length is None else 0xFFFFFFFF << (32 - length) & 0xFFFFFFFF
    word = "host " if length is None else "net "
    word = draw(st.sampled_from(["", word])) if direction else word
    text = f"{direction}{word}{relation}{dotted(address)}" + ("" if length is None else f"/{length}")
    tests = [field("ip", 96 + 32 * end, 32, mask, "=", address & mask)[0] for end in ends]
    return Expression(text, 3, decide(tests, every, relation == "!= "))


@st.composite
def ports(draw):
    direction, ends, every = draw(directions)
    name, numbers = draw(st.sampled_from([("", (6, 17)), ("tcp ", (6,)), ("udp ", (17,)), ("tcpudp ", (6, 17))]))
    relation, value = draw(relations), draw(st.sampled_from(PORTS))
    found = [field("transp", 16 * end, 16, None, relation.strip() or "=", value) for end in ends]
    test = decide([test for test, _ in found], every, found[0][1])
    return Expression(f"{direction}{name}port {relation}{value}", 3, both(protocol_is(*numbers), first_fragment, test))


@st.composite
def port_ranges(draw):
    low, high = sorted((draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))))

    def inside(packet, end):
        if (low, high) == (0, 65535):
            return True
        return low <= packet.bits(packet.transport, 16 * end, 16, 0xFFFF) <= high
    test = decide([lambda packet: inside(packet, 0), lambda packet: inside(packet, 1)], False, False)
    return Expression(f"port {low}-{high}", 3, both(protocol_is(6, 17), first_fragment, test))


FIELDS = [("ip vers", "ip", 0, 4), ("ip hl", "ip", 4, 4), ("ip tos", "ip", 8, 8), ("ip dscp", "ip", 8, 6),
          ("ip len", "ip", 16, 16), ("ip id", "ip", 32, 16), ("ip ttl", "ip", 64, 8), ("ip proto", "ip", 72, 8),
          ("ip[4:2]", "ip", 32, 16), ("ip[9]", "ip", 72, 8), ("ip[12:4]", "ip", 96, 32), ("ip[21:3]", "ip", 168, 24),
          ("transp[0:2]", "transp", 0, 16), ("transp[3]", "transp", 24, 8), ("tcp[13]", 6, 104, 8),
          ("tcp[12:2]", 6, 96, 16), ("udp[4:2]", 17, 32, 16), ("icmp[1:1]", 1, 8, 8), ("icmp type", 1, 0, 8),
          ("tcp win", 6, 112, 16)]


@st.composite
def fields(draw):
    name, space, bit, bits = draw(st.sampled_from(FIELDS))
    full = (1 << bits) - 1
    mask = draw(st.none() | st.sampled_from([1, full & 0xF0 or full, full >> 1, full ^ 3]))
    relation = draw(relations)
    value = draw(st.sampled_from([0, 1, 2, 5, 6, 8, 64, 0x10, 0x3FF, full // 2, full - 1, full]).map(full.__and__))
    text = name + (f" & {mask:#x} " if mask is not None else " ") + relation + str(value)
    test, negated = field("ip" if space == "ip" else "transp", bit, bits, mask, relation.strip() or "=", value)
    terms = [decide([test], True, negated)]
    if space != "ip":
        terms.insert(0, first_fragment)
    if isinstance(space, int):
        terms.insert(0, protocol_is(space))
    return Expression(text, 3, both(*terms))


@st.composite
def ethers(draw):
    direction, ends, every = draw(directions)
    address, relation = draw(st.sampled_from(ETHERS)), draw(equalities)

    def test(packet, end):
        if len(packet.data) < 12:
            raise AssertionError("frames are longer than that")
        return packet.data[6 - 6 * end:12 - 6 * end] == address
    tests = [lambda packet, end=end: test(packet, end) for end in ends]
    return Expression(f"{direction}ether host {relation}{address.hex(':')}", 3, decide(tests, every, relation == "!= "))


def bits_set(bit, bits, wanted):
    return quiet(lambda packet: packet.bits(NETWORK, bit, bits, (1 << bits) - 1) in wanted)


SIMPLE = [
    Expression("true", 3, lambda packet: True), Expression("false", 3, lambda packet: False),
    Expression("tcp", 3, protocol_is(6)), Expression("icmp", 3, protocol_is(1)), Expression("gre", 3, protocol_is(47)),
    Expression("ip proto udp", 3, protocol_is(17)), Expression("ip proto tcpudp", 3, protocol_is(6, 17)),
    Expression("ip frag", 3, quiet(lambda packet: packet.bits(NETWORK, 50, 14, 0x3FFF) != 0)),
    Expression("ip unfrag", 3, quiet(lambda packet: packet.bits(NETWORK, 50, 14, 0x3FFF) == 0)),
    Expression("ip ect", 3, bits_set(14, 2, (1, 2, 3))), Expression("ip ce", 3, bits_set(14, 2, (3,))),
    *(Expression(f"tcp opt {name}", 3, both(
        protocol_is(6), first_fragment,
        quiet(lambda packet, flag=flag: packet.bits(packet.transport, 104, 8, flag) == flag)))
      for name, flag in [("fin", 1), ("syn", 2), ("ack", 16), ("0x12", 0x12)]),
]
primitives = st.one_of(hosts(), ports(), port_ranges(), fields(), ethers(), st.sampled_from(SIMPLE))


@st.composite
def joined(draw, inner):
    """Two to four expressions joined, or one negated, or a ternary."""
    form = draw(st.sampled_from(["and", "or", "not", "choice"]))
    if form == "not":
        part = draw(inner)
        return Expression(draw(st.sampled_from(["not ", "! ", "!"])) + part.at(3), 3,
                          lambda packet: not part.holds(packet))
    if form == "choice":
        first, second, third = draw(inner), draw(inner), draw(inner)
        return Expression(f"{first.at(1)} ? {second.text} : {third.text}", 0, lambda packet: (
            second if first.holds(packet) else third).holds(packet))
    parts = draw(st.lists(inner, min_size=2, max_size=4))
    if form == "or":
        return Expression(draw(st.sampled_from([" or ", " || "])).join(part.at(2) for part in parts), 1,
                          lambda packet: any(part.holds(packet) for part in parts))
    return Expression(draw(st.sampled_from([" and ", " && ", ") ("])).join(part.at(3) for part in parts).join("()")
                      if draw(st.booleans()) else " and ".join(part.at(3) for part in parts), 2,
                      lambda packet: all(part.holds(packet) for part in parts))


expressions = st.recursive(primitives, joined, max_leaves=12)


def packet(random: Random) -> Packet:
    """An IPv4 frame: options, fragments, odd protocols, mutated bytes, cut anywhere behind the Ethernet addresses."""
    choose = random.choice
    words = choose([5, 5, 5, 6, 15])
    protocol = choose([6, 6, 17, 1, 47, 0])
    header = struct.pack(
        ">BBHHHBBHII", 0x40 | words, choose([0, 1, 3, 0x10, 0xB8]), choose([60, 0, 65535]),
        choose([0, 5, 0x3FF, 0x400]), choose([0, 0, 0, 0, 0x2000, 0x4000, 0x2001, 0x1FFF]), choose([0, 1, 64, 255]),
        protocol, 0, choose(HOSTS), choose(HOSTS)) + bytes(words * 4 - 20)
    transport = struct.pack(">HHIIBBHI", choose(PORTS), choose(PORTS), 8, 0, 0x50, choose([0, 2, 0x12, 0x11]),
                            choose([0, 5, 0xFFFF]), 0)
    if protocol == 1:
        transport = bytes([choose([0, 8, 3]), choose([0, 1])]) + transport[2:]
    data = bytearray(choose(ETHERS) + choose(ETHERS) + b"\x08\0" + header + transport)
    for _ in range(choose([0, 0, 1, 3])):
        data[random.randrange(14, len(data))] = random.randrange(256)
    length = choose([len(data), len(data), random.randint(12, len(data)), random.randint(30, len(data))])
    rubbish = choose([bytes(64), b"\xff" * 64, bytes(data)])
    return Packet(bytes(data[:length]), min(NETWORK + 4 * words, length), rubbish)


def packets(seed: int) -> list[Packet]:
    random = Random(seed)
    return [packet(random) for _ in range(40)]


many_packets = st.integers(0, 1 << 30).map(packets)
deterministic = settings(max_examples=EXAMPLES, deadline=None, derandomize=True)


@deterministic
@given(expressions, many_packets)
def test_one_expression(expression, frames):
    """A failure here is a wrong parse, a wrong compilation or an unsound optimisation."""
    program = compile_ip_classifier([expression.text])
    for frame in frames:
        assert frame.match(program) == (0 if expression.holds(frame) else None), (expression.text, program.text())


@deterministic
@given(st.lists(expressions, min_size=2, max_size=6), many_packets)
def test_first_of_several_patterns(patterns, frames):
    """Facts carried from one pattern into the next are where jump threading can go wrong."""
    program = compile_ip_classifier([pattern.text for pattern in patterns])
    for frame in frames:
        expected = next((index for index, pattern in enumerate(patterns) if pattern.holds(frame)), None)
        assert frame.match(program) == expected, ([pattern.text for pattern in patterns], program.text())


@deterministic
@given(st.lists(st.tuples(st.sampled_from(["allow", "drop", "deny", "1", "2"]), primitives), max_size=30), many_packets)
def test_filter_rules(rules, frames):
    """Lists of simple rules, the shape that real filters have."""
    program = compile_ip_filter([f"{action} {pattern.text}" for action, pattern in rules])
    outputs = {"allow": 0, "1": 1, "2": 2}
    for frame in frames:
        action = next((action for action, pattern in rules if pattern.holds(frame)), "drop")
        assert frame.match(program) == outputs.get(action), ([pattern.text for _, pattern in rules], program.text())


@deterministic
@given(st.lists(st.lists(st.one_of(hosts(), ports(), fields(), st.sampled_from(SIMPLE)), min_size=1, max_size=3),
                min_size=8, max_size=24), many_packets)
def test_lists_of_alternatives(terms, frames):
    """Many alternatives are put together by what they have in common and by the word they compare."""
    program = compile_ip_filter(["allow " + " and ".join(part.text for part in parts) for parts in terms])
    for frame in frames:
        expected = any(all(part.holds(frame) for part in parts) for parts in terms)
        assert frame.match(program) == (0 if expected else None), (terms, program.text())


@deterministic
@given(st.sampled_from(["src", "dst", "", "src and dst"]), st.lists(st.sampled_from(PORTS), min_size=2, max_size=5),
       many_packets)
def test_carried_over_qualifiers(direction, numbers, frames):
    """`src port 80 or 81` means `src port 80 or src port 81`."""
    short = compile_ip_classifier([f"{direction} port " + " or ".join(map(str, numbers))])
    full = compile_ip_classifier([" or ".join(f"{direction} port {number}" for number in numbers)])
    assert short.text() == full.text()
    assert [frame.match(short) for frame in frames] == [frame.match(full) for frame in frames]

"""What IPFilter's expressions mean, packet by packet; how they are compiled; and what is said about wrong ones."""

import struct

import pytest

from elements.ip.filter_compile import compile_ip_classifier, compile_ip_filter
from elements.standard.pattern_error import PatternError
from netos.addresses import EtherAddress, IPv4Address, IPv4Interface
from netos.args.wellknown import well_known

ETHERNET = bytes.fromhex("0000c0000002" "0000c0000001" "0800")
SOURCE, DESTINATION = 0x12041A01, 0x0A000002    # 18.4.26.1, 10.0.0.2


def ip(protocol, payload=b"", *, source=SOURCE, destination=DESTINATION, tos=0, ttl=64, identity=7, fragment=0,
       words=5):
    header = struct.pack(">BBHHHBBHII", 0x40 | words, tos, 4 * words + len(payload), identity, fragment, ttl, protocol,
                         0, source, destination)
    return ETHERNET + header.ljust(4 * words, b"\1") + payload


def tcp(source=1025, destination=80, flags=2, window=4096, **rest):
    return ip(6, struct.pack(">HHIIBBHI", source, destination, 1, 2, 0x50, flags, window, 0), **rest)


def udp(source=1025, destination=53, **rest):
    return ip(17, struct.pack(">HHHH", source, destination, 8, 0), **rest)


def icmp(kind=8, **rest):
    return ip(1, bytes([kind, 0, 0, 0]), **rest)


def match(program, packet):
    transport = 14 + 4 * (packet[14] & 15)
    return program.match_headers(packet, 14, transport if transport <= len(packet) else None, 0)


MEANINGS = [
    ("-", [tcp(), udp(), icmp()], []), ("any", [tcp()], []), ("all", [tcp()], []), ("true", [tcp()], []),
    ("false", [], [tcp()]),
    ("src 18.4.26.1", [tcp()], [ip(6, source=1)]),
    ("18.4.26.1", [tcp()], [ip(6, source=1)]), ("host 10.0.0.2", [tcp()], [ip(6, destination=1)]),
    ("src or dst host 10.0.0.2", [tcp()], [ip(6, destination=1)]),
    ("src and dst 18/8", [ip(6, destination=SOURCE)], [tcp()]),
    ("src host != 10.0.0.2", [tcp()], [ip(6, source=DESTINATION)]),
    ("host != 10.0.0.2", [ip(6, destination=1)], [tcp()]),
    ("10/8", [tcp()], [ip(6, destination=1)]), ("net 10.0.0.0 mask 255.0.0.255", [], [tcp()]),
    ("dst 10.0.0.2 mask 255.0.0.255", [tcp()], []),
    ("tcp", [tcp()], [udp()]), ("ip proto 17", [udp()], [tcp()]), ("ip proto != udp", [tcp()], [udp()]),
    ("tcpudp", [tcp(), udp()], [icmp()]), ("ip proto 6-17", [tcp(), udp()], [icmp()]),
    ("port 80", [tcp(), udp(source=80)], [udp(), icmp()]), ("src port 80", [tcp(source=80)], [tcp()]),
    ("dst tcp port http", [tcp()], [udp(destination=80)]), ("udp port domain", [udp()], [tcp(destination=53)]),
    ("domain", [udp(), tcp(destination=53)], [tcp()]), ("tcp dst port >= 1024", [tcp(destination=1024)], [tcp()]),
    ("port >= 1024", [tcp()], [tcp(source=1, destination=1023)]),
    ("port < 1024", [tcp(source=1, destination=1023)], [tcp()]),
    ("port 79-81", [tcp()], [tcp(destination=82), tcp(source=2, destination=78)]),
    ("dst port != 79-81", [tcp(destination=82)], [tcp(), icmp()]),
    ("src port 1 or 1025 and dst port 80", [tcp(), udp(source=1)], [udp()]),
    ("src port 1 or 1025 && tcp", [tcp(), udp(source=1)], [udp()]),
    ("tcp dst port 79 or 80", [tcp()], [udp(destination=80)]),
    ("ip ttl 1 or 64", [tcp(), tcp(ttl=1)], [tcp(ttl=2)]), ("src 10.0.0.2 or 18.4.26.1", [tcp()], [ip(6, source=1)]),
    ("not port 80", [udp(), icmp()], [tcp()]), ("port != 80", [udp()], [tcp(), icmp()]),
    ("tcp ! port 81", [tcp()], [tcp(destination=81)]), ("not not tcp", [tcp()], [udp()]),
    ("icmp type echo", [icmp(8)], [icmp(0), udp()]), ("icmp type 0-3", [icmp(3), icmp(0)], [icmp(8)]),
    ("icmp type echo-reply or unreachable", [icmp(0), icmp(3)], [icmp(8)]), ("redirect", [icmp(5)], [icmp(8)]),
    ("tcp opt syn", [tcp(), tcp(flags=0x12)], [tcp(flags=0x10), udp()]),
    ("syn and not ack", [tcp()], [tcp(flags=0x12)]),
    ("tcp opt 0x12", [tcp(flags=0x1A)], [tcp()]), ("tcp win < 5000", [tcp()], [tcp(window=5000), udp()]),
    ("ip vers 4 ip hl 5", [tcp()], [tcp(words=6)]), ("ip id 7", [tcp()], [tcp(identity=8)]),
    ("ip tos & 0x0f > 1", [tcp(tos=0xF2)], [tcp(tos=0xF1)]), ("ip dscp 46", [tcp(tos=0xB9)], [tcp(tos=0x2E)]),
    ("ip ect", [tcp(tos=1), tcp(tos=3)], [tcp()]), ("ip ect 1", [tcp(tos=1)], [tcp(tos=3)]),
    ("ip ce", [tcp(tos=3)], [tcp(tos=2)]), ("ip len >= 40", [tcp()], [udp()]),
    ("ip frag", [tcp(fragment=0x2000), tcp(fragment=9)], [tcp(fragment=0x4000)]),
    ("ip unfrag", [tcp(fragment=0x4000)], [tcp(fragment=0x2000), tcp(fragment=9)]),
    ("ip frag src host 18.4.26.1", [tcp(fragment=9)], [tcp()]),
    ("port 80", [tcp(fragment=0x2000), tcp(words=15)], [tcp(fragment=9)]),
    ("not port 80", [tcp(fragment=9)], [tcp(fragment=0x2000)]),
    ("ip[9] = 6", [tcp()], [udp()]), ("ip[12:4] & 0xff = 1", [tcp()], [ip(6, source=2)]),
    ("ip[6:2] & 0x3fff != 0", [tcp(fragment=9)], [tcp(fragment=0x4000)]),
    ("tcp[13] & 0x12 = 0x02", [tcp()], [tcp(flags=0x12), udp()]), ("transp[2:2] 53", [udp()], [tcp(), udp(fragment=1)]),
    ("udp[4:2] <= 8 or > 100", [udp()], [tcp()]), ("icmp[0] 8", [icmp()], [icmp(0)]),
    ("tcp ? dst port 80 : icmp ? icmp type echo : false", [tcp(), icmp()], [tcp(destination=81), icmp(0), udp()]),
    ("tcp or udp ? 18.4.26.1 : true", [tcp(), icmp(source=1)], [ip(6, source=1), ip(17, source=1)]),
    ("(tcp or udp) and (port 80 or 53)", [tcp(), udp()], [icmp(), tcp(destination=81)]),
    ("(tcp||udp)&&!(port 80)", [udp()], [tcp(), icmp()]),
    ("ether host 0:0:c0:0:0:1", [tcp()], []), ("ether src 00-00-C0-00-00-01", [tcp()], []),
    ("dst 00:00:c0:00:00:01", [], [tcp()]), ("ether src or dst 0:0:c0:0:0:2", [tcp()], []),
    ("ether dst host != 0:0:c0:0:0:1", [tcp()], []),
]


@pytest.mark.parametrize(("pattern", "yes", "no"), MEANINGS, ids=[row[0] for row in MEANINGS])
def test_meaning(pattern, yes, no):
    program = compile_ip_classifier([pattern])
    assert [match(program, packet) for packet in yes] == [0] * len(yes)
    assert [match(program, packet) for packet in no] == [None] * len(no)


@pytest.mark.parametrize("pattern", [
    "tcp", "ip ttl != 3", "port 80", "port != 81", "dst port <= 1023", "18.4.26.1", "src host != 1.2.3.4",
    "tcp opt syn", "ip[36:4] != 5", "ip[36:4] <= 1", "ip unfrag", "ether dst host 0:0:c0:0:0:2", "port 70-90",
    "ip id > 0x1f",
])
def test_a_primitive_fails_past_the_end_and_its_negation_holds(pattern):
    """Cut a packet it holds for before the last byte it looks at: the primitive fails, `not` of it holds."""
    program, negation = compile_ip_classifier([pattern]), compile_ip_classifier([f"not {pattern}"])
    packet = tcp(identity=0x100)
    assert (match(program, packet), match(negation, packet)) == (0, None)
    answers = [match(program, packet[:length]) for length in range(15, len(packet))]
    assert answers[0] is None or pattern.startswith("ether")
    assert answers == sorted(answers, key=lambda answer: answer is not None)
    assert [match(negation, packet[:length]) for length in range(15, len(packet))] == [
        0 if answer is None else None for answer in answers]


PROGRAMS = [
    (["tcp dst port 80", "-"], [
        " 0 264/00060000%00ff0000  yes->step 1  no->[1]",
        " 1 260/00000000%00001fff  yes->step 2  no->[1]",
        " 2 512/00000050%0000ffff  yes->[0]  no->[1]",
        "safe length 516"]),
    (["src net 10/8 and ip vers 4 and ip hl 5"], [
        " 0 256/45000000%ff000000  yes->step 1  no->[X]",
        " 1 268/0a000000%ff000000  yes->[0]  no->[X]",
        "safe length 269"]),
    (["host 1.2.3.4"], [
        " 0 268/01020304%ffffffff  yes->[0]  no->step 1",
        " 1 272/01020304%ffffffff  yes->[0]  no->[X]",
        "safe length 276"]),
    (["ip ttl >= 64"], [" 0 264/00000000%c0000000  yes->[X]  no->[0]", "safe length 265"]),
    (["tcp", "tcp", "not tcp"], [" 0 264/00060000%00ff0000  yes->[0]  no->[2]", "safe length 266"]),
]


@pytest.mark.parametrize(("patterns", "lines"), PROGRAMS)
def test_program_text(patterns, lines):
    assert compile_ip_classifier(patterns).text().splitlines() == [*lines, "alignment offset 0"]


ERRORS = [
    ("", 0, 1, "empty pattern"), ("tcp or", 6, 1, "missing expression after 'or'"), ("(tcp", 4, 1, "missing ')'"),
    ("tcp)", 3, 1, "garbage after expression at ')'"), ("and tcp", 0, 3, "missing expression before 'and'"),
    ("tcp ? udp", 9, 1, "missing ':'"), ("80", 0, 2, "specify header field or 'port'"),
    ("src", 0, 3, "partial directive"), ("tcp udp", 4, 3, "transport protocol specified twice"),
    ("src dst 1.2.3.4", 4, 3, "'src' or 'dst' specified twice"), ("host port 3", 5, 4, "type specified twice"),
    ("icmp port 80", 0, 12, "bad protocol for 'port' directive"), ("udp win 3", 0, 9, "bad protocol"),
    ("port 65536", 0, 10, "value 65536 out of range (0-65535)"), ("ip proto 256", 0, 12, "out of range"),
    ("tcp opt 256", 0, 11, "out of range"), ("ip ttl & 0x1ff = 3", 0, 18, "mask 0x1ff out of range (0-0xff)"),
    ("host 10/8", 0, 9, "IP address missing in 'host' directive"), ("net 10.0.0.1", 0, 12, "IP prefix missing"),
    ("host > 1.2.3.4", 0, 14, "can't use relational operators or masks with 'host'"),
    ("tcp opt != syn", 0, 14, "can't use relational operators or masks with 'tcp opt'"),
    ("ip ttl", 0, 6, "value missing"), ("ip ttl >", 7, 1, "dangling operator near '>'"),
    ("ip ttl & > 3", 9, 1, "missing bitmask after '&'"), ("port 9-3", 5, 3, "range 9-3 is empty"),
    ("port < 3-9", 0, 10, "can't use '<' or '>' with a range"),
    ("ip[1", 2, 1, "missing ']'"), ("ip[a]", 2, 3, "syntax error after '['"), ("ip[1:5]", 2, 5, "LEN in '[POS:LEN]'"),
    ("ip[3:2] 0", 2, 5, "does not fit in a single word"), ("ip[256] 0", 2, 5, "POS 256 out of range"),
    ("src[0] 1", 3, 3, "'[' must follow 'ip', 'transp' or a protocol"), ("ip ttl [0] 1", 7, 3, "must follow 'ip'"),
    ("tcp prot 7", 4, 4, "unknown word 'prot'; did you mean 'proto'?"),
    ("dst port htpt", 9, 4, "unknown port 'htpt'; did you mean 'http'?"), ("tcp opt sny", 8, 3, "did you mean 'syn'?"),
    ("src foo", 4, 3, "unknown name 'foo'"), ("1.2.3.4 mask 7", 13, 1, "missing address after 'mask'"),
    ("echo", 0, 4, "'echo' is ambiguous; use 'port echo' or 'icmp type echo'"),
    ("icmp ssh", 5, 3, "'ssh' is out of place; use "), ("tcp -", 4, 1, "unknown word '-'"),
    ("(" * 200 + "tcp" + ")" * 200, 100, 1, "nested more than 100 deep"),
]


@pytest.mark.parametrize(("pattern", "column", "length", "message"), ERRORS, ids=[row[0][:20] for row in ERRORS])
def test_errors_say_where(pattern, column, length, message):
    with pytest.raises(PatternError) as caught:
        compile_ip_classifier(["tcp", pattern])
    problem = caught.value.problems[0]
    assert (problem.pattern, problem.column, problem.length) == (1, column, length)
    assert message in problem.message


def test_all_errors_are_reported_at_once():
    """One wrong primitive hides neither the next one nor the next pattern."""
    with pytest.raises(PatternError) as caught:
        compile_ip_classifier(["port foo or ip ttl 256", "tcp", "host"])
    assert [(problem.pattern, problem.column) for problem in caught.value.problems] == [(0, 5), (0, 12), (2, 0)]


@pytest.mark.parametrize(("pattern", "message"), [
    ("ip ttl < 0", "relation '< 0' is always false (range 0-255)"),
    ("ip ttl <= 255", "relation '<= 255' is always true (range 0-255)"),
    ("ip tos & 0x10 = 3", "relation '= 3' is always false (range 0-16)"),
    ("src ip ttl 3", "'src' or 'dst' is meaningless here"), ("ip ttl & 0 3", "bitmask of 0 ignored"),
])
def test_warnings(pattern, message):
    warnings = []
    compile_ip_classifier([pattern], warn=warnings.append)
    assert [warning.message for warning in warnings] == [message]


def test_names_from_the_configuration():
    """AddressInfo's and PortInfo's names are asked for with the kind that the place needs."""
    names = {("ip", "server"): IPv4Address("10.0.0.2"), ("ipnet", "lab"): IPv4Interface("18.4.26.9/16"),
             ("eth", "nic"): EtherAddress("0:0:c0:0:0:1"), ("tcp port", "intranet"): 80}

    def resolve(kind, name):
        return names.get((kind, name), well_known(kind, name))
    for pattern in ("dst server", "host server", "server:ip", "src net lab", "lab:ipnet", "ether src nic",
                    "tcp dst port intranet", "intranet"):
        program = compile_ip_classifier([pattern], resolve=resolve)
        assert (match(program, tcp()), match(program, udp(source=1)[:26] + bytes(8) + bytes(8))) == (
            0, 0 if pattern == "ether src nic" else None), pattern


def test_filter_actions():
    program = compile_ip_filter(["allow tcp", "2 udp", "drop icmp type echo", "deny icmp type 0", "1 all"], outputs=3)
    assert [match(program, packet) for packet in (tcp(), udp(), icmp(8), icmp(0), icmp(5))] == [0, 2, None, None, 1]


@pytest.mark.parametrize(("rule", "column", "length", "message"), [
    ("permit tcp", 0, 6, "unknown action 'permit'"), ("3 tcp", 0, 1, "needs more than 2 outputs"),
    ("allow", 5, 1, "missing expression after 'allow'"), ("", 0, 1, "unknown action ''"),
    ("drop prot 3", 5, 4, "unknown word"),
])
def test_wrong_rules(rule, column, length, message):
    with pytest.raises(PatternError) as caught:
        compile_ip_filter(["allow tcp", rule], outputs=2)
    problem = caught.value.problems[0]
    assert (problem.pattern, problem.column, problem.length) == (1, column, length)
    assert message in problem.message


def test_deny_is_warned_about_where_it_once_meant_output_1():
    warnings = []
    compile_ip_filter(["deny tcp", "allow all"], outputs=2, warn=warnings.append)
    assert [warning.message for warning in warnings] == ["meaning of 'deny' has changed (now it means 'drop')"]


def longest_way(program):
    """How many steps a packet can be made to take; a table counts as one."""
    steps = program.steps_list()
    longest = {}
    for number in reversed(range(len(steps))):
        offset, mask, *_ = steps[number]
        longest[number] = max((longest[jump] + (steps[jump][:2] != (offset, mask))
                               for jump in steps[number][4:] if jump >= 0), default=1)
    return longest[0]


def test_rule_lists_ask_once():
    """Hundreds of rules of one form ask for protocol, fragment and each address or port word once, not once a rule."""
    rules = [f"allow src 10.{number >> 8}.{number & 255}.1 and tcp dst port {number % 500}" for number in range(800)]
    program = compile_ip_filter(rules)
    assert len(program) < 1700
    assert longest_way(program) == 4
    port = struct.pack(">HH", 9, (3 * 256 + 10) % 500)
    assert match(program, ip(6, port, source=0x0A030A01)) == 0
    assert match(program, ip(6, port, source=0x0A030B01)) is None


@pytest.mark.parametrize(("rule", "tables"), [
    ("host 10.0.{}.1", 2), ("port {}", 2), ("src 10.0.{0}.1 or dst port {0}", 2), ("tcp src port {}", 1),
    ("udp dst host 10.0.0.{}", 1),
])
def test_lists_of_hosts_and_ports_are_looked_up(rule, tables):
    """A block list costs a few look-ups, not a walk along the list."""
    program = compile_ip_filter([f"drop {rule.format(number)}" for number in range(200)] + ["allow all"])
    assert program.table_count == tables
    assert len(program) < 410


def test_nests_do_not_blow_up():
    """Every primitive makes one step at most for each protocol, however ands and ors are nested around it."""
    pattern = "ip id 0"
    for number in range(1, 60):
        pattern = f"({pattern} {'or' if number % 2 else 'and'} ip[{4 * (number % 8)}] & {1 + number} = {number % 3})"
    assert len(compile_ip_classifier([pattern, pattern.replace("or", "and")])) < 500


@pytest.mark.parametrize(("pattern", "states"), [
    ("state new", {1}), ("state established or related", {2, 3}), ("not state invalid", {0, 1, 2, 3}),
    ("state != new and state != untracked", {2, 3, 4}), ("established", {2}), ("state > 2", {3, 4}),
])
def test_the_state_of_a_connection(pattern, states):
    """ConnTrack's annotation is asked, not the packet's bytes, which are all there are of the packet."""
    program = compile_ip_classifier([pattern])
    found = {state for state in range(5)
             if program.match_headers(bytes(20), 0, 20, annotations=bytes(19) + bytes([state])) == 0}
    assert found == states


def test_an_unknown_state_is_named_in_the_complaint():
    with pytest.raises(PatternError, match="'estabished'"):
        compile_ip_classifier(["state estabished"])

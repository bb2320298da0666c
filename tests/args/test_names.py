"""Names are looked up outward through compound elements, then among those every configuration knows."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.addresses import EtherAddress
from netos.args import (
    EMPTY_SCOPE,
    Ether,
    GraphScope,
    ICMPCode,
    ICMPType,
    IPv4,
    IPv4List,
    IPv4Prefix,
    IPv4PrefixList,
    IPv6,
    IPv6Prefix,
    NameDatabase,
    NamedInteger,
    Port,
    Protocol,
    TCPOption,
    define_addresses,
    define_ports,
    hostnames,
    wellknown,
)
from netos.errors import ArgumentError


def scope_with(*entries, define=define_addresses, compound=""):
    names = NameDatabase()
    for entry in entries:
        define(names, entry)
    return GraphScope(names, {}, compound)


@pytest.fixture
def gateway_scope():
    return scope_with("gate 18.26.4.1/24 2001:db8::1/64 00:50:BA:85:84:A9", "net 10.0.0.0/8", "one 10.9.9.9/32")


def test_the_innermost_definition_counts():
    names = NameDatabase()
    for compound, value in (("", 1), ("a", 2), ("a/b", 3)):
        names.define("thing", "x", value, compound)
    names.define("thing", "y", 4, "a")
    compounds = ("", "a", "a/b", "a/b/c", "a/c", "z")
    assert [names.lookup("thing", "x", compound) for compound in compounds] == [1, 2, 3, 3, 2, 1]
    assert [names.lookup("thing", "y", compound) for compound in ("", "a", "a/b")] == [None, 4, 4]
    assert names.lookup("other thing", "x") is None
    assert names.names("thing") == {"x": 1, "a/x": 2, "a/b/x": 3, "a/y": 4}


def test_one_name_has_addresses_of_several_kinds(gateway_scope):
    assert IPv4().parse("gate", gateway_scope) == IPv4Address("18.26.4.1")
    assert IPv4Prefix().parse("gate", gateway_scope) == IPv4Interface("18.26.4.1/24")
    assert IPv6().parse("gate", gateway_scope) == IPv6Address("2001:db8::1")
    assert IPv6Prefix().parse("gate", gateway_scope) == IPv6Interface("2001:db8::1/64")
    assert Ether().parse("gate", gateway_scope) == EtherAddress("00-50-BA-85-84-A9")


@pytest.mark.parametrize(("kind", "text", "value"), [
    (IPv4(), "gate:ip", "18.26.4.1"), (IPv4(), "gate:IP4", "18.26.4.1"), (IPv4(), "gate:bcast", "18.26.4.255"),
    (IPv4(), "net:bcast", "10.255.255.255"), (IPv4(), "one:ip", "10.9.9.9"),
    (IPv4Prefix(), "gate:ipnet", "18.26.4.1/24"), (IPv4Prefix(), "net", "10.0.0.0/8"),
    (IPv6(), "gate:ip6", "2001:db8::1"), (IPv6Prefix(), "gate:ip6net", "2001:db8::1/64"),
    (Ether(), "gate:eth", "00-50-BA-85-84-A9")])
def test_suffixes_ask_for_a_kind(gateway_scope, kind, text, value):
    assert kind.unparse(kind.parse(text, gateway_scope)) == value


@pytest.mark.parametrize(("kind", "text"), [
    (IPv4(), "nobody"), (IPv4(), "net"), (IPv4(), "gate:eth"), (IPv4(), "nobody:bcast"), (IPv4(), ":ip"), (IPv4(), ""),
    (Ether(), "net"), (Ether(), "gate:ip"), (IPv6(), "net"), (IPv4Prefix(), "nobody"), (IPv4(), "18.26.4")])
def test_what_no_database_knows_is_a_parse_error(gateway_scope, kind, text):
    with pytest.raises(ArgumentError, match=r"^parse error: "):
        kind.parse(text, gateway_scope)


def test_literals_need_no_database():
    assert IPv4().parse("1.2.3.4") == IPv4Address("1.2.3.4")
    assert IPv4Prefix().parse("18.26/255.255.0.0") == IPv4Interface("18.26.0.0/16")
    assert IPv6().parse("::ffff:1.2.3.4") == IPv6Address("::ffff:1.2.3.4")
    assert Ether().parse("1-2-3-4-5-6") == EtherAddress(bytes([1, 2, 3, 4, 5, 6]))


def test_a_bare_address_is_a_prefix_only_where_allowed(gateway_scope):
    assert IPv4Prefix(bare=True).parse("one:ip", gateway_scope) == IPv4Interface("10.9.9.9/32")
    assert IPv6Prefix(bare=True).parse("::1") == IPv6Interface("::1/128")
    with pytest.raises(ArgumentError, match="is not an IPv4 prefix"):
        IPv4Prefix().parse("1.2.3.4")


def test_lists_of_addresses(gateway_scope):
    assert IPv4List().parse("1.2.3.4 gate", gateway_scope) == (IPv4Address("1.2.3.4"), IPv4Address("18.26.4.1"))
    assert IPv4List().parse("") == ()
    assert IPv4PrefixList().parse("18.26/16 1.2.3.4 net", gateway_scope) == (
        IPv4Interface("18.26.0.0/16"), IPv4Interface("1.2.3.4/32"), IPv4Interface("10.0.0.0/8"))
    with pytest.raises(ArgumentError, match="is not an IPv4 address"):
        IPv4List().parse("1.2.3.4 1.2.3.0/24")


@given(st.lists(st.ip_addresses(v=4)))
def test_lists_of_addresses_read_back(addresses):
    assert IPv4List().parse(IPv4List().unparse(tuple(addresses))) == tuple(addresses)


@pytest.mark.parametrize("entry", ["", "name", "name 1.2.3", "name 1.2.3.4 nonsense"])
def test_bad_address_entries_define_nothing(entry):
    names = NameDatabase()
    with pytest.raises(ArgumentError):
        define_addresses(names, entry)
    assert names.names("ip") == {}


def test_an_entry_may_add_to_an_earlier_one():
    scope = scope_with("a 1.2.3.4", "a 0:1:2:3:4:5")
    assert IPv4().parse("a", scope) == IPv4Address("1.2.3.4")
    assert Ether().parse("a", scope) == EtherAddress("0:1:2:3:4:5")


def test_ports_have_numbers_and_names():
    assert Port("tcp").parse("80") == Port("tcp").parse("http") == 80
    assert Port("udp").parse("domain") == Port().parse("domain") == 53
    assert Port().parse("ntp") == 123
    with pytest.raises(ArgumentError, match="parse error: 'ntp2000' is not a number or the name of a known udp port"):
        Port("udp").parse("ntp2000")
    with pytest.raises(ArgumentError, match="out of range, bound 65535"):
        Port("tcp").parse("65536")


def test_port_info_takes_lines_of_etc_services():
    scope = scope_with("game 4000/udp play # a game\n# nothing\nboth 4001", "http 8080/tcp", define=define_ports)
    assert Port("udp").parse("game", scope) == Port("udp").parse("play", scope) == 4000
    assert Port("udp").parse("both", scope) == Port("tcp").parse("both", scope) == 4001
    assert Port("tcp").parse("http", scope) == 8080
    with pytest.raises(ArgumentError):
        Port("tcp").parse("game", scope)


@pytest.mark.parametrize("entry", ["game", "game x/tcp", "game 65536", "game 4000/sctp", "game 4000/", "game -1"])
def test_bad_port_entries(entry):
    with pytest.raises(ArgumentError, match="expected NAME PORT"):
        define_ports(NameDatabase(), entry)


def test_etc_services_is_used_when_it_is_there(tmp_path, monkeypatch):
    services = tmp_path / "services"
    services.write_text("# comment\nmygame\t4000/udp\tmg # more\nhttp 9999/tcp\nbroken\n")
    monkeypatch.setattr(wellknown, "SERVICES_FILE", str(services))
    wellknown.services.cache_clear()
    try:
        assert Port("udp").parse("mg") == 4000
        assert Port("tcp").parse("http") == 80
        monkeypatch.setattr(wellknown, "SERVICES_FILE", str(tmp_path / "missing"))
        wellknown.services.cache_clear()
        assert EMPTY_SCOPE.database("udp port", "mg") is None
    finally:
        wellknown.services.cache_clear()


def test_protocols_icmp_and_tcp_options():
    assert [Protocol().parse(text) for text in ("tcp", "udp", "icmp", "0x29", "255")] == [6, 17, 1, 41, 255]
    assert [ICMPType().parse(text) for text in ("echo", "echo-reply", "unreachable", "8")] == [8, 0, 3, 8]
    assert [ICMPCode(3).parse(text) for text in ("port", "needfrag", "13")] == [3, 4, 13]
    assert (ICMPCode(11).parse("transit"), ICMPCode(5).parse("host"), ICMPCode(12).parse("length")) == (0, 1, 2)
    assert TCPOption().parse("mss") == 2
    with pytest.raises(ArgumentError, match="name of a known icmp code 11"):
        ICMPCode(11).parse("needfrag")
    with pytest.raises(ArgumentError, match="out of range, bound 255"):
        Protocol().parse("256")


def test_elements_may_have_databases_of_their_own():
    names = NameDatabase()
    names.define("colour", "red", 3, "a")
    assert NamedInteger("colour").parse("red", GraphScope(names, {}, "a/b")) == 3
    with pytest.raises(ArgumentError, match="known colour"):
        NamedInteger("colour").parse("red", GraphScope(names, {}))


def test_interfaces_of_the_host_are_names_of_their_addresses(tmp_path, monkeypatch):
    (tmp_path / "eth7").mkdir()
    (tmp_path / "eth7" / "address").write_text("02:00:00:00:00:07\n")
    (tmp_path / "if_inet6").write_text("20010db8000000000000000000000007 02 40 00 80     eth7\n")
    (tmp_path / "route").write_text("Iface\tDestination\tGateway \tFlags\n"
                                    "eth7\t0000000A\t00000000\t0001\t0\neth7\t00000000\t0100000A\t0003\t0\n")
    monkeypatch.setattr(hostnames, "SYSFS", tmp_path)
    monkeypatch.setattr(hostnames, "PROCFS", tmp_path)
    assert Ether().parse("eth7:eth") == Ether().parse("eth7") == EtherAddress("2:0:0:0:0:7")
    assert IPv6Prefix().parse("eth7:ip6net") == IPv6Interface("2001:db8::7/64")
    assert IPv4().parse("eth7:gw") == IPv4Address("10.0.0.1")
    for name in ("eth8:eth", "../x:eth", ".:eth", "eth7:ip"):
        with pytest.raises(ArgumentError):
            (IPv4() if name.endswith("ip") else Ether()).parse(name)

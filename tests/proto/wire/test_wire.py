"""Wire formats: what is built is read back, scapy agrees both ways, and hostile bytes raise nothing but WireError."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.addresses import EtherAddress
from netos.proto.wire import (
    Arp,
    Dhcp,
    Dns,
    Ethernet,
    Flags,
    Icmp,
    IpOption,
    Ipv4,
    Question,
    Record,
    Tcp,
    Udp,
    Vlan,
    WireError,
    assemble,
    dissect,
    show,
)
from netos.proto.wire import dhcp as dhcp_wire
from netos.proto.wire import tcp_options as options
from netos.proto.wire.base import Reading
from netos.proto.wire.dns_data import Mx, Soa, Srv
from netos.proto.wire.dns_name import absolute, build_name, label_text, name_labels, parse_name

BYTE, WORD, LONG = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
ETHER = st.binary(min_size=6, max_size=6).map(EtherAddress)
STATION = ETHER.map(lambda address: EtherAddress(bytes((address.packed[0] & 0xFE,)) + address.packed[1:]))
ADDRESS = st.builds(IPv4Address, LONG)
SHORT = st.binary(max_size=6)
PAYLOAD = st.binary(max_size=60)
BETWEEN = (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"))

VLANS = st.builds(Vlan, st.integers(0, 4095), st.integers(0, 7), st.booleans(), st.sampled_from((0x8100, 0x88A8)))
ETHERNETS = st.builds(Ethernet, ETHER, ETHER, st.sampled_from((0, 0x0800, 0x86DD, 0xFFFF, 1536)),
                      st.lists(VLANS, max_size=3).map(tuple))
ARPS = st.builds(Arp, st.sampled_from((1, 2)), STATION, ADDRESS, ETHER, ADDRESS)
IP_OPTIONS = st.one_of(st.just(IpOption(1)), st.builds(IpOption, st.integers(2, 255), SHORT))
IPV4S = st.builds(Ipv4, ADDRESS, ADDRESS, BYTE, BYTE, WORD, BYTE, st.booleans(), st.booleans(),
                  st.integers(0, 8000).map(lambda number: number * 8), st.lists(IP_OPTIONS, max_size=5).map(tuple))
ICMPS = st.builds(Icmp, BYTE, BYTE, st.binary(min_size=4, max_size=4))
UDPS = st.builds(Udp, WORD, WORD)
OTHER = st.integers(2, 255).filter(lambda kind: kind not in {*options.LENGTHS, 5, 29})
TCP_OPTIONS = st.one_of(
    st.just(options.NoOperation()), st.builds(options.Mss, WORD), st.builds(options.WindowScale, BYTE),
    st.just(options.SackPermitted()), st.builds(options.Timestamps, LONG, LONG),
    st.builds(options.UserTimeout, st.integers(0, 0x7FFF), st.booleans()),
    st.builds(options.Sack, st.lists(st.tuples(LONG, LONG), min_size=1, max_size=2).map(tuple)),
    st.builds(options.OtherOption, OTHER, SHORT))
TCPS = st.builds(Tcp, WORD, WORD, LONG, LONG, st.integers(0, 511).map(Flags), WORD, WORD,
                 st.lists(TCP_OPTIONS, max_size=2).map(tuple))
FREE = st.integers(150, 200)
DHCPS = st.builds(Dhcp, st.sampled_from((1, 2)), LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, st.binary(max_size=16), WORD,
                  st.booleans(), BYTE, BYTE, st.binary(max_size=64).map(lambda text: text.rstrip(b"\0")),
                  st.binary(max_size=128).map(lambda text: text.rstrip(b"\0")),
                  st.dictionaries(FREE, st.binary(max_size=600), max_size=4).map(lambda found: tuple(found.items())))
LABEL = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=5)
NAME = st.lists(LABEL, max_size=4).map(lambda labels: ".".join(labels) + ".")
SOAS = st.builds(Soa, NAME, NAME, LONG, LONG, LONG, LONG, LONG)
RECORDS = st.one_of(
    st.builds(Record, NAME, st.just(1), ADDRESS, LONG),
    st.builds(Record, NAME, st.sampled_from((2, 5, 12)), NAME, LONG),
    st.builds(Record, NAME, st.just(28), st.integers(0, (1 << 128) - 1).map(IPv6Address), LONG),
    st.builds(Record, NAME, st.just(6), SOAS, LONG), st.builds(Record, NAME, st.just(15), st.builds(Mx, WORD, NAME)),
    st.builds(Record, NAME, st.just(33), st.builds(Srv, WORD, WORD, WORD, NAME)),
    st.builds(Record, NAME, st.just(16), st.lists(st.binary(max_size=20), max_size=3).map(tuple), LONG),
    st.builds(Record, NAME, st.integers(100, 200), PAYLOAD, LONG, WORD))
SECTION = st.lists(RECORDS, max_size=3).map(tuple)
DNSES = st.builds(Dns, WORD, st.booleans(), st.integers(0, 15), st.booleans(), st.booleans(), st.booleans(),
                  st.booleans(), st.booleans(), st.booleans(), st.integers(0, 15),
                  st.lists(st.builds(Question, NAME, WORD, WORD), max_size=2).map(tuple), SECTION, SECTION, SECTION)
CARRIERS = st.one_of(ETHERNETS, ARPS, IPV4S, ICMPS, UDPS, TCPS)
KINDS = (Ethernet, Arp, Ipv4, Icmp, Udp, Tcp, Dhcp, Dns)


def built(header, payload=b"", **more):
    """The bytes; None when the header cannot be written."""
    try:
        return header.build(payload, **more)
    except WireError:
        return None


@given(CARRIERS, PAYLOAD)
def test_what_is_built_is_read_back(header, payload):
    """A field lost, shifted or narrowed on the way to bytes and back; a length or checksum that parsing refuses."""
    data = built(header, payload)
    assert data is not None or header.options           # more than 40 bytes of options: nothing else may be refused
    assert data is None or type(header).parse(data) == (header, payload, b"", ())
    assert "\n" not in header.show(payload)


@given(UDPS | TCPS, PAYLOAD)
def test_checksums_cover_addresses(header, payload):
    """A datagram that was given another address on the way must not be believed."""
    data = built(header, payload, between=BETWEEN)
    if data is None:
        return
    assert type(header).parse(data, between=BETWEEN) == (header, payload, b"", ())
    other = (BETWEEN[0], IPv4Address("10.0.0.3"))
    with pytest.raises(WireError, match="checksum"):
        type(header).parse(data, between=other)
    assert [fault.field for fault in type(header).parse(data, between=other, strict=False).faults] == ["checksum"]


@given(DHCPS | DNSES)
def test_messages_are_read_back(message):
    """DHCP's long options and DNS's compressed names come back as they were."""
    assert type(message).parse(message.build()) == (message, b"", b"", ())
    assert message.show()


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=4).filter(lambda labels: sum(map(len, labels)) < 250))
def test_names_of_any_bytes_are_read_back(labels):
    """A dot within a label, a backslash, a control byte must not become another name."""
    text = ".".join(map(label_text, labels)) + "."
    assert name_labels(text) == labels
    data = build_name(text, 0, None)
    assert parse_name(data, 0, Reading("dns", True)) == (text, len(data))
    assert absolute(text) == text.lower()


@given(st.sampled_from(KINDS), st.binary(max_size=400))
def test_what_is_read_is_built_again(kind, data):
    """What passes the strict reading says all there is: built and read once more it is the same."""
    if kind is Dhcp:
        data = data.ljust(236, b"\1")[:236] + dhcp_wire.COOKIE + data[236:]
    try:
        header, payload, _trailer, _faults = kind.parse(data)
    except WireError:
        return
    assert kind.parse(header.build(payload))[:2] == (header, payload)


@given(st.sampled_from(KINDS), st.booleans(), st.binary(max_size=400))
def test_random_bytes_raise_nothing_else(kind, strict, data):
    """An IndexError out of a parser is an attack."""
    try:
        header, payload, _trailer, faults = kind.parse(data, strict=strict)
    except WireError:
        return
    assert not (strict and faults)
    assert header.show(payload)


@given(CARRIERS | DHCPS | DNSES, st.lists(st.tuples(st.integers(0, 600), BYTE), max_size=6), st.integers(0, 700))
def test_broken_packets_raise_nothing_else(header, changes, length):
    """Bytes that are almost right reach deeper than random ones."""
    data = bytearray(built(header) or b"\0")
    for at, value in changes:
        data[at % len(data)] = value
    for strict in (True, False):
        try:
            parsed = type(header).parse(bytes(data[:length]), strict=strict)
        except WireError:
            continue
        assert parsed.header.show(parsed.payload)


@given(st.binary(max_size=200))
def test_any_frame_can_be_shown(data):
    """show() and dissect() are for what nobody understands."""
    assert show(data) or not data
    for layer in dissect(data):
        assert layer
    frame = assemble(Ethernet(), Ipv4(*BETWEEN), Udp(53, 53), data)
    assert show(frame).startswith("00-00-00-00-00-00 > FF-FF-FF-FF-FF-FF, ip")


def test_whole_frames():
    """assemble() and dissect() are inverses, and checksums inside are right."""
    message = Dns(7, questions=(Question("netos.example."),))
    layers = [Ethernet(tags=(Vlan(5),)), Ipv4(*BETWEEN, protocol=17), Udp(4000, 53), message]
    assert dissect(assemble(*layers), strict=True) == layers
    assert show(assemble(*layers)).splitlines()[-1] == "dns query 7, NOERROR, no flags, netos.example. A"


def test_faults_can_be_passed_over():
    """A lenient reading gives what can be read, and says what is wrong."""
    data = bytearray(Ipv4(*BETWEEN).build(b"data"))
    data[8] = 9
    with pytest.raises(WireError, match="ipv4 checksum: wrong") as caught:
        Ipv4.parse(bytes(data))
    assert (caught.value.protocol, caught.value.field) == ("ipv4", "checksum")
    parsed = Ipv4.parse(bytes(data), strict=False)
    assert (parsed.header.ttl, parsed.payload, len(parsed.faults)) == (9, b"data", 1)


def test_ethernet_padding_is_no_payload():
    """A frame of 60 bytes carries a packet of 24."""
    data = Ipv4(*BETWEEN).build(b"data") + bytes(22)
    assert Ipv4.parse(data)[1:3] == (b"data", bytes(22))


@pytest.mark.parametrize("values", [
    {"ttl": 256}, {"identification": -1}, {"offset": 4}, {"options": (IpOption(7, bytes(60)),)}, {"protocol": 300}])
def test_what_does_not_fit_is_refused(values):
    """A number too large must not become another number."""
    with pytest.raises(WireError):
        Ipv4(**values).build()


def test_bad_addresses_are_wire_errors():
    with pytest.raises(WireError, match="ipv4 source"):
        Ipv4(source="10.0.0.256")


# Hostile DNS and DHCP (protocols.md 63, 64)

def dns_with(name):
    return bytes(5) + b"\1" + bytes(6) + name + b"\0\1\0\1"


@pytest.mark.parametrize("name", [
    b"\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\1a\xc0\x0c", b"\xc0\x10", b"\xff\xff", b"\xc0", b"\x40" + bytes(64), b"\x80\0",
    b"\x3f" + b"a" * 63 + b"\x05ab", (b"\x3f" + b"a" * 63) * 4 + b"\0", b"", b"\5abc"])
def test_hostile_names(name):
    """Loops, forward pointers, labels of 64 and more, names past the end and past 255 bytes."""
    data = dns_with(name)
    with pytest.raises(WireError, match=r"dns (name|question)"):
        Dns.parse(data)
    assert Dns.parse(data, strict=False).header.questions == ()


def test_chains_of_pointers_end():
    """A message of 64 KiB must not take seconds: pointer to pointer to pointer, from each of its records."""
    places = range(13, 413, 2)
    chain = b"\0" + b"".join((0xC000 | (12 if at == 13 else at - 2)).to_bytes(2, "big") for at in places)
    data = bytes(5) + b"\1" + bytes(6) + chain + b"\0\1\0\1"
    assert parse_name(data, 13 + 2 * 126, Reading("dns", True)) == (".", 13 + 2 * 127)
    with pytest.raises(WireError, match="more than 127 pointers"):
        parse_name(data, 13 + 2 * 127, Reading("dns", True))


def test_a_long_name_is_read_once(monkeypatch):
    """Records that all point to one name of 126 labels: eighty of them cost a name server 17 ms a query."""
    read = []
    monkeypatch.setattr("netos.proto.wire.dns_name.label_text", lambda label: read.append(label) or label.decode())
    name = b"\1a" * 126 + b"\0"
    record = b"\xc0\x0c" + b"\0\2\0\1" + bytes(5) + b"\2\xc0\x0e"
    data = bytes(5) + b"\1\0\x50" + bytes(4) + name + b"\0\1\0\1" + 80 * record
    message = Dns.parse(data).header
    assert {(found.name, found.data) for found in message.answers} == {("a." * 126, "a." * 125)}
    assert len(read) < 400
    tail = b"\x3f" + b"b" * 63 + b"\xc0\x0c"              # 64 bytes too many, also when its end is known already
    with pytest.raises(WireError, match="more than 255 bytes"):
        Dns.parse(data[:6] + b"\0\x51" + data[8:] + tail + bytes(10))


def test_names_keep_any_byte():
    """Dots and control bytes within labels are escaped, and come back."""
    message = Dns(questions=(Question("a\\.b.\\000\\255.x\\\\y."),))
    assert Dns.parse(message.build()).header == message


def test_compression_is_used_and_read():
    """Names that were written already are pointed to."""
    message = Dns(questions=(Question("www.netos.example."),), answers=(
        Record("www.netos.example.", 5, "web.netos.example.", 60),
        Record("web.netos.example.", 1, IPv4Address("10.0.0.9"), 60)))
    data = message.build()
    assert data.count(b"netos") == 1
    assert Dns.parse(data).header == message


def dhcp_with(options_field, file=b"", overload_in_name=b""):
    data = bytearray(Dhcp(operation=2).build()[:240])
    data[44:44 + len(overload_in_name)] = overload_in_name
    data[108:108 + len(file)] = file
    return bytes(data) + options_field


def test_dhcp_without_cookie():
    data = Dhcp().build()
    with pytest.raises(WireError, match="dhcp cookie"):
        Dhcp.parse(data[:236] + bytes(64), strict=False)


def test_dhcp_option_past_the_end():
    """The options before it are kept when reading leniently."""
    data = dhcp_with(bytes((53, 1, 2, 12, 200)) + b"short")
    with pytest.raises(WireError, match="option 12 at 3 runs past the end"):
        Dhcp.parse(data)
    assert Dhcp.parse(data, strict=False).header.message_type == dhcp_wire.OFFER


def test_dhcp_overload():
    """Options go on in file, then in the server's name; an overload in there leads nowhere."""
    data = dhcp_with(bytes((52, 1, 3, 53, 1, 5, 255)), bytes((54, 4, 10, 0, 0, 1, 12, 1)) + b"a\xff", b"\x0c\1b\xff")
    parsed = Dhcp.parse(data).header
    assert parsed.options == ((53, b"\5"), (54, bytes((10, 0, 0, 1))), (12, b"ab"))
    assert parsed.file == parsed.server_name == b""
    looping = dhcp_with(bytes((52, 1, 1, 255)), bytes((52, 1, 3, 255)))
    with pytest.raises(WireError, match="within an overloaded field"):
        Dhcp.parse(looping)
    assert Dhcp.parse(looping, strict=False).header.options == ()


def test_dhcp_known_options_have_their_length():
    with pytest.raises(WireError, match="lease of 3 bytes"):
        Dhcp.parse(dhcp_with(bytes((51, 3, 0, 0, 1, 255))))
    assert Dhcp.parse(dhcp_with(bytes((51, 3, 0, 0, 1, 255))), strict=False).header.number(51) is None


@pytest.mark.parametrize(("field", "option"), [
    ("options", b"\2\0"), ("options", b"\2\1"), ("options", b"\2\x0a\5\xb4"), ("options", b"\1\1\1\2"),
    ("options", b"\2\3\5\1"), ("options", b"\5\3\0\1"), ("options", b"\x08\x09" + bytes(7) + b"\1\1\1")])
def test_hostile_tcp_options(field, option):
    """Lengths of 0, 1 and past the header, a kind as the last byte, lengths that the kind does not have."""
    option = option.ljust(-(-len(option) // 4) * 4, b"\1") if option != b"\1\1\1\2" else option
    header = Tcp(1, 2).build()
    data = header[:12] + bytes(((5 + len(option) // 4) << 4,)) + header[13:] + option
    with pytest.raises(WireError, match=f"tcp {field}"):
        Tcp.parse(data)
    assert Tcp.parse(data, strict=False).faults

"""Filters and packets to try them on, at random: what the tests of pcap filters share."""

import struct

from hypothesis import strategies as st

ADDRESSES = ["10.0.0.1", "10.1.2.3", "192.0.2.7"]
MACS = [bytes(5) + b"\1", bytes.fromhex("020000000002"), b"\xff" * 6, b"\1" + bytes(5)]
ADDRESSES6 = [bytes(15) + b"\1", bytes.fromhex("20010db8") + bytes(11) + b"\1", b"\xff\x02" + bytes(13) + b"\1"]


def one(*texts):
    return st.sampled_from(texts)


def joined(*parts):
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


DIRECTION = one("", "src ", "dst ", "src or dst ", "src and dst ")
ADDRESS = one(*ADDRESSES)
NUMBER = one("0", "1", "2", "4", "5", "6", "13", "80", "0x0f", "255")
# A protocol's field to the right of an operator is left out: libpcap forgets to ask for its protocol.
RIGHT = NUMBER | one("len", "ether[12:2]", "link[0]", "(len)", "- 1", "(2 + 3)", "len - 4")
FIELD = joined(one("ip", "tcp", "udp", "icmp", "ether", "ip6", "arp", "icmp6", "sctp", "link"), "[",
               NUMBER | one("len - 4", "ip[0] & 15", "2 * 3"), one("", ":1", ":2", ":4"), "]")
VALUE = st.recursive(NUMBER | FIELD | one("len"), lambda inner: st.one_of(
    joined("- ", inner), joined("(", inner, ")"),
    joined(inner, " ", one("+", "-", "*", "&", "|", "^"), " ", RIGHT),
    joined(inner, " ", one("<<", ">>"), " ", one("1", "8", "31", "ether[0]")),
    joined(inner, " ", one("/", "%"), " ", one("3", "len", "ether[13]"))), max_leaves=4)
PRIMITIVE = st.one_of(
    joined(DIRECTION, "host ", ADDRESS), joined(one("src ", "dst "), ADDRESS),
    one("ip", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "ip6", "sctp", "igmp", "pim", "ah", "esp", "vrrp", "igrp"),
    joined(one("", "tcp ", "udp ", "sctp "), DIRECTION, "port ", one("80", "53", "443")),
    joined(one("", "tcp ", "udp "), DIRECTION, "portrange ", one("50-80", "443-80", "1-53", "7")),
    joined(one("", "ip ", "arp "), DIRECTION, "net ",
           one("10", "10.0.0.0/8", "10.1", "192.0.2.0 mask 255.255.255.0", "0.0.0.0/0")),
    joined("ip6 ", DIRECTION, one("host ::1", "net 2001:db8::/32", "host 2001:db8::1", "net ::/0")),
    joined(one("", "ip ", "ip6 "), "proto ", one("6", "17", "1", "\\tcp", "\\udp", "58")),
    joined("ether proto ", one("0x800", "0x806", "\\ip", "0x42", "0xf0", "0xfe")),
    joined("ether ", one("host ", "src ", "dst ", "src or dst "), one("00:00:00:00:00:01", "02-00-00-00-00-02")),
    one("broadcast", "multicast", "ether broadcast", "ether multicast", "ip multicast", "ip6 multicast"),
    joined(one("less ", "greater "), one("20", "60", "100")), one("vlan", "vlan 5"),
    joined(VALUE, " ", one(">", "<", ">=", "<=", "=", "==", "!="), " ", VALUE),
    one("tcp[tcpflags] & (tcp-syn|tcp-ack) != 0", "port (80 or 53)", "host 10.0.0.1 or 10.1.2.3", "not port 80",
        "port 80 or 53 and not 443", "icmp[icmptype] = icmp-echo"))
FILTER = st.recursive(PRIMITIVE, lambda inner: st.one_of(
    joined(one("not ", "! ", "!"), inner), joined("(", inner, ")"),
    joined(inner, " ", one("and", "or", "&&", "||"), " ", inner)), max_leaves=4)


def ip_address(text):
    return bytes(int(part) for part in text.split("."))


@st.composite
def transport(draw):
    ports = st.sampled_from([80, 53, 443, 1000])
    return struct.pack("!HHIIBBHHH", draw(ports), draw(ports), draw(st.integers(0, 2**32 - 1)), 8, 0x50,
                       draw(st.integers(0, 63)), 1, 2, 3) + bytes(draw(st.integers(0, 20)))


@st.composite
def ip_packets(draw):
    options = draw(st.sampled_from([0, 0, 4]))
    header = struct.pack("!BBHHHBBH", 0x45 + options // 4, 0, 60, 1, draw(st.sampled_from([0, 0, 0x2000, 7])), 64,
                         draw(st.sampled_from([6, 6, 17, 17, 1, 132, 2, 50])), 0)
    ends = [ip_address(draw(ADDRESS)), draw(st.sampled_from([*map(ip_address, ADDRESSES), bytes([224, 0, 0, 1])]))]
    return header + b"".join(ends) + bytes(options) + draw(transport())


@st.composite
def ip6_packets(draw):
    kind = draw(st.sampled_from([6, 17, 58, 44, 132]))
    ends = b"".join(draw(st.sampled_from(ADDRESSES6)) for _ in range(2))
    fragment = bytes([draw(st.sampled_from([6, 17, 58]))]) + bytes(7) if kind == 44 else b""
    return struct.pack("!IHBB", 0x60000000, 40, kind, 64) + ends + fragment + draw(transport())


@st.composite
def bodies(draw, depth=0):
    """An Ethernet type, and what it announces."""
    kind = draw(st.sampled_from([0x800] * 4 + [0x86DD] * 2 + [0x806, 0x8035, 0x8100, 0x88A8, 0x42, 0xF0F0]))
    if kind == 0x800:
        content = draw(ip_packets())
    elif kind == 0x86DD:
        content = draw(ip6_packets())
    elif kind in (0x806, 0x8035):
        content = bytes.fromhex("0001080006040001") + b"".join(bytes(6) + ip_address(draw(ADDRESS)) for _ in range(2))
    elif kind in (0x8100, 0x88A8) and depth < 2:
        content = struct.pack("!H", draw(st.sampled_from([5, 0x2005, 6]))) + draw(bodies(depth + 1))
    else:
        content = draw(st.binary(max_size=30))
    return kind.to_bytes(2, "big") + content


FRAME = st.tuples(st.sampled_from(MACS), st.sampled_from(MACS), bodies()).map(b"".join)
CUT = st.tuples(FRAME, st.integers(0, 80)).map(lambda pair: pair[0][:pair[1]])
FRAMES = st.lists(FRAME | CUT, min_size=10, max_size=30)

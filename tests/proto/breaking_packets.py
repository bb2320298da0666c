"""The packets that break stacks, by number: what each is, and the frames of it (for test_breaking_packets.py)."""

import struct

from netos.fuzz.templates import (
    HOST,
    HOST_ETHER,
    PEER,
    arp,
    dhcp,
    ether,
    icmp,
    ipv4,
    name,
    packed,
    ping,
    tcp,
    udp,
)

SYN, ACK, FIN, RST, PSH, URG = 2, 16, 1, 4, 8, 32
BROADCAST = b"\xff" * 6


class Live:
    """An established connection, as its peer sees it: what the next segment is made of."""

    def __init__(self, port, host_port, sequence, acknowledgment):
        self.port, self.host_port = port, host_port
        self.sequence, self.acknowledgment = sequence, acknowledgment

    def __call__(self, data=b"", flags=ACK, ahead=0, ack=0, **fields):
        return ether(
            tcp(self.port, self.host_port, self.sequence + ahead, self.acknowledgment + ack, flags, data, **fields)
        )


def options(*each):
    """TCP options, padded with zeros to a multiple of four."""
    joined = b"".join(each)
    return joined + bytes(-len(joined) % 4)


def syn(given, port=40000):
    return ether(tcp(port, 80, 100, 0, SYN, options=given))


def raw_ip(change, payload=b"", protocol=17):
    """An IP packet changed by a function of a bytearray, its header checksum right for a header of that length."""
    from netos.checksum import checksum

    packet = bytearray(ipv4(protocol, payload or bytes(16)))
    change(packet)
    packet[10:12] = b"\0\0"
    packet[10:12] = checksum(bytes(packet[: max(20, min(4 * (packet[0] & 15), len(packet)))])).to_bytes(2, "big")
    return ether(bytes(packet))


def put(at, *values):
    def change(packet):
        packet[at : at + len(values)] = bytes(values)

    return change


def sack(*edges):
    return (
        b"\1\1"
        + bytes((5, 2 + 4 * len(edges)))
        + struct.pack(f"!{len(edges)}I", *(edge & 0xFFFFFFFF for edge in edges))
    )


def ip_option(*each, kind=17):
    return ether(ipv4(kind, bytes(8), options=bytes(each) + bytes(-len(each) % 4)))


def fragment(offset, length, more=True, number=77, **fields):
    return ether(ipv4(17, bytes(length), fragment=offset | (0x2000 if more else 0), identification=number, **fields))


def quoting(kind, code, rest, quoted):
    return ether(icmp(kind, code, rest + quoted))


def ip6(payload, length=None, following=59, hop=64):
    header = struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, following, hop)
    return ether(header + bytes(15) + b"\1" + bytes(15) + b"\2" + payload, 0x86DD)


def neighbour(*given, hop=255, kind=135):
    return ip6(bytes((kind, 0, 0, 0)) + bytes(20) + bytes(given), following=58, hop=hop)


def dns(body, counts=(1, 0, 0, 0)):
    return ether(udp(53, 5353, struct.pack("!HH4H", 1, 0x8180, *counts) + body))


OURS = ipv4(6, tcp(80, 40000, 1, 1, ACK)[20:28], source=HOST, destination=PEER)


def breaking(live):
    """Packets 1 to 65 as (number, what it is, frames), of a connection where it takes one; many are made late."""
    segment = live
    chained = bytes((60, 0)) + bytes(6)
    return [
        (1, "TCP data offset 0", [segment(offset=0), syn(b"")[:46] + b"\0" + syn(b"")[47:]]),
        (2, "TCP data offset 4", [segment(offset=4)]),
        (3, "TCP data offset 15 in a segment of 20 bytes", [segment(offset=15)]),
        (4, "IP payload of 0 to 19 bytes with protocol 6", [ether(ipv4(6, bytes(size))) for size in range(20)]),
        (5, "option length 0", [segment(options=options(b"\x08\0")), syn(options(b"\x02\0"))]),
        (6, "option length 1", [segment(options=options(b"\x08\1")), syn(options(b"\x02\1"))]),
        (7, "option length past the header", [segment(options=options(b"\x08\x28")), syn(options(b"\x02\xff"))]),
        (8, "option kind as the last byte", [segment(options=b"\1\1\1\x08"), syn(b"\1\1\1\2")]),
        (9, "MSS truncated", [syn(b"\1\2\4\5"), syn(b"\1\1\2\4")]),
        (10, "MSS 0", [syn(b"\2\4\0\0")]),
        (11, "MSS 1 and 48", [syn(b"\2\4\0\1"), syn(b"\2\4\0\x30", 40001)]),
        (12, "MSS 65535", [syn(b"\2\4\xff\xff")]),
        (13, "five MSS options", [syn(b"\2\4\5\xb4" * 5)]),
        (14, "window scale 15 and 255", [syn(b"\1\3\3\x0f"), syn(b"\1\3\3\xff", 40001)]),
        (
            15,
            "timestamp of length 9",
            [syn(options(b"\x08\x09" + bytes(7))), segment(options=options(b"\x08\x09" + bytes(7)))],
        ),
        (
            16,
            "SACK of length 3, and not 8n+2",
            [segment(options=options(b"\5\3\0")), segment(options=options(b"\5\7" + bytes(5)))],
        ),
        (
            17,
            "SACK blocks inverted, beyond SND.NXT, overlapping four times",
            [
                segment(options=sack(live.acknowledgment + 100, live.acknowledgment)),
                segment(options=sack(live.acknowledgment + 10**6, live.acknowledgment + 2 * 10**6)),
                segment(options=sack(*[live.acknowledgment, live.acknowledgment + 50] * 4)),
            ],
        ),
        (18, "forty NOPs", [segment(options=b"\1" * 40), syn(b"\1" * 40)]),
        (19, "MD5 and AO too short", [segment(options=options(b"\x13\3\0")), segment(options=options(b"\x1d\2"))]),
        (
            20,
            "urgent pointer past the end, 0, without data",
            [
                segment(b"abc", ACK | URG, urgent=60000),
                segment(b"", ACK | URG, urgent=0, ahead=3),
                segment(b"", ACK | URG, urgent=9, ahead=3),
            ],
        ),
        (
            21,
            "SYN+FIN, SYN+RST, null, xmas, all flags",
            [
                frame
                for flags in (SYN | FIN, SYN | RST, 0, FIN | PSH | URG, 0xFF)
                for frame in (ether(tcp(40002, 80, 5, 5, flags)), segment(flags=flags, ahead=2**30))
            ],
        ),
        (22, "SYN with data", [ether(tcp(40003, 80, 5, 0, SYN, b"early"))]),
        (23, "FIN with data out of order, twice", [segment(b"late", ACK | FIN, ahead=100)] * 2),
        (24, "data after FIN", [segment(b"x", ACK | FIN), segment(b"more", ACK, ahead=2)]),
        (
            25,
            "sequence numbers that wrap",
            [
                segment(b"x", ahead=ahead, ack=ack)
                for ahead in (2**31 - 1, 2**31, 2**31 + 1, -1)
                for ack in (0, 2**31, -(2**31))
            ],
        ),
        (26, "ACK of ISS, ISS-1, SND.NXT+1", [segment(ack=-1), segment(ack=-2), segment(ack=1)]),
        (27, "window 0 for ever with data held", [segment(b"echo this", window=0)] + [segment(window=0, ahead=9)] * 5),
        (28, "tiny windows", [segment(b"echo", window=1)] + [segment(window=size, ahead=4) for size in (1, 2, 3, 1)]),
        (29, "one-byte segments reversed", (segment(b"x", ahead=at) for at in range(60000, 1, -17))),
        (
            30,
            "source and destination the same (land)",
            [ether(ipv4(6, tcp(80, 80, 1, 0, SYN)[20:], source=HOST)), ether(udp(7, 7, b"x", sender=HOST))],
        ),
        (
            31,
            "port 0",
            [
                ether(tcp(0, 80, 1, 0, SYN)),
                ether(tcp(40004, 0, 1, 0, SYN)),
                ether(udp(0, 7, b"x")),
                ether(udp(7, 0, b"x")),
            ],
        ),
        (32, "simultaneous open, then RST", [ether(tcp(9000, 40000, 7, 0, SYN)), ether(tcp(9000, 40000, 8, 0, RST))]),
        (
            33,
            "SYNs in a row: their initial sequence numbers",
            [ether(tcp(41000 + i, 80, 1, 0, SYN)) for i in range(20)],
        ),
        (34, "IHL 0 to 4", [raw_ip(put(0, 0x40 | words)) for words in range(5)]),
        (35, "IHL 15 in a short frame", [raw_ip(put(0, 0x4F))]),
        (
            36,
            "total length past the frame, below the header, 0",
            [raw_ip(put(2, *size.to_bytes(2, "big"))) for size in (1000, 65535, 19, 10, 0)],
        ),
        (37, "versions 5 and 6 as IPv4", [raw_ip(put(0, version << 4 | 5)) for version in (0, 5, 6, 15)]),
        (
            38,
            "IP options of length 0, 1, past the end; record-route pointers 0 and 255",
            [
                ip_option(7, 0),
                ip_option(7, 1),
                ip_option(7, 40),
                ip_option(7, 7, 0, 0, 0, 0, 0),
                ip_option(7, 7, 255, 0, 0, 0, 0),
                ip_option(68, 4, 0),
                ip_option(148),
            ],
        ),
        (
            39,
            "a source route in a packet that draws an ICMP error",
            [
                ip_option(131, 7, 4, 10, 0, 0, 9),
                ip_option(137, 39, 36, *range(36)),
                ip_option(131, 7, 4, 1, 2, 3, 4, kind=99),
            ],
        ),
        (40, "a fragment past 65535", [fragment(0x1FFF, 64, more=False), fragment(0x1FFE, 1400)]),
        (41, "overlapping fragments", [fragment(0, 64), fragment(4, 64), fragment(2, 8, more=False)]),
        (42, "a fragment without bytes", [fragment(0, 0), fragment(5, 0), fragment(5, 0, more=False)]),
        (43, "fragments of no multiple of eight", [fragment(0, 13), fragment(1, 7)]),
        (44, "incomplete datagrams without end", (fragment(0, 8, number=number) for number in range(3000))),
        (
            45,
            "a first fragment without the header of layer 4",
            [fragment(0, 0), ether(ipv4(6, bytes(8), fragment=0x2000)), ether(ipv4(6, bytes(12), fragment=1))],
        ),
        (
            46,
            "an overlapping last fragment that shrinks",
            [fragment(0, 800), fragment(100, 800), fragment(50, 8, more=False)],
        ),
        (
            47,
            "IP in IP with lengths that do not fit",
            [ether(ipv4(4, ipv4(17, bytes(8))[:12])), ether(ipv4(4, b"\x45"))],
        ),
        (
            48,
            "UDP length 0, 7, 60000",
            [ether(ipv4(17, struct.pack("!HHHH", 9, 7, size, 0) + bytes(8))) for size in (0, 7, 60000)],
        ),
        (49, "UDP checksum 0", [ether(ipv4(17, struct.pack("!HHHH", 9, 7, 12, 0) + b"data"))]),
        (50, "ICMP of one byte", [ether(ipv4(1, b"\x08")), ether(ipv4(1, b""))]),
        (
            51,
            "unreachable with a missing, truncated or IHL 15 inner header",
            [
                quoting(3, 3, bytes(4), inner)
                for inner in (b"", OURS[:10], OURS[:20], OURS[:27], b"\x4f" + OURS[1:], b"\x40" + OURS[1:])
            ],
        ),
        (
            52,
            "fragmentation needed with MTU 0, 20, 65535",
            [
                quoting(
                    3,
                    4,
                    struct.pack("!HH", 0, mtu),
                    ipv4(
                        6,
                        struct.pack("!HHI", live.host_port, live.port, live.acknowledgment - 1),
                        source=HOST,
                        destination=PEER,
                    ),
                )
                for mtu in (0, 20, 65535)
            ],
        ),
        (
            53,
            "an ICMP error about an ICMP error, and to a broadcast",
            [
                quoting(3, 1, bytes(4), icmp(3, 1, bytes(4) + OURS)),
                ether(icmp(3, 3, bytes(4) + OURS, destination="10.0.0.255"), destination=BROADCAST),
                ether(ipv4(99, b"", destination="10.0.0.255"), destination=BROADCAST),
            ],
        ),
        (
            54,
            "a redirect to the host itself",
            [quoting(5, 1, packed(HOST), OURS), quoting(5, 0, packed("0.0.0.0"), OURS)],
        ),
        (
            55,
            "ARP of lengths 255, truncated, from a broadcast, from the host itself",
            [
                arp(1)[:18] + b"\xff\xff" + arp(1)[20:],
                *(arp(1)[:size] for size in range(14, 42)),
                arp(1, sender_ether=BROADCAST),
                arp(1, HOST),
                arp(2, HOST, sender_ether=HOST_ETHER),
            ],
        ),
        (56, "unknown ARP operation", [arp(0), arp(3), arp(65535)]),
        (
            57,
            "a frame of 14 bytes, VLAN, LLC, jumbo",
            [
                ether(b""),
                ether(b"", 0x0806),
                ether(b"\0\5\x08\0" + ping()[14:], 0x8100),
                ether(b"\0\5", 0x8100),
                ether(b"\xaa\xaa\x03", 3),
                ether(bytes(9000)),
                ether(b"\x45" + bytes(8999)),
                *(ping()[:size] for size in range(15)),
            ],
        ),
        (58, "virtio headers that do not fit", []),
        (59, "IPv6 payload length past the frame, and 0", [ip6(b"x", length=60000), ip6(b"x", length=0)]),
        (
            60,
            "IPv6 extension headers: past the end, a hundred, two fragment headers",
            [
                ip6(b"\x3a\xff" + bytes(6), following=0),
                ip6(chained * 100, following=60),
                ip6((b"\x2c\0\0\1" + bytes(4)) * 2, following=44),
            ],
        ),
        (
            61,
            "neighbour discovery: option length 0, RDNSS of even length",
            [neighbour(1, 0), neighbour(25, 2, *bytes(14), kind=134)],
        ),
        (62, "neighbour discovery with a hop limit that is not 255", [neighbour(1, 1, *bytes(6), hop=64)]),
        (
            63,
            "DNS: a loop of names, a pointer forward, labels from 64 on",
            [
                dns(b"\xc0\x0c\0\1\0\1"),
                dns(b"\xc0\x0e\xc0\x0c\0\1\0\1"),
                dns(b"\xc0\xff\0\1\0\1"),
                dns(b"\x40" + bytes(80)),
                dns(b"\x3f" + bytes(10)),
                dns(name(b"www") + b"\0\1\0\1\xc0\x0c", (1, 9, 9, 9)),
                dns(b"", (65535,) * 4),
            ],
        ),
        (
            64,
            "DHCP: an option past the end, overload in a loop, no cookie",
            [
                ether(udp(67, 68, content))
                for content in (
                    dhcp(2, b"\x0c\xff"),
                    dhcp(2, b"\x34\1\3"),
                    dhcp(2, b"\x34\1\3\x34\1\3"),
                    dhcp(2, cookie=bytes(4)),
                    dhcp(2)[:240],
                    dhcp(2)[:200],
                    b"",
                    dhcp(5, b"\1\0\3\3\1\2\3\x33\1\0"),
                )
            ],
        ),
        (65, "an echo request of more than a buffer", big_echo()),
    ]


def big_echo():
    """The fragments of an echo request whose ICMP message has 65 008 bytes."""
    whole = icmp(8, 0, b"\0\1\0\1" + bytes(65000))[20:]
    for start in range(0, len(whole), 1480):
        more = 0x2000 if start + 1480 < len(whole) else 0
        yield ether(ipv4(1, whole[start : start + 1480], fragment=start // 8 | more, identification=9))

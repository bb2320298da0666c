"""Checksums completed and packets cut in software are what a naive reading of the RFCs, and scapy, make of them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.drivers.memory import Offload, memory_pair
from netos.kernel.vcpu import VirtualCpu
from netos.offload import complete, segment
from netos.testing.devices import DeviceUser

TCPV4, UDP, TCPV6, UDP_L4, ECN = 1, 3, 4, 5, 0x80
FIN, SYN, PSH, ACK, CWR = 1, 2, 8, 16, 128
ETHER = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02"

user = DeviceUser(memory_pair("one", "two", offload=True)[0], VirtualCpu())


@pytest.fixture(autouse=True)
def every_packet_comes_home():
    yield
    assert user.cpu.balance["held"] == 0


def naive_sum(data):
    """RFC 1071, word by word."""
    data += b"\0" * (len(data) % 2)
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo(ip, protocol, length):
    if ip[0] >> 4 == 6:
        return ip[8:40] + struct.pack("!II", length, protocol)
    return ip[12:20] + struct.pack("!BBH", 0, protocol, length)


def make(payload, *, version=4, tcp=True, flags=ACK, options=b"", ip_options=b"", ident=0xFFFE, tag=b""):
    """A frame with a partial checksum, as a kernel hands it out; and where the IP and transport headers are."""
    if tcp:
        words = (20 + len(options)) // 4
        header = struct.pack("!HHIIBBHHH", 1000, 80, 0xFFFFFF00, 7, words << 4, flags, 500, 0, 0) + options
    else:
        header = struct.pack("!HHHH", 1000, 53, 8 + len(payload) & 0xFFFF, 0)
    protocol = 6 if tcp else 17
    length = len(header) + len(payload)
    if version == 4:
        ip = struct.pack("!BBHHHBBH4s4s", 0x40 | (20 + len(ip_options)) // 4, 0,
                         min(20 + len(ip_options) + length, 65535), ident, 0x4000, 64,
                         protocol, 0xBAD, b"\x0a\0\0\1", b"\x0a\0\0\2") + ip_options
    else:
        ip = struct.pack("!IHBB16s16s", 0x60000000, length & 0xFFFF, protocol, 64, bytes(15) + b"\1", bytes(15) + b"\2")
    partial = struct.pack("!H", naive_sum(pseudo(ip, protocol, length)))
    at = 16 if tcp else 6
    header = header[:at] + partial + header[at + 2:]
    frame = ETHER + tag + (b"\x08\x00" if version == 4 else b"\x86\xdd") + ip + header + payload
    return frame, 14 + len(tag), 14 + len(tag) + len(ip)


def offered(frame, transport, tcp=True, kind=0, size=0):
    packet = user.cpu.packet(frame)
    at = 16 if tcp else 6
    user.set_offload(packet, Offload(1, kind, size, transport, at, 0))
    return packet


def check_segment(data, network, transport, tcp):
    """The IP checksum and length and the transport checksum of one segment; the payload."""
    ip = data[network:]
    if ip[0] >> 4 == 4:
        assert naive_sum(ip[:transport - network]) == 0xFFFF
        assert struct.unpack("!H", ip[2:4])[0] == len(ip)
    else:
        assert struct.unpack("!H", ip[4:6])[0] == len(ip) - 40
    body = data[transport:]
    if not tcp:
        assert struct.unpack("!H", body[4:6])[0] == len(body)
        assert body[6:8] != b"\0\0"
    assert naive_sum(pseudo(ip, 6 if tcp else 17, len(body)) + body) == 0xFFFF
    return body[(body[12] >> 4) * 4 if tcp else 8:]


@pytest.mark.parametrize("tcp", [True, False])
@pytest.mark.parametrize("version", [4, 6])
@given(payload=st.binary(max_size=200))
def test_a_partial_checksum_is_completed(version, tcp, payload):
    frame, network, transport = make(payload, version=version, tcp=tcp)
    packet = offered(frame, transport, tcp)
    complete(packet)
    data = bytes(packet)
    body = data[transport:]
    assert naive_sum(pseudo(data[network:], 6 if tcp else 17, len(body)) + body) == 0xFFFF
    at = transport + (16 if tcp else 6)
    assert data[:at] + data[at + 2:] == frame[:at] + frame[at + 2:]
    assert user.offload(packet)[0] == 0
    packet.kill()


def test_a_sum_of_zero_is_sent_as_all_ones():
    frame, _, transport = make(b"\0\0", tcp=False)
    check = (~naive_sum(frame[transport:])) & 0xFFFF
    frame = frame[:-2] + struct.pack("!H", check)
    packet = offered(frame, transport, tcp=False)
    complete(packet)
    assert bytes(packet)[transport + 6:transport + 8] == b"\xff\xff"
    packet.kill()


def test_completing_a_clone_leaves_the_other_alone():
    frame, _, transport = make(b"hello")
    packet = offered(frame, transport)
    other = packet.clone()
    complete(packet)
    assert bytes(other) == frame != bytes(packet)
    assert user.offload(other)[0] == 1
    packet.kill()
    other.kill()


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 1000, 65000])
@pytest.mark.parametrize(("version", "tcp", "kind"), [(4, True, TCPV4), (6, True, TCPV6), (4, True, TCPV4 | ECN),
                                                      (4, False, UDP_L4), (6, False, UDP_L4)])
def test_segments_carry_the_payload_with_right_headers(version, tcp, kind, length):
    payload = bytes(index * 7 % 256 for index in range(length))
    frame, network, transport = make(payload, version=version, tcp=tcp, flags=FIN | PSH | ACK | CWR,
                                     options=b"\1\1\x08\x0a12345678" if tcp else b"")
    segments = [bytes(packet) for packet in take(segment(offered(frame, transport, tcp, kind, 100)))]
    assert len(segments) == max(-(-length // 100), 1)
    parts = [check_segment(data, network, transport, tcp) for data in segments]
    assert b"".join(parts) == payload
    assert all(len(part) == 100 for part in parts[:-1])
    if version == 4:
        assert [struct.unpack_from("!H", data, network + 4)[0] for data in segments] == [
            (0xFFFE + number) & 0xFFFF for number in range(len(segments))]
    if tcp:
        assert [struct.unpack_from("!I", data, transport + 4)[0] for data in segments] == [
            (0xFFFFFF00 + 100 * number) & 0xFFFFFFFF for number in range(len(segments))]
        flags = [data[transport + 13] for data in segments]
        assert flags[0] & CWR
        assert flags[-1] & (FIN | PSH) == FIN | PSH
        assert not any(flag & CWR for flag in flags[1:])
        assert not any(flag & (FIN | PSH) for flag in flags[:-1])


def take(packets):
    """The packets, each ending once it has been looked at."""
    for packet in packets:
        yield packet
        assert user.offload(packet) == (0, 0, 0, 0, 0, 0)
        packet.kill()


def test_scapy_finds_the_segments_right():
    scapy = pytest.importorskip("scapy.layers.l2")
    from scapy.layers.inet import IP, TCP

    frame, _, transport = make(bytes(range(256)) * 20, ip_options=b"\x94\x04\0\0", flags=ACK | PSH)
    for packet in take(segment(offered(frame, transport, True, TCPV4, 1448))):
        read = scapy.Ether(bytes(packet))
        again = scapy.Ether(bytes(packet))
        del again[IP].chksum, again[IP].len, again[TCP].chksum
        assert bytes(again) == bytes(read)


@pytest.mark.parametrize("stripped", [0, 4, 14, 18])
@pytest.mark.parametrize("marked", [True, False])
def test_headers_are_found_behind_a_tag_and_after_strips(stripped, marked):
    """By the mark of the network header, else by the Ethernet header, else because the packet begins with IP."""
    frame, _, transport = make(bytes(250), tag=b"\x81\x00\x00\x05")
    packet = offered(frame, transport, True, TCPV4, 100)
    if marked:
        packet.set_network_header(18, 20)
    packet.strip(stripped)
    if not marked and stripped == 14:       # neither Ethernet nor IP, for all we can see
        with pytest.raises(ValueError, match="bad-offload"):
            segment(packet)
        packet.kill()
        return
    segments = segment(packet)
    assert len(segments) == 3
    for part in take(segments):
        assert part.network_header == (18 - stripped if marked else None)
        check_segment(bytes(part), 18 - stripped, 38 - stripped, True)


def test_segments_keep_annotations_and_time():
    frame, _, transport = make(bytes(250))
    packet = offered(frame, transport, True, TCPV4, 100)
    packet.paint = 7
    packet.destination = b"\1\2\3\4"
    packet.timestamp = 12345
    for part in take(segment(packet)):
        assert (part.paint, part.destination, part.timestamp) == (7, b"\1\2\3\4", 12345)


BAD = {
    "no checksum asked for": (0, TCPV4, 100, 34, 16, 0),
    "segments of no size": (1, TCPV4, 0, 34, 16, 0),
    "fragments of UDP, which nobody makes any more": (1, UDP, 100, 34, 6, 0),
    "an unknown kind": (1, 9, 100, 34, 16, 0),
    "a transport header past the end": (1, TCPV4, 100, 60000, 16, 0),
    "a transport header that is cut off": (1, TCPV4, 100, 294, 16, 0),
    "no IP header there": (1, TCPV4, 100, 36, 16, 0),
    "IPv6 segments of an IPv4 packet": (1, TCPV6, 100, 34, 16, 0),
}


@pytest.mark.parametrize("offload", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_cut_is_refused(offload):
    frame, _, _ = make(bytes(250))
    packet = user.cpu.packet(frame)
    user.set_offload(packet, offload)
    with pytest.raises(ValueError, match="bad-offload"):
        segment(packet)
    packet.kill()


@given(st.binary(max_size=120), st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 3, 4, 5, 129, 77]),
                                          st.integers(0, 60), st.integers(0, 130), st.integers(0, 130), st.just(0)),
       st.integers(0, 40))
def test_no_lie_is_believed(data, offload, stripped):
    """Whatever the fields say, nothing is read or written outside the packet (the asan build looks on)."""
    packet = user.cpu.packet(data)
    user.set_offload(packet, offload)
    packet.strip(min(stripped, len(packet)))
    other = packet.clone()
    try:
        complete(other)
    except ValueError:
        pass
    other.kill()
    try:
        parts = segment(packet)
    except ValueError:
        packet.kill()
        return
    for part in parts:
        part.kill()


FIELDS = st.one_of(
    st.tuples(st.sampled_from([26, 30]), st.binary(min_size=4, max_size=4), st.just(True)),
    st.tuples(st.sampled_from([34, 36]), st.binary(min_size=2, max_size=2), st.just(False)))


@pytest.mark.parametrize("tcp", [True, False])
@pytest.mark.parametrize("partial", [True, False])
@given(changes=st.lists(FIELDS, min_size=1, max_size=6), payload=st.binary(max_size=40))
def test_a_rewriter_mends_complete_and_partial_checksums_alike(tcp, partial, changes, payload):
    """Addresses and ports changed in any order, then completed: right again."""
    frame, network, transport = make(payload, tcp=tcp)
    packet = offered(frame, transport, tcp)
    if not partial:
        complete(packet)
    for field, value, in_pseudo_header in changes:
        user.adjust(packet, transport + (16 if tcp else 6), field, value, in_pseudo_header, not tcp)
    complete(packet)
    data = bytes(packet)
    body = data[transport:]
    assert naive_sum(pseudo(data[network:], 6 if tcp else 17, len(body)) + body) == 0xFFFF
    assert body[6:8] != b"\0\0"
    packet.kill()


def test_a_udp_checksum_of_none_stays_none():
    frame, _, transport = make(b"hello", tcp=False)
    packet = user.cpu.packet(frame[:transport + 6] + b"\0\0" + frame[transport + 8:])
    user.adjust(packet, transport + 6, 26, b"\1\2\3\4", True, True)
    assert bytes(packet)[transport + 6:transport + 8] == b"\0\0"
    packet.kill()

"""ICMPError answers as RFC 1812 section 4.3.2 asks, and stays silent where it must."""

import struct

import pytest

from netos.checksum import checksum
from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import icmp_packet, ip_packet, udp_packet

ROUTER, SENDER, TARGET = "10.0.0.254", "10.0.0.1", "10.0.0.2"
FIX, PARAMETER = 18, 17
PACKET = udp_packet(b"payload" * 5)


def annotated(data, *, parameter=0, packet_type=0, destination=None):
    def make(router):
        packet = marked_ip(data)(router)
        packet.set_annotation(PARAMETER, bytes([parameter]))
        packet.packet_type = packet_type
        if destination:
            packet.destination = destination
        return packet

    return make


def parse(error):
    """(IP header, ICMP type, code, the word behind the checksum, quoted bytes); the checksums must be right."""
    header = 4 * (error[0] & 15)
    assert checksum(error[:header]) == 0
    assert checksum(error[header:]) == 0
    assert int.from_bytes(error[2:4], "big") == len(error)
    return error[:header], error[header], error[header + 1], error[header + 4:header + 8], error[header + 8:]


def only(*arguments, push):
    (error,), = run_element("ICMPError", *arguments, push=[push])
    return parse(error)


def test_an_error_quotes_the_packet_and_goes_to_its_source():
    ip, icmp_type, code, rest, quoted = only(ROUTER, "timeexceeded", push=annotated(PACKET))
    assert (icmp_type, code, rest, quoted) == (11, 0, bytes(4), PACKET)
    assert (ip[12:16], ip[16:20], ip[9]) == (bytes([10, 0, 0, 254]), bytes([10, 0, 0, 1]), 1)
    assert ip[1] == 0xC0, "precedence of internetwork control (RFC 1812 section 4.3.2.5)"


def test_annotations_of_the_error():
    def show(packet):
        return packet.destination, packet.annotation(FIX, 1), packet.network_header, packet.transport_header

    for argument, flag in (("SET_FIX_ANNO true", b"\1"), ("SET_FIX_ANNO false", b"\0")):
        shown, = run_element("ICMPError", ROUTER, "unreachable", "host", argument, push=[marked_ip(PACKET)], show=show)
        assert shown == [(bytes([10, 0, 0, 1]), flag, 0, 20)]


def test_types_and_codes_by_name_and_number():
    for arguments, expected in ((("unreachable", "net"), (3, 0)), (("3", "1"), (3, 1)), (("sourcequench",), (4, 0)),
                                (("unreachable", "needfrag"), (3, 4)), (("timeexceeded", "reassembly"), (11, 1)),
                                (("redirect", "host"), (5, 1)), (("parameterproblem",), (12, 0))):
        assert only(ROUTER, *arguments, push=annotated(PACKET))[1:3] == expected


def test_the_word_that_depends_on_the_type():
    gateway = annotated(PACKET, destination=bytes([10, 0, 0, 7]))
    assert only(ROUTER, "redirect", "host", push=gateway)[3] == bytes([10, 0, 0, 7])
    assert only(ROUTER, "parameterproblem", push=annotated(PACKET, parameter=21))[3] == bytes([21, 0, 0, 0])
    assert only(ROUTER, "unreachable", "needfrag", "PMTU 1280", push=gateway)[3] == struct.pack("!HH", 0, 1280)
    assert only(ROUTER, "unreachable", "net", "PMTU 1280", push=gateway)[3] == bytes(4)


@pytest.mark.parametrize(("size", "limit", "expected"), [(1472, 576, 576), (520, 576, 576), (519, 576, 575),
                                                         (1472, 68, 68), (9000, 1500, 1500)])
def test_an_error_is_no_longer_than_mtu(size, limit, expected):
    packet = ip_packet(bytes(size + 8))
    quoted = only(ROUTER, "timeexceeded", f"MTU {limit}", push=annotated(packet))[4]
    assert (len(quoted), packet[:len(quoted)]) == (expected - 28, quoted)


def test_padding_is_not_quoted():
    assert only(ROUTER, "timeexceeded", push=annotated(PACKET + bytes(30)))[4] == PACKET


SILENT = {
    **{f"about ICMP type {icmp_type}": annotated(icmp_packet(icmp_type)) for icmp_type in (3, 4, 5, 11, 12)},
    "about ICMP without a type": annotated(ip_packet(protocol=1)),
    "about a later fragment": annotated(udp_packet(b"x", fragment=1)),
    "about the last fragment": annotated(udp_packet(b"x", fragment=0x1FFF)),
    **{f"about packet type {number}": annotated(PACKET, packet_type=number) for number in (1, 2, 3)},
    **{f"to {address}": annotated(udp_packet(b"x", destination=address))
       for address in ("224.0.0.1", "239.255.255.255", "255.255.255.255", "0.0.0.0", "10.0.0.255")},
    **{f"from {address}": annotated(udp_packet(b"x", source=address))
       for address in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "10.0.0.255")},
}


@pytest.mark.parametrize("case", SILENT)
def test_no_error(case):
    out = run_element("ICMPError", ROUTER, "timeexceeded", "transit", "10.0.0.255 10.0.1.255", push=[SILENT[case]],
                      drops={"suppressed": 1})
    assert out == [[]]


@pytest.mark.parametrize("packet", [icmp_packet(8), icmp_packet(0), icmp_packet(13), udp_packet(b"x", fragment=0x2000),
                                    udp_packet(b"", length=0), ip_packet(protocol=6)])
def test_other_packets_draw_one(packet):
    assert only(ROUTER, "timeexceeded", push=annotated(packet))[4] == packet


def test_without_a_header_there_is_no_error():
    def cut(router):
        packet = marked_ip(ip_packet(options=bytes(40)))(router)
        packet.trim(30)
        return packet

    run_element("ICMPError", ROUTER, "timeexceeded", push=[b"unmarked" * 9, cut], drops={"not-ip": 2})


FIRST, SECOND, THIRD = bytes([10, 1, 1, 1]), bytes([10, 2, 2, 2]), bytes([10, 3, 3, 3])


def routed(kind=131, pointer=12, length=15):
    """A packet whose source route has FIRST and SECOND behind it, THIRD before it."""
    return ip_packet(bytes(8), options=bytes([kind, length, pointer]) + FIRST + SECOND + THIRD)


@pytest.mark.parametrize("kind", [131, 137])
def test_source_routed_packets_are_answered_along_the_way_back(kind):
    ip, _, _, _, quoted = only(ROUTER, "timeexceeded", push=annotated(routed(kind)))
    assert ip[16:20] == SECOND
    assert ip[20:] == bytes([kind, 11, 4]) + FIRST + bytes([10, 0, 0, 1]) + b"\0"
    assert quoted == routed(kind)
    (destination,), = run_element("ICMPError", ROUTER, "timeexceeded", push=[annotated(routed(kind))],
                                  show=lambda packet: packet.destination)
    assert destination == SECOND


@pytest.mark.parametrize("packet", [routed(pointer=4), routed(pointer=0), routed(pointer=255), routed(length=255),
                                    routed(length=2), routed(length=0),
                                    ip_packet(bytes(8), options=bytes([131, 7, 8, 127, 0, 0, 1, 0]))])
def test_source_routes_that_lead_nowhere_are_not_followed(packet):
    ip = only(ROUTER, "timeexceeded", push=annotated(packet))[0]
    assert (len(ip), ip[16:20]) == (20, bytes([10, 0, 0, 1]))


def test_a_complaint_about_a_source_route_does_not_take_it():
    for parameter, length in ((22, 20), (34, 20), (8, 32), (35, 32)):
        ip = only(ROUTER, "parameterproblem", push=annotated(routed(), parameter=parameter))[0]
        assert len(ip) == length


def test_source_routed_packets_are_not_redirected():
    run_element("ICMPError", ROUTER, "redirect", "host", push=[annotated(routed())], drops={"suppressed": 1})


def test_an_error_with_a_long_source_route_keeps_to_the_mtu():
    packet = ip_packet(bytes(600), options=bytes([131, 39, 40]) + FIRST * 9)
    ip, _, _, _, quoted = only(ROUTER, "timeexceeded", push=annotated(packet))
    assert (len(ip), len(quoted)) == (60, 576 - 68)


def test_rate_and_burst():
    with ElementHarness("ICMPError", ROUTER, "timeexceeded", "RATE 10", "BURST 3") as harness:
        harness.push(0, [annotated(PACKET)] * 5)
        assert (len(harness.outputs[0]), harness.drops) == (3, {"rate-limited": 2})
        harness.advance(0.25)
        harness.push(0, [annotated(PACKET)] * 5)
        assert len(harness.outputs[0]) == 5
        harness.advance(60)
        harness.push(0, [annotated(icmp_packet(3))] * 5 + [annotated(PACKET)] * 5)
        assert len(harness.outputs[0]) == 8, "what draws no error costs none"
        assert (harness.read("rate"), harness.read("burst")) == ("10", "3")
        harness.write("rate", "0")
        harness.push(0, [annotated(PACKET)] * 50)
        assert len(harness.outputs[0]) == 58
        harness.write("rate", "2")
        harness.write("burst", "1")
        harness.push(0, [annotated(PACKET)] * 50)
        assert len(harness.outputs[0]) == 59


def test_handlers():
    with ElementHarness("ICMPError", ROUTER, "unreachable", "needfrag") as harness:
        assert [harness.read(name) for name in ("src", "mtu", "pmtu", "rate")] == [ROUTER, "576", "0", "0"]
        for name, value in (("src", "1.2.3.4"), ("mtu", "100"), ("pmtu", "1400")):
            harness.write(name, value)
            assert harness.read(name) == value
        harness.push(0, [annotated(PACKET * 2)])
        ip, _, _, rest, quoted = parse(harness.outputs[0][0])
        assert (ip[12:16], rest, len(quoted)) == (bytes([1, 2, 3, 4]), struct.pack("!HH", 0, 1400), len(PACKET))


@pytest.mark.parametrize("arguments", [(ROUTER,), ("x", "3"), (ROUTER, "echo"), (ROUTER, "0"), (ROUTER, "999"),
                                       (ROUTER, "3", "nonsense"), (ROUTER, "3", "0", "MTU 20"),
                                       (ROUTER, "3", "0", "BURST 0")])
def test_nonsense_is_refused(arguments):
    with pytest.raises(ConfigError):
        ElementHarness("ICMPError", *arguments)


def test_a_loop_through_the_lookup_does_not_overwrite_the_batch_in_flight():
    """Errors are routed by the element whose batch is still being sorted: all packets and errors must come out once."""
    text = """
        routes :: RadixIPLookup(10.0.0.0/24 0, 10.9.0.0/16 1, 0/0 2);
        Idle -> routes;
        routes[0] -> home :: Queue(4096) -> Idle;
        routes[1] -> ttl :: DecIPTTL -> away :: Queue(4096) -> Idle;
        ttl[1] -> ICMPError(10.0.0.254, timeexceeded) -> routes;
        routes[2] -> ICMPError(10.0.0.254, unreachable, net) -> routes;
    """

    def identity(packet):
        return int.from_bytes(bytes(packet)[4:6], "big")

    with Router.from_text(text, simulated=10**18) as router:
        packets = []
        for number in range(256):
            kind = number % 4
            destination = ("10.0.0.9", "10.9.0.1", "10.9.0.1", "11.0.0.1")[kind]
            data = ip_packet(bytes(8), source=f"10.0.0.{number % 250 + 1}", destination=destination,
                             ttl=1 if kind == 2 else 64, identification=number)
            packets.append(marked_ip(data)(router))
        router["routes"].push(0, packets)
        away = router["away"].pull(0, 256)
        home = router["home"].pull(0, 256)
        assert [identity(packet) for packet in away] == list(range(1, 256, 4))
        quoted = {}
        direct = []
        for packet in home:
            if bytes(packet)[9] == 1:
                _, icmp_type, _, _, quote = parse(bytes(packet))
                quoted.setdefault(icmp_type, []).append(identity(quote))
                assert bytes(packet)[16:20] == quote[12:16]
            else:
                direct.append(identity(packet))
        assert direct == list(range(0, 256, 4))
        assert quoted == {11: list(range(2, 256, 4)), 3: list(range(3, 256, 4))}
        for packet in away + home:
            packet.kill()
    assert router.cpu.balance["held"] == 0

"""IPEncap and UDPIPEncap put right headers in front."""

import pytest

from netos.errors import ConfigError
from netos.testing.harness import ElementHarness, run_element
from netos.testing.ip_packets import ip_packet, udp_packet


def shown(packet):
    return bytes(packet), packet.destination, packet.network_header, packet.transport_header


def test_ip_encap():
    out, = run_element("IPEncap", "4", "1.0.0.1", "2.0.0.2", "TTL 9", "DF true", "DSCP 10", "ECT 2",
                       push=[b"one", b""], show=shown)
    expected = [ip_packet(data, source="1.0.0.1", destination="2.0.0.2", protocol=4, ttl=9, fragment=0x4000,
                          tos=10 << 2 | 2, identification=number) for number, data in ((1, b"one"), (2, b""))]
    assert out == [(packet, bytes([2, 0, 0, 2]), 0, 20) for packet in expected]


@pytest.mark.parametrize(("arguments", "tos"), [((), 0), (("TOS 7",), 7), (("ECT true",), 1), (("CE true",), 3),
                                                (("DSCP 63", "CE true"), 255)])
def test_type_of_service(arguments, tos):
    (packet,), = run_element("IPEncap", "tcp", "1.0.0.1", "2.0.0.2", *arguments, push=[b""])
    assert (packet[1], packet[8], packet[9]) == (tos, 250, 6)


def test_udp_ip_encap():
    out, = run_element("UDPIPEncap", "1.0.0.1", "1234", "2.0.0.2", "53", push=[b"one", b"seven b"], show=shown)
    for (packet, destination, network, transport), data in zip(out, (b"one", b"seven b"), strict=True):
        expected = udp_packet(data, source="1.0.0.1", destination="2.0.0.2", source_port=1234, destination_port=53)
        assert packet[20:] == expected[20:]
        assert packet[12:20] == expected[12:20]
        assert (packet[8], packet[9], destination, network, transport) == (250, 17, bytes([2, 0, 0, 2]), 0, 20)
        run_element("CheckIPHeader", push=[packet], drops={})
    (packet,), = run_element("UDPIPEncap", "1.0.0.1", "1234", "2.0.0.2", "53", "false", push=[b"x"])
    assert packet[26:28] == bytes(2)


@pytest.mark.parametrize(("name", "arguments"), [("IPEncap", ("4", "1.0.0.1", "DST_ANNO")),
                                                 ("UDPIPEncap", ("1.0.0.1", "1", "DST_ANNO", "2"))])
def test_destination_by_annotation_and_handlers(name, arguments):
    def packet(router):
        made = router.packet(b"x")
        made.destination = bytes([9, 8, 7, 6])
        return made

    with ElementHarness(name, *arguments) as harness:
        assert (harness.read("src"), harness.read("dst")) == ("1.0.0.1", "DST_ANNO")
        harness.push(0, [packet])
        harness.write("dst", "5.5.5.5")
        harness.write("src", "6.6.6.6")
        harness.push(0, [packet])
        first, second = harness.outputs[0]
        assert first[12:20] == bytes([1, 0, 0, 1, 9, 8, 7, 6])
        assert second[12:20] == bytes([6] * 4 + [5] * 4)
        assert (harness.read("src"), harness.read("dst")) == ("6.6.6.6", "5.5.5.5")


def test_udp_port_handlers():
    with ElementHarness("UDPIPEncap", "1.0.0.1", "1", "2.0.0.2", "2") as harness:
        harness.write("sport", "1000")
        harness.write("dport", "domain")
        harness.push(0, [b"x"])
        assert harness.outputs[0][0][20:24] == bytes([3, 232, 0, 53])
        assert (harness.read("sport"), harness.read("dport")) == ("1000", "53")


def test_what_is_too_long_for_ip_is_dropped():
    run_element("IPEncap", "4", "1.0.0.1", "2.0.0.2", push=[bytes(65516)], drops={"too-big": 1})
    run_element("UDPIPEncap", "1.0.0.1", "1", "2.0.0.2", "2", push=[bytes(65508)], drops={"too-big": 1})
    assert len(run_element("UDPIPEncap", "1.0.0.1", "1", "2.0.0.2", "2", push=[bytes(65507)])[0][0]) == 65535


@pytest.mark.parametrize("arguments", [("300", "1.0.0.1", "2.0.0.2"), ("4", "DST_ANNO", "2.0.0.2"),
                                       ("4", "1.0.0.1", "2.0.0.2", "DSCP 64"),
                                       ("4", "1.0.0.1", "2.0.0.2", "TOS 1", "ECT true")])
def test_nonsense_is_refused(arguments):
    with pytest.raises(ConfigError):
        ElementHarness("IPEncap", *arguments)

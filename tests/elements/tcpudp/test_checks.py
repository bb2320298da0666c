"""CheckTCPHeader and CheckUDPHeader let only whole headers with right, partial or absent checksums pass."""

import pytest

from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import ip_packet, tcp_packet, udp_packet

GOOD = {
    "CheckTCPHeader": [tcp_packet(), tcp_packet(b"odd"), tcp_packet(options=b"\1" * 40), tcp_packet(flags=0xFF)],
    "CheckUDPHeader": [udp_packet(), udp_packet(b"odd"), udp_packet(b"x", check=0), udp_packet(options=b"\1" * 8)],
}
BAD = {
    "CheckTCPHeader": {
        "UDP": (udp_packet(b"x" * 20), "no-match", "not TCP"),
        **{f"{size} bytes": (ip_packet(bytes(size), protocol=6), "bad-length", "bad packet length")
           for size in (0, 1, 12, 13, 19)},
        **{f"data offset {words}": (tcp_packet(words=words), "bad-length", "bad packet length")
           for words in (0, 4, 6, 15)},
        "checksum": (tcp_packet(b"x", check=0), "bad-checksum", "bad TCP checksum"),
        "fragment": (tcp_packet(b"x", fragment=0x2000), "fragment", "fragment"),
    },
    "CheckUDPHeader": {
        "TCP": (tcp_packet(), "no-match", "not UDP"),
        **{f"{size} bytes": (ip_packet(bytes(size), protocol=17), "bad-length", "bad packet length")
           for size in (0, 1, 7)},
        **{f"length {length}": (udp_packet(b"x", length=length), "bad-length", "bad packet length")
           for length in (0, 7, 10, 60000)},
        "checksum": (udp_packet(b"x", check=1), "bad-checksum", "bad UDP checksum"),
        "later fragment": (udp_packet(b"x", fragment=4), "fragment", "fragment"),
    },
}


@pytest.mark.parametrize("name", GOOD)
def test_good_packets_pass(name):
    assert run_element(name, push=[marked_ip(packet) for packet in GOOD[name]], outputs=2) == [GOOD[name], []]


@pytest.mark.parametrize(("name", "case"), [(name, case) for name in BAD for case in BAD[name]])
def test_bad_packets_are_refused_by_name(name, case):
    packet, drop, reason = BAD[name][case]
    assert run_element(name, push=[marked_ip(packet)], outputs=2) == [[], [packet]]
    run_element(name, push=[marked_ip(packet)], drops={drop: 1})
    with ElementHarness(name, "DETAILS true", "VERBOSE true") as harness:
        harness.push(0, [marked_ip(packet)])
        assert harness.read("drops") == "1"
        assert f"1\t{reason}\n" in harness.read("drop_details")


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_marked_is_refused(name):
    run_element(name, push=[b"", bytes(60)], drops={"no-match": 2})


@pytest.mark.parametrize(("name", "packet"), [("CheckTCPHeader", tcp_packet(b"x", check=0x1234)),
                                              ("CheckUDPHeader", udp_packet(b"x", check=0x1234))])
@pytest.mark.parametrize("flags", [1, 2])
def test_checksums_somebody_answers_for_are_not_summed(name, packet, flags):
    def vouched(router):
        made = marked_ip(packet)(router)
        made.offload = (flags, 0, 0, 20, 16 if name == "CheckTCPHeader" else 6, 0)
        return made

    assert run_element(name, push=[vouched], outputs=2) == [[packet], []]


def test_a_udp_datagram_shorter_than_its_packet_is_summed_to_its_own_end():
    inner = udp_packet(b"data")
    packet = ip_packet(inner[20:] + b"junk")
    assert run_element("CheckUDPHeader", push=[marked_ip(packet)], outputs=2) == [[packet], []]

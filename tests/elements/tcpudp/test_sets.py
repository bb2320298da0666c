"""SetTCPChecksum and SetUDPChecksum make checksums that are right, partial ones where the rest comes later."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import transport_checksum
from netos.testing.harness import marked_ip, run_element
from netos.testing.ip_packets import ip_packet, tcp_packet, udp_packet


@settings(max_examples=25, deadline=None)
@given(payload=st.binary(max_size=40), source=st.ip_addresses(v=4), wrong=st.integers(0, 65535))
def test_checksums_become_right(payload, source, wrong):
    for name, make in (("SetTCPChecksum", tcp_packet), ("SetUDPChecksum", udp_packet)):
        packet = make(payload, source=str(source), check=wrong)
        assert run_element(name, push=[marked_ip(packet)]) == [[make(payload, source=str(source))]]


def test_a_udp_sum_of_zero_is_sent_as_ones():
    empty = udp_packet(bytes(2), check=0)
    # A word that is what the sum of all else lacks makes it 0xFFFF, whose complement is zero
    packet = udp_packet(transport_checksum(empty[12:16], empty[16:20], 17, empty[20:]).to_bytes(2, "big"), check=0)
    assert transport_checksum(packet[12:16], packet[16:20], 17, packet[20:]) == 0
    assert run_element("SetUDPChecksum", push=[marked_ip(packet)])[0][0][26:28] == b"\xff\xff"


def test_what_cannot_have_one_is_refused():
    assert run_element("SetTCPChecksum", push=[marked_ip(ip_packet(bytes(19), protocol=6)), b"x"],
                       drops={"bad-length": 2}) == [[]]
    run_element("SetTCPChecksum", push=[marked_ip(tcp_packet(fragment=0x2000))], drops={"fragment": 1})
    short, lying = udp_packet(length=7), udp_packet(length=60000)
    assert run_element("SetUDPChecksum", push=[marked_ip(short), marked_ip(lying), b"x"], outputs=2) == [
        [], [short, lying, b"x"]]


def test_fixoff_brings_the_data_offset_into_range():
    for words, fixed in ((0, 5), (4, 5), (15, 6), (6, 6)):
        packet = tcp_packet(b"\1" * 4, words=words)
        (after,), = run_element("SetTCPChecksum", "true", push=[marked_ip(packet)])
        assert after[32] >> 4 == fixed
        assert transport_checksum(after[12:16], after[16:20], 6, after[20:]) == 0


def test_partial_checksums_stay_partial():
    """The field then holds the pseudo header's sum, which makes the whole right when it is summed over later."""
    for name, packet, at in (("SetTCPChecksum", tcp_packet(b"x", check=0), 16),
                             ("SetUDPChecksum", udp_packet(b"x", check=0), 6)):
        def partial(router, packet=packet, at=at):
            made = marked_ip(packet)(router)
            made.offload = (1, 0, 0, 20, at, 0)
            return made

        (after,), = run_element(name, push=[partial])
        pseudo = 0xFFFF & ~transport_checksum(after[12:16], after[16:20], after[9], b"")
        assert int.from_bytes(after[20 + at:22 + at], "big") == pseudo + len(after) - 20

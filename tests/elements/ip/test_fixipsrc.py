"""FixIPSrc changes the source of packets that ask for it, once, and keeps the checksum right."""

from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import checksum
from netos.testing.harness import marked_ip, run_element
from netos.testing.ip_packets import ip_packet

ANNOTATION = 18


def asking(data):
    def make(router):
        packet = marked_ip(data)(router)
        packet.set_annotation(ANNOTATION, b"\1")
        return packet

    return make


@settings(max_examples=30, deadline=None)
@given(address=st.ip_addresses(v=4), source=st.ip_addresses(v=4), identification=st.integers(0, 65535))
def test_source_and_checksum(address, source, identification):
    packet = ip_packet(b"data", source=str(source), identification=identification, options=b"\1" * 4)
    ((after, flag), (other, _)), = run_element(
        "FixIPSrc", str(address), push=[asking(packet), marked_ip(packet)],
        show=lambda packet: (bytes(packet), packet.annotation(ANNOTATION, 1)))
    assert IPv4Address(after[12:16]) == address
    assert checksum(after[:24]) == 0
    assert flag == b"\0"
    assert after[:10] + after[16:] == packet[:10] + packet[16:]
    assert other == packet


def test_what_asks_but_has_no_header_is_dropped():
    def unmarked(router):
        packet = router.packet(b"short")
        packet.set_annotation(ANNOTATION, b"\1")
        return packet

    run_element("FixIPSrc", "1.2.3.4", push=[unmarked], drops={"not-ip": 1})

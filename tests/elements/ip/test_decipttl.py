"""DecIPTTL takes one from the TTL, keeps right checksums right, and sends what has expired out of output 1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import checksum
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import ip_packet


@settings(max_examples=100, deadline=None)
@given(ttl=st.integers(2, 255), identification=st.integers(0, 65535), source=st.ip_addresses(v=4))
def test_checksums_stay_right(ttl, identification, source):
    packet = ip_packet(b"payload", ttl=ttl, identification=identification, source=str(source))
    with ElementHarness("DecIPTTL") as harness:
        harness.push(0, [marked_ip(packet)])
        (after,) = harness.outputs[0]
    assert after[8] == ttl - 1
    assert checksum(after[:20]) == 0
    assert after[10:12] != b"\xff\xff", "0xFFFF is no checksum of a header that is not all zero (RFC 1624)"
    assert after[:8] + after[9:10] + after[12:] == packet[:8] + packet[9:10] + packet[12:]


def test_every_checksum_there_is():
    """All 65536 sums: the carries of the incremental update."""
    packets = [ip_packet(identification=identification) for identification in range(65536)]
    with ElementHarness("DecIPTTL") as harness:
        for start in range(0, 65536, 4096):
            harness.push(0, [marked_ip(packet) for packet in packets[start:start + 4096]])
        assert len(harness.outputs[0]) == 65536
        assert [checksum(after) for after in harness.outputs[0] if checksum(after)] == []


def test_wrong_checksums_stay_wrong():
    (after,), = run_element("DecIPTTL", push=[marked_ip(ip_packet(check=0x1234))])
    assert checksum(after) != 0


def test_the_expired_leave_unchanged_by_output_1():
    packets = [ip_packet(ttl=ttl) for ttl in (0, 1, 2)]
    good, expired = run_element("DecIPTTL", push=[marked_ip(packet) for packet in packets], outputs=2)
    assert (len(good), expired) == (1, packets[:2])
    run_element("DecIPTTL", push=[marked_ip(packet) for packet in packets], drops={"ttl-expired": 2})


def test_clones_are_copied_before_they_are_changed():
    packet = ip_packet()
    with ElementHarness("DecIPTTL") as harness:
        made = marked_ip(packet)(harness.router)
        clone = made.clone()
        harness.element.push(0, [made])
        assert bytes(clone) == packet
        assert harness.outputs[0][0][8] == packet[8] - 1
        clone.kill()


def test_multicast_and_inactive_pass_untouched():
    multicast, expired = ip_packet(destination="224.0.0.1", ttl=1), ip_packet(ttl=1)
    packets = [marked_ip(multicast), marked_ip(expired)]
    assert run_element("DecIPTTL", "MULTICAST false", push=packets, outputs=2) == [[multicast], [expired]]
    assert run_element("DecIPTTL", push=packets, outputs=2) == [[], [multicast, expired]]
    assert run_element("DecIPTTL", "ACTIVE false", push=packets, outputs=2) == [[multicast, expired], []]
    with ElementHarness("DecIPTTL", outputs=2) as harness:
        harness.push(0, packets)
        harness.write("active", "false")
        harness.push(0, packets)
        assert (harness.read("drops"), harness.read("active")) == ("2", "false")


@pytest.mark.parametrize("length", [0, 19])
def test_what_has_no_header_is_dropped(length):
    def cut(router):
        packet = marked_ip(ip_packet())(router)
        packet.trim(20 - length)
        return packet

    run_element("DecIPTTL", push=[cut, b"never marked, though long enough"], drops={"not-ip": 2})

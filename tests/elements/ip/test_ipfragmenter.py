"""IPFragmenter makes fragments that fit, reassemble to what came, and carry the options they should."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import checksum, transport_checksum
from netos.testing.harness import ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import ip_packet, tcp_packet, udp_packet

DF, MF = 0x4000, 0x2000
BIG = ip_packet(bytes(range(250)) * 4, options=bytes([7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 1]))


def reassemble(fragments):
    """The payload of a datagram, done naively: fragments in any order, no gap, no overlap."""
    parts = {}
    for fragment in fragments:
        header = 4 * (fragment[0] & 15)
        assert checksum(fragment[:header]) == 0
        assert int.from_bytes(fragment[2:4], "big") == len(fragment)
        field = int.from_bytes(fragment[6:8], "big")
        parts[(field & 0x1FFF) * 8] = (bool(field & MF), fragment[header:])
    payload, offsets = b"", sorted(parts)
    for offset in offsets:
        assert offset == len(payload)
        payload += parts[offset][1]
    assert [parts[offset][0] for offset in offsets] == [True] * (len(offsets) - 1) + [False]
    return payload


@settings(max_examples=40, deadline=None)
@given(payload=st.binary(min_size=1, max_size=3000), mtu=st.integers(68, 1500), words=st.integers(0, 10))
def test_fragments_reassemble_to_what_came(payload, mtu, words):
    packet = ip_packet(payload, options=b"\1" * (4 * words))
    with ElementHarness("IPFragmenter", str(mtu)) as harness:
        harness.push(0, [marked_ip(packet)])
        (fragments,) = harness.outputs
        made = int(harness.read("fragments"))
    assert all(len(fragment) <= mtu for fragment in fragments)
    assert fragments == [packet] if len(packet) <= mtu else reassemble(fragments) == payload
    assert made == (len(fragments) if len(fragments) > 1 else 0)
    assert {fragment[4:6] for fragment in fragments} == {packet[4:6]}


def test_options_are_copied_by_their_flag():
    fragments, = run_element("IPFragmenter", "300", push=[marked_ip(BIG)])
    assert [fragment[20:4 * (fragment[0] & 15)] for fragment in fragments] == [
        BIG[20:32], *[bytes([148, 4, 0, 0])] * (len(fragments) - 1)]
    assert reassemble(fragments) == BIG[32:]


def test_order_and_annotations_are_kept_across_many_packets():
    small = ip_packet(b"small")
    out, = run_element("IPFragmenter", "300", push=[marked_ip(small), marked_ip(BIG)] * 90,
                       show=lambda packet: (bytes(packet), packet.destination, packet.network_header))
    assert {(destination, header) for _, destination, header in out} == {(bytes([10, 0, 0, 2]), 0)}
    each = len(out) // 90
    assert [data for data, _, _ in out] == [data for data, _, _ in out[:each]] * 90
    assert out[0][0] == small
    assert reassemble(data for data, _, _ in out[1:each]) == BIG[32:]


def test_dont_fragment_goes_to_output_1():
    packet, small = ip_packet(bytes(600), fragment=DF), ip_packet(bytes(10), fragment=DF)
    push = [marked_ip(packet), marked_ip(small)]
    assert run_element("IPFragmenter", "576", push=push, outputs=2) == [[small], [packet]]
    run_element("IPFragmenter", "576", push=push, drops={"too-big": 1})
    out, rejected = run_element("IPFragmenter", "576", "HONOR_DF false", push=push, outputs=2)
    assert (reassemble(out[:-1]), out[2], rejected) == (bytes(600), small, [])


def test_an_mtu_without_room_for_eight_bytes_fragments_nothing():
    packet = ip_packet(bytes(100), options=b"\1" * 40)
    assert run_element("IPFragmenter", "67", push=[marked_ip(packet)], outputs=2) == [[], [packet]]
    assert len(run_element("IPFragmenter", "68", push=[marked_ip(packet)])[0]) == 13


def test_fragments_are_fragmented_again():
    middle = ip_packet(bytes(range(200)), fragment=MF | 5)
    fragments, = run_element("IPFragmenter", "120", push=[marked_ip(middle)])
    assert [int.from_bytes(fragment[6:8], "big") for fragment in fragments] == [MF | 5, MF | 17, MF | 29]
    assert b"".join(fragment[20:] for fragment in fragments) == bytes(range(200))


def test_the_last_byte_a_datagram_may_have_is_the_limit():
    """A fragment that would end past 65535 must not carry over into the flags."""
    run_element("IPFragmenter", "120", push=[marked_ip(ip_packet(bytes(200), fragment=0x1FFF))],
                drops={"bad-length": 1})


def test_lengths_that_lie_are_dropped_and_padding_is_cut():
    lying = [marked_ip(ip_packet(bytes(600), length=length)) for length in (0, 19, 621, 65535)]
    run_element("IPFragmenter", "576", push=[*lying, b"unmarked" * 100], drops={"bad-length": 4, "not-ip": 1})
    padded = ip_packet(b"short", length=25)
    assert run_element("IPFragmenter", "576", push=[marked_ip(padded + bytes(600))]) == [[padded]]


def test_the_largest_datagram():
    payload = bytes(65515)
    with ElementHarness("IPFragmenter", "68") as harness:
        harness.push(0, [marked_ip(ip_packet(payload))])
        assert reassemble(harness.outputs[0]) == payload
        assert len(harness.outputs[0]) == 1365


@pytest.mark.parametrize("verbose", ["true", "false"])
def test_verbose_logs_what_may_not_be_fragmented(verbose, caplog):
    with ElementHarness("IPFragmenter", "576", f"VERBOSE {verbose}") as harness:
        harness.push(0, [marked_ip(ip_packet(bytes(600), fragment=DF))])
        assert harness.read("drops") == "1"
    assert len(caplog.records) == (verbose == "true")


def offloaded(data, gso_type, gso_size, transport=20):
    """A packet whose TCP or UDP checksum is partial, to be cut into segments when gso_type is not zero."""
    at = 16 if data[9] == 6 else 6
    pseudo = 0xFFFF & ~transport_checksum(data[12:16], data[16:20], data[9], b"") + len(data) - transport
    field = (pseudo % 0xFFFF).to_bytes(2, "big")
    data = data[:transport + at] + field + data[transport + at + 2:]

    def make(router):
        packet = marked_ip(data)(router)
        packet.offload = (1, gso_type, gso_size, transport, at, 0)
        return packet

    return data, make


def test_segmentation_packets_are_as_long_as_their_segments():
    for fragment in (0, DF):
        data, packet = offloaded(tcp_packet(bytes(20000), fragment=fragment), 1, 1460)
        assert run_element("IPFragmenter", "1500", push=[packet], outputs=2,
                           show=lambda packet: (bytes(packet), packet.offload[:3])) == [[(data, (1, 1, 1460))], []]
    assert run_element("IPFragmenter", "1499", push=[packet], outputs=2) == [[], [data]]


def test_segments_too_long_are_fragmented_where_that_is_allowed():
    _, packet = offloaded(tcp_packet(bytes(range(256)) * 20), 1, 1000)
    out, = run_element("IPFragmenter", "576", push=[packet])
    segments = {}
    for data in out:
        segments.setdefault(data[4:6], []).append(data)
    payload = b""
    for fragments in segments.values():
        segment = reassemble(fragments)
        assert transport_checksum(fragments[0][12:16], fragments[0][16:20], 6, segment) == 0
        payload += segment[20:]
    assert payload == bytes(range(256)) * 20


def test_partial_checksums_are_completed_before_the_cut():
    _, packet = offloaded(udp_packet(b"odd" * 501, check=0), 0, 0)
    out, = run_element("IPFragmenter", "576", push=[packet], show=lambda packet: (bytes(packet), packet.offload[0]))
    assert {flags for _, flags in out} == {0}
    assert transport_checksum(bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), 17, reassemble(data for data, _ in out)) == 0


def test_offloads_that_lie_are_dropped():
    for offload in ((1, 1, 0, 20, 16, 0), (0, 1, 1000, 0, 0, 0), (1, 1, 1000, 9000, 16, 0), (1, 77, 1000, 20, 16, 0)):
        def make(router, offload=offload):
            packet = marked_ip(tcp_packet(bytes(4000)))(router)
            packet.offload = offload
            return packet

        run_element("IPFragmenter", "1500", push=[make], drops={"bad-offload": 1})

"""Classifier, IPClassifier and IPFilter: first match wins, order is kept, what matches nothing is a counted drop."""

import pytest

from netos.errors import ConfigError, HandlerError
from netos.testing.harness import ElementHarness, marked_ip, run_element

ARP, IP = bytes(12) + b"\x08\x06" + bytes(28), bytes(12) + b"\x08\x00" + bytes(40)
PING = bytes.fromhex("4500002000010000400100000a0000010a000002") + b"\x08\x00" + bytes(10)
WEB = bytes.fromhex("4500002800010000400600000a0000010a000002") + bytes.fromhex("04d20050") + bytes(16)
DNS = bytes.fromhex("4500001c00010000401100000a0000010a000002") + bytes.fromhex("04d2003500080000")


def test_first_match_wins():
    outputs = run_element("Classifier", "12/0806", "12/0800", "-", outputs=3, push=[IP, ARP, b"short", IP])
    assert outputs == [[ARP], [IP, IP], [b"short"]]


def test_what_matches_nothing_is_dropped_with_a_reason():
    assert run_element("Classifier", "12/0806", push=[IP, ARP], drops={"no-match": 1}) == [[ARP]]


def test_a_pattern_too_few_or_wrong_is_refused():
    for arguments, complaint in ((["12/0800"], "need 2 arguments"), (["12/08zz", "-"], "08zz")):
        with pytest.raises(ConfigError, match=complaint):
            ElementHarness("Classifier", *arguments, outputs=2)


def test_the_program_handler_is_clicks():
    with ElementHarness("Classifier", "12/0800", "-", outputs=2) as harness:
        assert harness.read("program").splitlines()[0] == " 0  12/08000000%ffff0000  yes->[0]  no->[1]"


def test_ip_classifier_sorts_by_protocol_and_port():
    packets = [marked_ip(packet) for packet in (WEB, PING, DNS, WEB)]
    outputs = run_element("IPClassifier", "tcp dst port 80", "icmp type echo", "udp port 53", "-", outputs=4,
                          push=packets)
    assert outputs == [[WEB, WEB], [PING], [DNS], []]


def test_packets_without_a_network_header_match_nothing_but_everything():
    """Their bytes must not be read as if they had one."""
    assert run_element("IPClassifier", "tcp", "-", outputs=2, push=[WEB]) == [[], [WEB]]
    assert run_element("IPClassifier", "tcp", push=[WEB], drops={"filtered": 1}) == [[]]


def test_ip_filter_allows_drops_and_sends():
    packets = [marked_ip(packet) for packet in (WEB, PING, DNS)]
    outputs = run_element("IPFilter", "drop icmp", "1 udp", "allow all", outputs=2, push=packets, drops={"filtered": 1})
    assert outputs == [[WEB], [DNS]]


def test_the_pattern_handler_changes_a_running_classifier_or_nothing():
    with ElementHarness("IPClassifier", "tcp", "-", outputs=2) as harness:
        harness.push(0, [marked_ip(WEB)])
        with pytest.raises(HandlerError):
            harness.write("pattern", "tpc, -")
        with pytest.raises(HandlerError, match="need 2"):
            harness.write("pattern", "udp")
        assert harness.read("pattern") == "tcp, -"
        harness.push(0, [marked_ip(WEB)])
        harness.write("pattern", "udp, -")
        harness.push(0, [marked_ip(WEB)])
        assert harness.outputs == [[WEB, WEB], [WEB]]


def test_a_compound_s_names_are_known():
    harness = ElementHarness("IPClassifier", "src host gateway", "-", outputs=2,
                             others=[("info", "AddressInfo", "gateway 10.0.0.1")])
    with harness:
        harness.push(0, [marked_ip(WEB)])
        assert harness.outputs == [[WEB], []]

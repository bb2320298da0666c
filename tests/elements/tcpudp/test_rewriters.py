"""IPRewriter and its relatives: what flows become, how replies come back, and what the inputs say about new ones."""

import pytest

scapy = pytest.importorskip("scapy.all")

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror  # noqa: E402

from netos.errors import NetosError  # noqa: E402
from netos.router import Router  # noqa: E402
from netos.testing.harness import ElementHarness, marked_ip, run_element  # noqa: E402

NAT = ("pattern 1.0.0.1 1024-65535# - - 0 1", "drop")


def packets(*made):
    return [marked_ip(bytes(packet)) for packet in made]


def tcp(source, sport, destination, dport, flags="S", payload=b""):
    return IP(src=source, dst=destination) / TCP(sport=sport, dport=dport, flags=flags) / payload


def udp(source, sport, destination, dport):
    return IP(src=source, dst=destination) / UDP(sport=sport, dport=dport) / b"data"


def shown(packet):
    """Addresses, ports and whether every checksum is right."""
    found = IP(bytes(packet))
    again = found.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if layer in again:
            del again[layer].chksum
    assert bytes(again) == bytes(found), "a checksum is wrong"
    if ICMP in found:
        return found.src, found.dst, found[ICMP].type, found[ICMP].id
    return (found.src, found.sport, found.dst, found.dport) if TCP in found or UDP in found else (found.src, found.dst)


@pytest.mark.parametrize(("element", "make"), [("IPRewriter", tcp), ("IPRewriter", udp), ("TCPRewriter", tcp),
                                               ("UDPRewriter", udp)])
def test_a_flow_and_its_replies(element, make):
    outputs = run_element(element, *NAT, outputs=2, show=shown, push=[
        packets(*[make(source, 30, "3.0.0.3", 80) for source in ("2.0.0.2", "2.0.0.4", "2.0.0.2")]),
        packets(make("3.0.0.3", 80, "1.0.0.1", 1025), make("3.0.0.3", 80, "1.0.0.1", 1026))], drops={"filtered": 1})
    assert outputs == [
        [("1.0.0.1", 1024, "3.0.0.3", 80), ("1.0.0.1", 1025, "3.0.0.3", 80), ("1.0.0.1", 1024, "3.0.0.3", 80)],
        [("3.0.0.3", 80, "2.0.0.4", 30)]]


def test_the_packets_own_port_is_preferred():
    with ElementHarness("IPRewriter", "pattern 1.0.0.1 1024-65535 - - 0 0", show=shown) as harness:
        harness.push(0, packets(udp("2.0.0.2", 4000, "3.0.0.3", 53), udp("2.0.0.2", 30, "3.0.0.3", 53)))
        (out,) = harness.outputs
    assert out[0] == ("1.0.0.1", 4000, "3.0.0.3", 53)
    assert 1024 <= out[1][1] <= 65535


def test_destinations_can_be_rewritten():
    out, replies = run_element("IPRewriter", "pattern - - 9.0.0.9 8080 0 1", "keep 0 0", outputs=2, show=shown, push=[
        packets(tcp("2.0.0.2", 30, "1.0.0.1", 80)), packets(tcp("9.0.0.9", 8080, "2.0.0.2", 30, "SA"))])
    assert out == [("2.0.0.2", 30, "9.0.0.9", 8080)]
    assert replies == [("1.0.0.1", 80, "2.0.0.2", 30)]


@pytest.mark.parametrize(("spec", "mapped", "out"), [
    ("drop", "0", []), ("pass 0", "0", [("2.0.0.2", 30, "3.0.0.3", 53)]),
    ("keep 0 0", "1", [("2.0.0.2", 30, "3.0.0.3", 53)])])
def test_flows_that_are_not_changed(spec, mapped, out):
    with ElementHarness("IPRewriter", spec, show=shown) as harness:
        harness.push(0, packets(udp("2.0.0.2", 30, "3.0.0.3", 53)))
        assert harness.outputs == [out]
        assert harness.read("count") == mapped


def test_a_named_pattern():
    with ElementHarness("IPRewriter", "gate 0 0", show=shown,
                        others=[("names", "IPRewriterPatterns", "gate 1.0.0.1 5000# - -")]) as harness:
        harness.push(0, packets(udp("2.0.0.2", 30, "3.0.0.3", 53)))
        assert harness.outputs == [[("1.0.0.1", 5000, "3.0.0.3", 53)]]


def test_no_port_left_and_mappings_that_end():
    with ElementHarness("IPRewriter", "pattern 1.0.0.1 5000-5001# - - 0 0", "UDP_TIMEOUT 10", show=shown) as harness:
        harness.push(0, packets(*[udp("2.0.0.2", port, "3.0.0.3", 53) for port in (1, 2, 3)]))
        assert len(harness.outputs[0]) == 2
        assert harness.drops == {"no-mapping": 1}
        harness.advance(12)
        assert harness.read("count") == "0"
        harness.push(0, packets(udp("2.0.0.2", 3, "3.0.0.3", 53)))
        assert len(harness.outputs[0]) == 3


def test_tcp_mappings_go_soon_after_the_flow_is_done():
    with ElementHarness("IPRewriter", "keep 0 0", "TCP_DONE_TIMEOUT 20", "TCP_TIMEOUT 1000", show=shown) as harness:
        harness.push(0, packets(tcp("2.0.0.2", 30, "3.0.0.3", 80), tcp("3.0.0.3", 80, "2.0.0.2", 30, "SA")))
        harness.advance(900)
        assert harness.read("count") == "1"
        harness.push(0, packets(tcp("2.0.0.2", 30, "3.0.0.3", 80, "FA"), tcp("3.0.0.3", 80, "2.0.0.2", 30, "FA")))
        harness.advance(22)
        assert harness.read("count") == "0"


def test_what_is_neither_tcp_nor_udp_passes_only_where_the_input_says_so():
    ping = packets(IP(src="2.0.0.2", dst="3.0.0.3") / ICMP())
    assert len(run_element("IPRewriter", "pass 0", push=ping)[0]) == 1
    assert run_element("IPRewriter", "keep 0 0", push=ping, drops={"no-mapping": 1}) == [[]]


def test_addresses_alone():
    with ElementHarness("IPAddrRewriter", "pattern 1.0.0.1-1.0.0.2 - - - 0 0", show=shown) as harness:
        harness.push(0, packets(udp("2.0.0.2", 30, "3.0.0.3", 53), tcp("2.0.0.2", 31, "3.0.0.4", 80)))
        (first, second), = harness.outputs
        assert first[0] == second[0]
        assert first[0] in ("1.0.0.1", "1.0.0.2")
    with ElementHarness("IPAddrRewriter", "pattern 1.0.0.1 - - - 0 1", "drop", inputs=2, outputs=2,
                        show=shown) as harness:
        harness.push(0, packets(udp("2.0.0.2", 30, "3.0.0.3", 53), udp("2.0.0.9", 30, "3.0.0.3", 53)))
        harness.push(1, packets(tcp("7.0.0.7", 1, "1.0.0.1", 22), tcp("7.0.0.7", 1, "1.0.0.2", 22)))
        assert harness.outputs == [[("1.0.0.1", 30, "3.0.0.3", 53)], [("7.0.0.7", 1, "2.0.0.2", 22)]]


def test_pings():
    outputs = run_element("ICMPPingRewriter", "pattern 1.0.0.1 100-200# - - 0 1", "drop", outputs=2, show=shown, push=[
        packets(*[IP(src=source, dst="3.0.0.3") / ICMP(type=8, id=7) for source in ("2.0.0.2", "2.0.0.4")]),
        packets(*[IP(src="3.0.0.3", dst="1.0.0.1") / ICMP(type=0, id=number) for number in (101, 102)])])
    assert outputs == [[("1.0.0.1", "3.0.0.3", 8, 100), ("1.0.0.1", "3.0.0.3", 8, 101)], [("3.0.0.3", "2.0.0.4", 0, 7)]]


ERRORS = """
feed :: Idle -> map :: IPRewriter(pattern 1.0.0.1 5000# - - 0 0) -> out :: Queue;
errors :: Idle -> icmp :: ICMPRewriter(map) -> found :: Queue; icmp[1] -> others :: Queue;
out -> Discard(ACTIVE false); found -> Discard(ACTIVE false); others -> Discard(ACTIVE false);
"""


def test_icmp_errors_about_rewritten_packets():
    router = Router.from_text(ERRORS, simulated=10**18).initialize()
    router["map"].push(0, [make(router) for make in packets(udp("2.0.0.2", 30, "3.0.0.3", 53))])
    (sent,) = router["out"].pull(0, 9)
    quoted, stranger = IP(bytes(sent)), udp("1.0.0.1", 5001, "3.0.0.3", 53)
    sent.kill()
    router["icmp"].push(0, [make(router) for make in packets(
        *[IP(src="8.0.0.8", dst="1.0.0.1") / ICMP(type=3, code=3) / about for about in (quoted, stranger)])])
    (error,), (other,) = router["found"].pull(0, 9), router["others"].pull(0, 9)
    found = IP(bytes(error))
    assert (found.src, found.dst, found[IPerror].src, found[IPerror].sport) == ("8.0.0.8", "2.0.0.2", "2.0.0.2", 30)
    assert error.destination == bytes([2, 0, 0, 2]) or str(error.destination) == "2.0.0.2"
    for packet in (error, other):
        packet.kill()
    router.close()


@pytest.mark.parametrize(("specs", "wrong"), [
    (["patern 1.0.0.1 - - - 0 0"], "pattern"), (["keep 0 7"], "output 7"), (["pattern 1.0.0.1 70000 - - 0 0"], "70000"),
    (["drop 3"], "no arguments"), (["keep"], "FOUTPUT"), (["drop", "drop"], "one per input"),
    (["pattern 1.0.0.9-1.0.0.1 - - - 0"], "empty"),
])
def test_mistakes_are_named(specs, wrong):
    with pytest.raises(NetosError, match=wrong), ElementHarness("IPRewriter", *specs, inputs=1):
        pass

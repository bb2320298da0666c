"""ARPResponder answers who asks for its addresses, and nobody else, whatever the packet says."""

from __future__ import annotations

from typing import Any

import pytest

from netos.errors import ConfigError, HandlerError
from netos.testing.arp import (
    ETHER_BROADCAST,
    NO_ETHER,
    REQUEST,
    arp_frame,
    arp_reply,
    arp_request,
    malformed_arp,
    station,
)
from netos.testing.harness import ElementHarness, run_element

ME, YOU, PROXY = station(1), station(2), station(3)
ME_TEXT, PROXY_TEXT = "02:00:00:00:00:01", "02:00:00:00:00:03"
OURS = f"10.0.0.1 {ME_TEXT}"


def test_a_request_is_answered_to_the_asker() -> None:
    asked = arp_request(YOU, "10.0.0.2", "10.0.0.1")
    padded = asked + bytes(18)
    assert run_element("ARPResponder", OURS, push=[asked, padded], drops={}) == [
        [arp_reply(ME, "10.0.0.1", YOU, "10.0.0.2")] * 2]


def test_a_probe_is_answered() -> None:
    """RFC 5227 section 2.1.1: the prober, who has no address yet, must hear of the conflict."""
    assert run_element("ARPResponder", OURS, push=[arp_request(YOU, "0.0.0.0", "10.0.0.1")]) == [
        [arp_reply(ME, "10.0.0.1", YOU, "0.0.0.0")]]


def test_a_gratuitous_request_of_another_station_for_our_address_is_answered() -> None:
    assert run_element("ARPResponder", OURS, push=[arp_request(YOU, "10.0.0.1", "10.0.0.1")]) == [
        [arp_reply(ME, "10.0.0.1", YOU, "10.0.0.1")]]


def test_requests_for_others_and_replies_pass_by() -> None:
    others = [arp_request(YOU, "10.0.0.2", "10.0.0.3"), arp_reply(YOU, "10.0.0.2", ME, "10.0.0.1")]
    assert run_element("ARPResponder", OURS, push=others, drops={"no-match": 2}) == [[]]
    assert run_element("ARPResponder", OURS, push=others, outputs=2, drops={}) == [[], others]


def test_malformed_packets_are_counted_and_not_answered() -> None:
    bad = [*malformed_arp(REQUEST, YOU, "10.0.0.2", NO_ETHER, "10.0.0.1"), arp_request(ME, "10.0.0.1", "10.0.0.1")]
    assert run_element("ARPResponder", OURS, push=bad, drops={"bad-arp": len(bad)}) == [[]]
    assert run_element("ARPResponder", OURS, push=bad, outputs=2, drops={}) == [[], bad]


def test_the_longest_prefix_answers() -> None:
    outputs = run_element("ARPResponder", f"10.0.0.0/24 192.168.7.9/16 {PROXY_TEXT}", OURS, push=[
        arp_request(YOU, "10.0.0.2", target) for target in ("10.0.0.1", "10.0.0.77", "192.168.3.3", "10.0.1.1")])
    assert outputs == [[arp_reply(ME, "10.0.0.1", YOU, "10.0.0.2"), arp_reply(PROXY, "10.0.0.77", YOU, "10.0.0.2"),
                        arp_reply(PROXY, "192.168.3.3", YOU, "10.0.0.2")]]


def test_an_addressinfo_name_stands_for_both_addresses() -> None:
    others = [("ai", "AddressInfo", f"eth0 10.0.0.1/24 {ME_TEXT}")]
    with ElementHarness("ARPResponder", "eth0", others=others) as harness:
        assert harness.read("table") == "10.0.0.1/32 02-00-00-00-00-01\n"
    with ElementHarness("ARPResponder", "eth0:ipnet eth0:eth", others=others) as harness:
        assert harness.read("table") == "10.0.0.0/24 02-00-00-00-00-01\n"


def test_the_vlan_of_the_request_is_the_vlan_of_the_reply() -> None:
    def tagged(router: Any) -> Any:
        packet = router.packet(arp_request(YOU, "10.0.0.2", "10.0.0.1"))
        packet.set_annotation(20, b"\x00\x2a")
        packet.paint = 7
        return packet

    assert run_element("ARPResponder", OURS, push=[tagged],
                       show=lambda packet: (packet.annotation(20, 2), packet.paint)) == [[(b"\x00\x2a", 0)]]


def test_handlers_add_remove_and_look_up() -> None:
    with ElementHarness("ARPResponder", OURS) as harness:
        harness.write("add", f"10.1.0.0/16 10.2.0.0/16 {PROXY_TEXT}")
        assert harness.read("table") == ("10.0.0.1/32 02-00-00-00-00-01\n10.1.0.0/16 02-00-00-00-00-03\n"
                                         "10.2.0.0/16 02-00-00-00-00-03\n")
        assert harness.read("lookup", "10.2.3.4") == "02-00-00-00-00-03"
        assert harness.read("lookup", "10.3.3.4") == "-1"
        harness.write("remove", "10.1.0.0/16")
        harness.push(0, [arp_request(YOU, "10.0.0.2", "10.1.0.1"), arp_request(YOU, "10.0.0.2", "10.2.0.1")])
        assert harness.outputs == [[arp_reply(PROXY, "10.2.0.1", YOU, "10.0.0.2")]]
        for handler, text in (("remove", "10.1.0.0/16"), ("add", "10.1.0.0/16"), ("add", ME_TEXT), ("add", "x y")):
            with pytest.raises(HandlerError):
                harness.write(handler, text)
        with pytest.raises(HandlerError):
            harness.read("lookup", "nowhere")


@pytest.mark.parametrize("argument", ["10.0.0.1", ME_TEXT, f"10.0.0.1 {ME_TEXT} {PROXY_TEXT}", f"10.0.0.300 {ME_TEXT}"])
def test_bad_arguments_are_refused(argument: str) -> None:
    with pytest.raises(ConfigError, match="argument 1"):
        ElementHarness("ARPResponder", argument)


def test_contradictions_are_refused() -> None:
    with pytest.raises(ConfigError, match="two Ethernet addresses"):
        ElementHarness("ARPResponder", OURS, f"10.0.0.1 {PROXY_TEXT}")


def test_a_broadcast_sender_draws_no_answer() -> None:
    """Else one packet would make the responder shout at the whole link."""
    assert run_element("ARPResponder", OURS, drops={"bad-arp": 1}, push=[
        arp_frame(REQUEST, ETHER_BROADCAST, "10.0.0.2", NO_ETHER, "10.0.0.1")]) == [[]]

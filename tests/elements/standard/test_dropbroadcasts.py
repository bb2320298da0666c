"""DropBroadcasts tells packets by their type annotation."""

from netos.testing.harness import ElementHarness, run_element


def typed(number):
    def make(router):
        packet = router.packet(bytes([number]))
        packet.packet_type = number
        return packet
    return make


PACKETS = [typed(number) for number in range(5)]


def test_broadcast_and_multicast_are_dropped():
    assert run_element("DropBroadcasts", push=PACKETS, drops={"broadcast": 2}) == [[b"\0", b"\3", b"\4"]]


def test_or_diverted():
    assert run_element("DropBroadcasts", push=PACKETS, outputs=2) == [[b"\0", b"\3", b"\4"], [b"\1", b"\2"]]


def test_drops_counts_both_ways():
    for outputs in (1, 2):
        with ElementHarness("DropBroadcasts", outputs=outputs) as harness:
            harness.push(0, PACKETS)
            assert harness.read("drops") == "2"

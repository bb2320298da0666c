"""IPGWOptions fills in routes and timestamps, and refuses every option that lies, saying where."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import checksum
from netos.testing.harness import START, ElementHarness, marked_ip, run_element
from netos.testing.ip_packets import ip_packet

MINE, OTHER = IPv4Address("18.26.4.9").packed, IPv4Address("18.26.7.9").packed
ARGUMENTS = ("18.26.4.9", "18.26.7.9 1.1.1.1")
PARAMETER = 17
NOW = (START // 10**6 % 86_400_000).to_bytes(4, "big")


def options_after(options):
    """The options of a packet after the element; its checksum must be right."""
    (after,), rejected = run_element("IPGWOptions", *ARGUMENTS, push=[marked_ip(ip_packet(b"x", options=options))],
                                     outputs=2)
    assert rejected == []
    header = 4 * (after[0] & 15)
    assert checksum(after[:header]) == 0
    return after[20:header]


GOOD = {
    "no options": (b"", b""),
    "record route": (bytes([7, 11, 4]) + bytes(8) + b"\0", bytes([7, 11, 8]) + MINE + bytes(4) + b"\0"),
    "record route, last place": (bytes([7, 7, 4]) + bytes(4) + b"\0", bytes([7, 7, 8]) + MINE + b"\0"),
    "record route, full": (bytes([7, 7, 8]) + b"abcd\0", bytes([7, 7, 8]) + b"abcd\0"),
    "behind padding": (b"\1" + bytes([7, 7, 4]) + bytes(4), b"\1" + bytes([7, 7, 8]) + MINE),
    "after the end": (b"\0" + bytes([7, 7, 4]) + bytes(4), b"\0" + bytes([7, 7, 4]) + bytes(4)),
    "time": (bytes([68, 8, 5, 0]) + bytes(4), bytes([68, 8, 9, 0]) + NOW),
    "time, full": (bytes([68, 8, 9, 0x20]) + b"abcd", bytes([68, 8, 9, 0x30]) + b"abcd"),
    "address and time": (bytes([68, 12, 5, 1]) + bytes(8), bytes([68, 12, 13, 1]) + MINE + NOW),
    "prespecified, mine": (bytes([68, 12, 5, 3]) + OTHER + bytes(4), bytes([68, 12, 13, 3]) + OTHER + NOW),
    "prespecified, another's": (bytes([68, 12, 5, 3]) + bytes(8), bytes([68, 12, 5, 3]) + bytes(8)),
    "prespecified, full": (bytes([68, 12, 13, 0xF3]) + bytes(8), bytes([68, 12, 13, 0xF3]) + bytes(8)),
    "router alert": (bytes([148, 4, 0, 0]), bytes([148, 4, 0, 0])),
    "loose source route": (bytes([131, 7, 4]) + b"abcd\0", bytes([131, 7, 4]) + b"abcd\0"),
    "unknown": (bytes([222, 4, 1, 2]), bytes([222, 4, 1, 2])),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_options(case):
    before, after = GOOD[case]
    # Runs that differ in batch width read the clock at other times, but within a millisecond
    assert options_after(before) == after


BAD = {
    "length 0": (bytes([222, 0, 0, 0]), 21),
    "length 1": (bytes([7, 1, 4, 0]), 21),
    "length past the end": (bytes([7, 9, 4, 0, 0, 0, 0, 0]), 21),
    "kind as the last byte": (bytes([1, 1, 1, 7]), 23),
    "route without pointer": (bytes([7, 2, 1, 1]), 21),
    "route pointer 0": (bytes([7, 7, 0, 0, 0, 0, 0, 0]), 22),
    "route pointer 3": (bytes([7, 7, 3, 0, 0, 0, 0, 0]), 22),
    "route pointer 255": (bytes([7, 7, 255, 0, 0, 0, 0, 0]), 22),
    "route with some room": (bytes([7, 8, 7, 0, 0, 0, 0, 0]), 22),
    "source route pointer 0": (bytes([137, 7, 0, 0, 0, 0, 0, 0]), 22),
    "time of length 3": (bytes([68, 3, 5, 0]), 21),
    "time pointer 0": (bytes([68, 8, 0, 0, 0, 0, 0, 0]), 22),
    "time pointer 4": (bytes([68, 8, 4, 0, 0, 0, 0, 0]), 22),
    "time with some room": (bytes([68, 8, 6, 0, 0, 0, 0, 0]), 22),
    "time and address with room for one": (bytes([68, 8, 5, 1, 0, 0, 0, 0]), 22),
    "time overflows": (bytes([68, 8, 9, 0xF0, 0, 0, 0, 0]), 23),
    "time of kind 2": (bytes([68, 8, 5, 2, 0, 0, 0, 0]), 23),
    "router alert of length 3": (bytes([148, 3, 0, 0]), 21),
    "second option": (bytes([7, 7, 4, 0, 0, 0, 0, 7, 2, 0, 0, 0]), 28),
}


@pytest.mark.parametrize("case", BAD)
def test_options_that_lie_leave_unchanged_with_the_place_of_the_lie(case):
    options, place = BAD[case]
    packet = ip_packet(b"data", options=options)
    good, bad = run_element("IPGWOptions", *ARGUMENTS, push=[marked_ip(packet)], outputs=2,
                            show=lambda packet: (bytes(packet), packet.annotation(PARAMETER, 1)[0]))
    assert (good, bad) == ([], [(packet, place)])
    run_element("IPGWOptions", *ARGUMENTS, push=[marked_ip(packet)], drops={"bad-option": 1})


def test_without_a_header_packets_are_dropped():
    run_element("IPGWOptions", "1.2.3.4", push=[b"", bytes(60)], drops={"not-ip": 2})


def test_a_header_cut_short_is_not_read():
    def cut(router):
        packet = marked_ip(ip_packet(options=bytes(40)))(router)
        packet.trim(30)
        return packet

    run_element("IPGWOptions", "1.2.3.4", push=[cut], drops={"not-ip": 1})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 16, 40, 68, 131, 137, 148, 255]), max_size=40))
def test_any_options_come_out_once_with_a_right_checksum(options):
    with ElementHarness("IPGWOptions", *ARGUMENTS, outputs=2) as harness:
        harness.push(0, [marked_ip(ip_packet(b"x" * 8, options=bytes(options)))])
        (after,) = harness.outputs[0] + harness.outputs[1]
    assert checksum(after[:4 * (after[0] & 15)]) == 0

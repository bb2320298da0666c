"""CheckIPHeader lets exactly the well-formed headers pass, marks them, and cuts off padding."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.checksum import checksum
from netos.errors import ConfigError
from netos.testing.harness import ElementHarness, run_element
from netos.testing.ip_packets import ip_packet

GOOD = ip_packet(b"payload")
NOP = b"\x01"

BAD = {
    "empty": (b"", "truncated", "tiny packet"),
    "nineteen bytes": (GOOD[:19], "truncated", "tiny packet"),
    "version 5": (ip_packet(b"x", version=5), "bad-version", "bad IP version"),
    "version 6": (ip_packet(b"x" * 40, version=6), "bad-version", "bad IP version"),
    **{f"IHL {words}": (ip_packet(b"x", words=words), "bad-header-length", "bad IP header length")
       for words in range(5)},
    "IHL 15 in a short frame": (ip_packet(b"x" * 10, words=15), "bad-length", "bad IP length"),
    "length 0": (ip_packet(b"x", length=0), "bad-length", "bad IP length"),
    "length below the header": (ip_packet(b"x", options=NOP * 8, length=27), "bad-length", "bad IP length"),
    "length past the frame": (ip_packet(b"x", length=22), "bad-length", "bad IP length"),
    "checksum": (ip_packet(b"x", check=0), "bad-checksum", "bad IP checksum"),
    "checksum with options": (ip_packet(b"x", check=0, options=NOP * 4), "bad-checksum", "bad IP checksum"),
    "all zero": (bytes(40), "bad-version", "bad IP version"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_headers_are_refused_by_name(case):
    packet, drop, reason = BAD[case]
    run_element("CheckIPHeader", push=[packet, GOOD], drops={drop: 1})
    assert run_element("CheckIPHeader", push=[packet, GOOD], outputs=2) == [[GOOD], [packet]]
    with ElementHarness("CheckIPHeader", "DETAILS true") as harness:
        harness.push(0, [packet, packet])
        assert harness.read("drops") == "2"
        assert f"2\t{reason}\n" in harness.read("drop_details")


def mark(packet):
    return bytes(packet), packet.network_header, packet.transport_header, packet.destination


def test_good_headers_are_marked_and_their_padding_is_cut():
    options = ip_packet(b"data", options=NOP * 8)
    shown = run_element("CheckIPHeader", push=[GOOD + b"padding", options + b"p", options], show=mark)
    assert shown == [[(GOOD, 0, 20, bytes([10, 0, 0, 2])), *[(options, 0, 28, bytes([10, 0, 0, 2]))] * 2]]


@pytest.mark.parametrize("arguments", [("14",), ("OFFSET 14",), ("18.26.4.255 2.255.255.255", "14")])
def test_the_header_may_lie_behind_others(arguments):
    frame = b"e" * 14 + GOOD
    shown = run_element("CheckIPHeader", *arguments, push=[frame + b"pad", frame[:33]], outputs=2, show=mark)
    assert shown == [[(frame, 14, 34, bytes([10, 0, 0, 2]))], [(frame[:33], None, None, bytes(4))]]


def test_an_offset_beyond_the_packet_reads_nothing():
    run_element("CheckIPHeader", "65535", push=[GOOD, b""], drops={"truncated": 2})


def test_bad_sources_are_refused_unless_the_destination_is_good():
    bad = ip_packet(source="18.26.4.255")
    excused = ip_packet(source="18.26.4.255", destination="18.26.4.9")
    assert run_element("CheckIPHeader", "INTERFACES 18.26.4.9/24 1.0.0.1/8", push=[bad, excused, GOOD], outputs=2,
                       drops={}) == [[excused, GOOD], [bad]]
    run_element("CheckIPHeader", "18.26.4.255", push=[bad, excused, GOOD], drops={"bad-source": 2})
    run_element("CheckIPHeader", "BADSRC 1.1.1.1 18.26.4.255, GOODDST 18.26.4.9", push=[bad, excused, GOOD],
                drops={"bad-source": 1})


def test_checksum_false_takes_any_sum_but_no_other_fault():
    wrong = ip_packet(b"x", check=1)
    assert run_element("CheckIPHeader", "CHECKSUM false", push=[wrong, ip_packet(words=4)],
                       drops={"bad-header-length": 1}) == [[wrong]]


def test_the_first_bad_packet_of_a_kind_is_logged_and_all_if_verbose(caplog):
    for arguments, times in (((), 1), (("VERBOSE true",), 3)):
        caplog.clear()
        with ElementHarness("CheckIPHeader", *arguments) as harness:
            harness.push(0, [b"short"] * 3)
        assert [record.getMessage() for record in caplog.records] == ["x: IP header check failed: tiny packet"] * times


def test_nonsense_arguments_are_refused():
    for arguments in (("x",), ("BADSRC 1.2.3",), ("INTERFACES 1.2.3.4/33",), ("OFFSET -1",)):
        with pytest.raises(ConfigError):
            ElementHarness("CheckIPHeader", *arguments)


def obviously_good(data):
    """The checks, done slowly."""
    return (len(data) >= 20 and data[0] >> 4 == 4 and (words := data[0] & 15) >= 5
            and 4 * words <= int.from_bytes(data[2:4], "big") <= len(data) and checksum(data[:4 * words]) == 0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_agrees_with_the_obvious_checks_on_mutilated_packets(data):
    packet = bytearray(ip_packet(data.draw(st.binary(max_size=24)), options=NOP * 4 * data.draw(st.integers(0, 3)),
                                 length=data.draw(st.one_of(st.none(), st.integers(0, 60)))))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(packet) - 1), st.integers(0, 255)), max_size=2)):
        packet[at] = value
    packet = bytes(packet[:data.draw(st.integers(0, 60))])
    good, bad = run_element("CheckIPHeader", push=[packet], outputs=2)
    assert good == ([packet[:int.from_bytes(packet[2:4], "big")]] if obviously_good(packet) else [])
    assert len(good) + len(bad) == 1

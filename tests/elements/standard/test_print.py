"""Print writes Click's lines, whole, to standard error."""

import pytest

from netos.errors import ConfigError
from netos.router import Router
from netos.testing.harness import START, ElementHarness


def printed(capfd, *arguments, push=(b"\x00\x01abc\xff~ ABCDEFGHIJKLMNOPQRSTUVWXYZ",), **options):
    with ElementHarness("Print", *arguments, **options) as harness:
        harness.push(0, list(push))
        assert len(harness.outputs[0]) == len(push)
    return capfd.readouterr().err


def test_label_length_and_the_first_24_bytes_in_fours(capfd):
    assert printed(capfd, "in") == "in:   34 | 00016162 63ff7e20 41424344 45464748 494a4b4c 4d4e4f50\n"


def test_no_label(capfd):
    assert printed(capfd, push=[b"abcde"]) == "   5 | 61626364 65\n"


@pytest.mark.parametrize(("arguments", "shown"), [
    (('""', "3"), "  34 | 000161\n"),
    (('""', "0"), "  34 | \n"),
    (('""', "-1"), "  34 | 00016162 63ff7e20 41424344 45464748 494a4b4c 4d4e4f50 51525354 55565758 595a\n"),
    (("NBYTES 2",), "  34 | 0001\n"),
    (("LENGTH 2",), "  34 | 0001\n"),
    (("MAXLENGTH 20", "CONTENTS ASCII"), "  34 | ..abc.~  ABCDEFGH IJKL\n"),
    (("CONTENTS none",), "  34 | \n"),
    (("x", "1", "HEADROOM true"), "x: (h64 t1950)   34 | 00\n"),
    (("x", "1", "CPU true"), "(0)x:   34 | 00\n"),
    (("x", "1", "ACTIVE false"), ""),
])
def test_options(capfd, arguments, shown):
    assert printed(capfd, *arguments) == shown


def test_timestamp_and_annotations(capfd):
    def make(router):
        packet = router.packet(b"ab")
        packet.timestamp = START + 5
        packet.paint = 0xAB
        return packet

    annotations = "00" * 16 + "ab" + "00" * 31
    assert printed(capfd, "TIMESTAMP true", "PRINTANNO true", push=[make]) == (
        f"1000000000.000000005:    2 | {annotations} | 6162\n")


def test_a_packet_of_the_largest_size_is_shown_whole(capfd):
    assert printed(capfd, '""', "-1", push=[b"\xee" * 65535]) == "65535 | " + " ".join(
        ["eeeeeeee"] * 16383) + " eeeeee\n"


def test_active_is_a_handler(capfd):
    with ElementHarness("Print", "x", "ACTIVE false") as harness:
        harness.push(0, [b"1"])
        harness.write("active", "true")
        assert harness.read("active") == "true"
        harness.push(0, [b"2"])
    assert capfd.readouterr().err == "x:    1 | 32\n"


def test_bad_contents_are_refused_in_clicks_words():
    with pytest.raises(ConfigError, match="bad contents value 'octal'; should be 'NONE', 'HEX', or 'ASCII'"):
        ElementHarness("Print", "CONTENTS octal")


def lines(capfd, text, seconds=1):
    with Router.from_text(text, simulated=START) as router:
        router.cpu.advance(START + seconds * 10**9)
        router.close()
        assert router.cpu.balance["held"] == 0
    return [line.partition(":")[0] for line in capfd.readouterr().err.splitlines()]


def test_order_under_tee_is_clicks(capfd):
    """A burst of three crosses the whole graph packet by packet."""
    assert lines(capfd, """InfiniteSource(LIMIT 3, BURST 3) -> t :: Tee -> Print(a, 0) -> Discard;
                           t [1] -> Print(b, 0) -> Discard""") == ["a", "b"] * 3


def test_order_under_a_sorting_element_is_clicks(capfd):
    assert lines(capfd, """InfiniteSource(LIMIT 6, BURST 6) -> r :: RoundRobinSwitch -> Paint(1) -> p :: PaintSwitch;
                           r [1] -> Paint(0) -> p; r [2] -> Paint(255) -> p;
                           p -> Print(zero, 0) -> Discard; p [1] -> Print(one, 0) -> Discard"""
                 ) == ["one", "zero", "zero", "one"] * 2


def test_order_under_a_classifier_is_clicks(capfd):
    assert lines(capfd, """InfiniteSource(ab, 4, 4) -> r :: RoundRobinSwitch -> c :: Classifier(0/61, -);
                           r [1] -> Strip(1) -> c; c -> Print(a, 0) -> Discard; c [1] -> Print(other, 0) -> Discard"""
                 ) == ["a", "other"] * 2


def test_order_through_a_pulled_tee_and_a_paint_tee_is_clicks(capfd):
    assert lines(capfd, """InfiniteSource(LIMIT 2, BURST 2) -> Paint(3) -> Queue -> u :: PaintTee(3) -> p :: PullTee
                           -> Unqueue(2) -> Print(last, 0) -> Discard;
                           p [1] -> Print(copy, 0) -> Discard; u [1] -> Print(painted, 0) -> Discard"""
                 ) == ["painted", "copy", "last"] * 2

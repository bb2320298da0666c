"""Paint, CheckPaint, PaintTee and PaintSwitch: colours are set, told apart and never mixed up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.errors import ConfigError
from netos.testing.harness import ElementHarness, run_element


def painted(colour, data=b"x", offset=16):
    def make(router):
        packet = router.packet(data)
        packet.set_annotation(offset, bytes([colour]))
        return packet
    return make


def paint_of(packet):
    return packet.paint


def test_paint_sets_the_annotation():
    assert run_element("Paint", "7", push=[b"a", painted(9)], show=paint_of) == [[7, 7]]


def test_paint_another_byte():
    assert run_element("Paint", "0xFF", "ANNO 20", push=[b"a"],
                       show=lambda packet: packet.annotation(16, 6)) == [[b"\0\0\0\0\xff\0"]]


@pytest.mark.parametrize("arguments", [("256",), ("-1",), ("1", "48"), ("1", "DST_IP"), ()])
def test_paint_refuses(arguments):
    with pytest.raises(ConfigError):
        ElementHarness("Paint", *arguments)


@pytest.mark.parametrize("name", ["Paint", "CheckPaint", "PaintTee"])
def test_color_is_a_handler(name):
    with ElementHarness(name, "3") as harness:
        harness.write("color", "5")
        assert harness.read("color") == "5"


def test_check_paint_drops_or_diverts():
    packets = [painted(1, b"a"), painted(2, b"b"), painted(1, b"c")]
    assert run_element("CheckPaint", "1", push=packets, drops={"unmatched-paint": 1}) == [[b"a", b"c"]]
    assert run_element("CheckPaint", "1", push=packets, outputs=2, drops={}) == [[b"a", b"c"], [b"b"]]


def test_paint_tee_copies_one_colour():
    packets = [painted(1, b"a"), painted(2, b"b"), painted(1, b"c")]
    assert run_element("PaintTee", "1", push=packets) == [[b"a", b"b", b"c"], [b"a", b"c"]]


def test_paint_switch_sorts_and_drops():
    packets = [painted(0, b"a"), painted(1, b"b"), painted(2, b"c"), painted(0, b"d")]
    assert run_element("PaintSwitch", push=packets, outputs=2, drops={"unmatched-paint": 1}) == [[b"a", b"d"], [b"b"]]


def test_paint_switch_copies_colour_255_to_all_in_order():
    packets = [painted(0, b"a"), painted(255, b"b"), painted(1, b"c"), painted(0, b"d")]
    assert run_element("PaintSwitch", push=packets, outputs=2) == [[b"a", b"b", b"d"], [b"b", b"c"]]


@given(st.lists(st.integers(0, 255), max_size=40), st.integers(1, 4))
def test_paint_switch_keeps_the_order_of_each_output(colours, outputs):
    expected = [[number for number, colour in enumerate(colours) if colour in (output, 255)]
                for output in range(outputs)]
    packets = [painted(colour, number.to_bytes(2, "big")) for number, colour in enumerate(colours)]
    assert run_element("PaintSwitch", push=packets, outputs=outputs,
                       show=lambda packet: int.from_bytes(bytes(packet), "big")) == expected


def test_paint_switch_by_another_byte():
    assert run_element("PaintSwitch", "ANNO 20", push=[painted(1, b"a", offset=20)], outputs=2) == [[], [b"a"]]

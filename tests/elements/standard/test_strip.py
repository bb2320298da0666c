"""Strip, Unstrip and Truncate move the ends of packets and lose none."""

from hypothesis import given
from hypothesis import strategies as st

from netos.testing.harness import ElementHarness, run_element


def test_strip_takes_bytes_off_the_front():
    assert run_element("Strip", "3", push=[b"abcdef", b"xyz"]) == [[b"def", b""]]


def test_strip_leaves_an_empty_packet_of_a_short_one():
    assert run_element("Strip", "14", push=[b"short"]) == [[b""]]


@given(st.binary(max_size=64), st.integers(0, 80))
def test_strip_is_a_slice(data, length):
    assert run_element("Strip", str(length), push=[data]) == [[data[length:]]]


def stripped(data, count):
    def make(router):
        packet = router.packet(data)
        packet.strip(count)
        return packet
    return make


def test_unstrip_brings_back_what_strip_took():
    assert run_element("Unstrip", "4", push=[stripped(b"headrest", 4)]) == [[b"headrest"]]


def test_unstrip_of_a_clone_does_not_lose_the_stripped_bytes():
    with ElementHarness("Unstrip", "4") as harness:
        packet = harness.router.packet(b"headrest")
        packet.strip(4)
        clone = packet.clone()
        harness.element.push(0, [packet])
        assert harness.outputs == [[b"headrest"]]
        assert bytes(clone) == b"rest"
        clone.kill()


def test_unstrip_beyond_the_headroom_gives_zeros_in_front():
    def show(packet):               # the ten bytes of old headroom are whatever an earlier packet left there
        return len(packet), bytes(packet)[:90], bytes(packet)[100:]

    out = run_element("Unstrip", "100", push=[lambda router: router.packet(b"data", headroom=10)], show=show)
    assert out == [[(104, bytes(90), b"data")]]


def test_truncate_cuts_and_says_how_much():
    def show(packet):
        return bytes(packet), int.from_bytes(packet.annotation(28, 4), "little")

    packets = [b"abcdef", b"abc"]
    assert run_element("Truncate", "4", push=packets, show=show) == [[(b"abcd", 2), (b"abc", 0)]]
    assert run_element("Truncate", "4", "EXTRA_LENGTH false", push=packets, show=show) == [[(b"abcd", 0), (b"abc", 0)]]


def test_truncate_twice_adds_the_extra_lengths_up():
    def truncated(router):
        packet = router.packet(b"abcdef")
        packet.set_annotation(28, (7).to_bytes(4, "little"))
        return packet

    assert run_element("Truncate", "1", push=[truncated],
                       show=lambda packet: int.from_bytes(packet.annotation(28, 4), "little")) == [[12]]


def test_truncate_length_is_a_handler():
    with ElementHarness("Truncate", "4") as harness:
        assert harness.read("nbytes") == "4"
        harness.write("nbytes", "2")
        harness.push(0, [b"abcdef"])
        assert harness.outputs == [[b"ab"]]

"""EtherSwitch learns where stations are, floods what it does not know, and never sends a frame back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.errors import ConfigError
from netos.testing.arp import ETHER_BROADCAST, station
from netos.testing.harness import ElementHarness

MULTICAST = bytes.fromhex("01005e000001")
WIDTHS = (1, 7, 256)


def frame(destination: bytes, source: bytes, data: bytes = b"") -> bytes:
    return destination + source + b"\x08\x00" + data


def switch(*arguments: str, ports: int = 3, width: int = 256) -> ElementHarness:
    return ElementHarness("EtherSwitch", *arguments, inputs=ports, outputs=ports, width=width)


def test_unknown_destinations_are_flooded_and_known_ones_are_not() -> None:
    with switch() as harness:
        first, back, again = (frame(station(2), station(1)), frame(station(1), station(2)),
                              frame(station(2), station(1), b"again"))
        harness.push(0, [first])
        assert harness.outputs == [[], [first], [first]]
        harness.push(2, [back])
        harness.push(0, [again])
        assert harness.outputs == [[back], [first], [first, again]]
        assert harness.read("table") == "02-00-00-00-00-01 0\n02-00-00-00-00-02 2\n"


@pytest.mark.parametrize("destination", [ETHER_BROADCAST, MULTICAST])
def test_groups_are_flooded_to_all_but_the_source(destination: bytes) -> None:
    with switch(ports=4) as harness:
        for port in range(4):
            harness.push(port, [frame(destination, station(port))])
        assert harness.outputs == [[frame(destination, station(source)) for source in range(4) if source != port]
                                   for port in range(4)]


def test_a_frame_for_its_own_side_is_filtered() -> None:
    with switch() as harness:
        harness.push(0, [frame(ETHER_BROADCAST, station(1)), frame(ETHER_BROADCAST, station(2)),
                         frame(station(1), station(2))])
        assert harness.outputs[0] == []
        assert len(harness.outputs[1]) == 2
        assert harness.drops == {"filtered": 1}


def test_a_station_that_moves_is_found_at_its_new_place() -> None:
    with switch() as harness:
        harness.push(1, [frame(ETHER_BROADCAST, station(1))])
        harness.push(2, [frame(ETHER_BROADCAST, station(1), b"moved")])
        harness.push(0, [frame(station(1), station(9))])
        assert harness.outputs[2][-1] == frame(station(1), station(9))
        assert frame(station(1), station(9)) not in harness.outputs[1]


def test_groups_and_nobody_are_not_learnt() -> None:
    with switch() as harness:
        harness.push(1, [frame(station(5), MULTICAST), frame(station(5), ETHER_BROADCAST), frame(station(5), bytes(6))])
        assert harness.read("table") == ""
        harness.push(0, [frame(MULTICAST, station(1)), frame(bytes(6), station(1))])
        assert [len(frames) for frames in harness.outputs] == [3, 2, 5]


def test_runts_are_dropped_and_teach_nothing() -> None:
    with switch() as harness:
        harness.push(0, [frame(ETHER_BROADCAST, station(1))[:length] for length in (0, 6, 13)])
        assert (harness.outputs, harness.drops, harness.read("table")) == ([[], [], []], {"truncated": 3}, "")
        harness.push(0, [frame(ETHER_BROADCAST, station(1))])
        assert [len(frames) for frames in harness.outputs] == [0, 1, 1]


def test_silent_stations_are_forgotten() -> None:
    with switch("TIMEOUT 10") as harness:
        harness.push(1, [frame(ETHER_BROADCAST, station(1))])
        harness.advance(9)
        harness.push(0, [frame(station(1), station(2))])
        assert [len(frames) for frames in harness.outputs] == [1, 1, 1]
        harness.advance(1)
        assert harness.read("table") == "02-00-00-00-00-02 0\n"
        harness.push(0, [frame(station(1), station(2))])
        assert [len(frames) for frames in harness.outputs] == [1, 2, 2]


def test_timeout_0_makes_a_hub() -> None:
    with switch("TIMEOUT 0") as harness:
        harness.push(1, [frame(ETHER_BROADCAST, station(1))])
        harness.push(0, [frame(station(1), station(2))])
        assert [len(frames) for frames in harness.outputs] == [1, 1, 2]
        assert harness.read("timeout") == "0"
        harness.write("timeout", "1 min")
        assert harness.read("timeout") == "60"


def test_copies_of_a_flood_are_independent() -> None:
    with ElementHarness("EtherSwitch", inputs=3, outputs=3, show=lambda packet: packet) as harness:
        kept: list[object] = []
        for port in range(3):
            harness.router[f"out{port}"].show = lambda packet: kept.append(packet.clone()) or b""  # type: ignore[func-returns-value]
        harness.push(0, [frame(ETHER_BROADCAST, station(1), b"data")])
        with memoryview(kept[0]) as view:  # type: ignore[arg-type]
            view[0:6] = bytes(6)
        assert bytes(kept[1]) == frame(ETHER_BROADCAST, station(1), b"data")  # type: ignore[call-overload]
        for packet in kept:
            packet.kill()  # type: ignore[attr-defined]


def test_the_table_is_bounded() -> None:
    with switch(ports=2) as harness:
        for start in range(0, 40960, 256):
            harness.push(0, [frame(ETHER_BROADCAST, b"\x02" + number.to_bytes(5, "big"))
                             for number in range(start, start + 256)])
        count = len(harness.read("table").splitlines())
        assert 12000 < count <= 16384
        recent = frame(b"\x02" + (40959).to_bytes(5, "big"), station(1))
        harness.push(1, [recent])
        assert harness.outputs[0] == [recent]


def test_the_number_of_outputs_must_be_that_of_inputs() -> None:
    with pytest.raises(ConfigError):
        ElementHarness("EtherSwitch", inputs=3, outputs=2)


STATIONS = st.sampled_from([*(station(number) for number in range(5)), ETHER_BROADCAST, MULTICAST])
BURSTS = st.lists(st.tuples(st.integers(0, 2), st.lists(st.tuples(STATIONS, STATIONS), max_size=12)), max_size=8)


@settings(max_examples=50, deadline=None)
@given(BURSTS)
def test_any_traffic_goes_where_a_dictionary_says_in_order_at_every_width(
        bursts: list[tuple[int, list[tuple[bytes, bytes]]]]) -> None:
    expected: list[list[bytes]] = [[], [], []]
    known: dict[bytes, int] = {}
    serial = 0
    traffic: list[tuple[int, list[bytes]]] = []
    for port, pairs in bursts:
        frames = []
        for destination, source in pairs:
            data = frame(destination, source, serial.to_bytes(2, "big"))
            serial += 1
            frames.append(data)
            if not source[0] & 1:
                known[source] = port
            to = [known[destination]] if destination in known else [0, 1, 2]
            for output in to:
                if output != port:
                    expected[output].append(data)
        traffic.append((port, frames))
    for width in WIDTHS:
        with switch(width=width) as harness:
            for port, frames in traffic:
                harness.push(port, frames)
            assert harness.outputs == expected

"""A memory device carries frames in order, holds at most its capacity, and wakes who waits."""

import select

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.drivers.memory import Offload, ends, memory_pair


def readable(descriptor):
    return bool(select.select([descriptor], [], [], 0)[0])


def test_frames_arrive_in_order_both_ways():
    left, right = memory_pair("left", "right")
    frames = [bytes([number]) * (60 + number) for number in range(20)]
    for frame in frames:
        assert left.send(frame)
        assert right.send(frame[::-1] + b"x")
    assert right.receive() == frames
    assert left.receive() == [frame[::-1] + b"x" for frame in frames]


def test_a_full_ring_refuses_and_counts_nothing():
    left, right = memory_pair("left", "right", 3)
    assert [left.send(b"%d" % number) for number in range(5)] == [True, True, True, False, False]
    assert (left.tx_packets, right.pending) == (3, 3)
    assert right.receive(1) == [b"0"]
    assert left.send(b"5")
    assert right.receive() == [b"1", b"2", b"5"]


def test_the_descriptor_is_readable_exactly_while_frames_wait():
    left, right = memory_pair("left", "right")
    assert not readable(right.fileno())
    left.send(b"one")
    left.send(b"two")
    assert readable(right.fileno())
    assert not readable(left.fileno())
    right.receive(1)
    assert readable(right.fileno())
    right.receive()
    assert not readable(right.fileno())
    left.send(b"three")
    assert readable(right.fileno())


def test_the_largest_frame_and_the_empty_one_pass():
    left, right = memory_pair("left", "right")
    assert left.send(b"")
    assert left.send(b"\xa5" * 65550)
    assert right.receive() == [b"", b"\xa5" * 65550]


def test_offloads_travel_relative_to_the_frame():
    left, right = memory_pair("left", "right", offload=True)
    offload = Offload(1, 1, 1448, 34, 16, 66)
    left.send(bytes(5000), offload=offload)
    assert right.receive(offloads=True) == [(bytes(5000), offload)]


def test_a_device_without_offloads_refuses_them():
    left, _ = memory_pair("left", "right")
    with pytest.raises(ValueError, match="offload=True"):
        left.send(bytes(100), offload=Offload(1))


def test_a_closed_end_brings_and_takes_nothing_until_it_is_opened():
    left, right = memory_pair("left", "right")
    left.send(b"before")
    right.close()
    assert right.receive() == []
    right.open()
    assert right.receive() == [b"before"]


def test_ends_are_found_by_name_for_as_long_as_somebody_holds_them():
    left, _right = memory_pair("nt-left", "nt-right")
    assert ends["nt-left"] is left
    del left, _right
    assert "nt-left" not in ends


@given(st.integers(1, 9), st.lists(st.one_of(st.binary(max_size=80), st.integers(1, 5)), max_size=60))
def test_it_is_a_bounded_queue(capacity, steps):
    """Against a list: bytes are sent, numbers are how many to receive."""
    left, right = memory_pair("left", "right", capacity)
    model = []
    for step in steps:
        if isinstance(step, bytes):
            assert left.send(step) == (len(model) < capacity)
            if len(model) < capacity:
                model.append(step)
        else:
            assert right.receive(step) == model[:step]
            del model[:step]
        assert readable(right.fileno()) == bool(model)
    assert right.receive() == model

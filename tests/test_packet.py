"""Packets in Python's hands: their bytes, their clones, their headers, their handles, and that none is ever lost."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.kernel.vcpu import VirtualCpu
from netos.packet import drop_reason
from netos.packet_handle import Packet


@pytest.fixture
def cpu() -> VirtualCpu:
    return VirtualCpu(0)


def test_a_packet_is_its_bytes(cpu: VirtualCpu) -> None:
    packet = cpu.packet(b"hello")
    assert (len(packet), bytes(packet), bytes(memoryview(packet)), packet.alive) == (5, b"hello", b"hello", True)
    with memoryview(packet) as view:
        view[0:1] = b"j"
    assert bytes(packet) == b"jello"
    assert bytes(cpu.packet()) == b""


def test_packets_are_made_by_a_virtual_cpu_alone() -> None:
    with pytest.raises(TypeError, match="packet"):
        Packet()


@pytest.mark.parametrize("length", [0, 1, 1984, 1985, 65535])
def test_a_packet_may_have_any_length_that_ip_has(cpu: VirtualCpu, length: int) -> None:
    data = bytes(number & 255 for number in range(length))
    packet = cpu.packet(data)
    packet.prepend(b"0123456789abcd")
    packet.append(b"tail")
    assert bytes(packet) == b"0123456789abcd" + data + b"tail"


def test_more_than_a_buffer_holds_is_refused(cpu: VirtualCpu) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        cpu.packet(bytes(70000))
    packet = cpu.packet(bytes(65000))
    with pytest.raises(MemoryError, match="no buffer"):
        packet.append(bytes(10000))
    with pytest.raises(MemoryError, match="no buffer"):
        packet.prepend(bytes(10000))
    assert bytes(packet) == bytes(65000)


# Clones

def test_writing_to_a_clone_leaves_the_other_alone(cpu: VirtualCpu) -> None:
    original = cpu.packet(b"original")
    copy = original.clone()
    with memoryview(copy) as view:
        view[:4] = b"ORIG"
    assert (bytes(original), bytes(copy)) == (b"original", b"ORIGinal")
    with memoryview(original) as view:
        view[4:] = b"INAL"
    assert (bytes(original), bytes(copy)) == (b"origINAL", b"ORIGinal")


@pytest.mark.parametrize("change", [lambda packet: packet.prepend(b"x"), lambda packet: packet.append(b"x"),
                                    lambda packet: memoryview(packet)[:].release()])
def test_every_change_of_a_clone_is_its_own(cpu: VirtualCpu, change: Any) -> None:
    original = cpu.packet(b"data")
    copies = [original.clone() for _ in range(3)]
    for copy in copies:
        change(copy)
    assert bytes(original) == b"data"
    assert len({bytes(copy) for copy in copies}) == 1


def test_the_last_owner_of_a_buffer_writes_without_a_copy(cpu: VirtualCpu) -> None:
    original = cpu.packet(b"data")
    copy = original.clone()
    with memoryview(copy) as view:
        view[0:1] = b"D"
    copy.kill()
    created = cpu.balance["created"]
    with memoryview(original) as view:
        view[0:1] = b"d"
    assert cpu.balance["created"] == created == 2


def test_a_clone_has_the_annotations_of_its_moment(cpu: VirtualCpu) -> None:
    original = cpu.packet(b"data")
    original.paint, original.destination, original.timestamp = 3, b"\x0a\0\0\1", 99
    copy = original.clone()
    original.paint = 4
    assert (copy.paint, copy.destination, copy.timestamp) == (3, b"\x0a\0\0\1", 99)


# Headers and annotations

def test_a_prepend_beyond_the_headroom_moves_the_buffer_and_keeps_header_offsets(cpu: VirtualCpu) -> None:
    packet = cpu.packet(bytes(range(60)), 8)
    packet.set_network_header(10, 20)
    packet.prepend(b"x" * 100)
    assert (packet.network_header, packet.transport_header) == (110, 130)
    assert bytes(packet) == b"x" * 100 + bytes(range(60))


def test_what_was_stripped_survives_a_move(cpu: VirtualCpu) -> None:
    """Unstrip, ICMPError and others look at headers in front of the packet's first byte."""
    packet = cpu.packet(bytes(range(200)), 300)
    packet.set_network_header(0, 20)
    packet.strip(150)
    copy = packet.clone()
    copy.prepend(b"abcd")
    assert (packet.network_header, packet.headroom) == (-150, 450)
    assert (copy.network_header, copy.headroom) == (-146, 446), "the header lies in front of the buffer"
    assert bytes(copy) == b"abcd" + bytes(range(150, 200))


def test_header_offsets_are_refused_outside_the_packet(cpu: VirtualCpu) -> None:
    packet = cpu.packet(bytes(20))
    assert (packet.network_header, packet.transport_header) == (None, None)
    for offset, length in ((1, 20), (-1, 20), (0, -1), (21, 0)):
        with pytest.raises(ValueError):
            packet.set_network_header(offset, length)


def test_annotations_have_click_s_offsets_and_bounds(cpu: VirtualCpu) -> None:
    packet = cpu.packet()
    assert packet.annotation(0, 48) == bytes(48)
    packet.paint = 255
    packet.destination = b"\1\2\3\4"
    assert packet.annotation(0, 48) == b"\1\2\3\4" + bytes(12) + b"\xff" + bytes(31)
    packet.set_annotation(40, b"12345678")
    assert packet.annotation(40, 8) == b"12345678"
    for offset, size in ((48, 1), (41, 8), (0, 49), (2**32 - 1, 1)):
        with pytest.raises(ValueError):
            packet.annotation(offset, size)
    with pytest.raises(ValueError):
        packet.set_annotation(47, b"ab")


def test_offload_fields_move_with_the_bytes(cpu: VirtualCpu) -> None:
    packet = cpu.packet(bytes(100), 0)
    packet.offload = (1, 1, 1448, 34, 16, 54)
    packet.prepend(bytes(40))
    assert packet.offload == (1, 1, 1448, 74, 16, 54)


# Handles

REFUSED = [lambda packet: packet.strip(1), lambda packet: packet.trim(1), lambda packet: packet.prepend(b"x"),
           lambda packet: packet.append(b"x"), lambda packet: packet.clone(), lambda packet: packet.kill()]


@pytest.mark.parametrize("action", REFUSED)
def test_a_live_memoryview_forbids_what_would_move_the_bytes(cpu: VirtualCpu, action: Any) -> None:
    packet = cpu.packet(b"data")
    view = memoryview(packet)
    with pytest.raises(BufferError, match="memoryviews"):
        action(packet)
    assert bytes(view) == b"data"
    view.release()
    action(packet)


@pytest.mark.parametrize("action", [*REFUSED, bytes, len, memoryview, lambda packet: packet.paint])
def test_a_dead_handle_says_so(cpu: VirtualCpu, action: Any) -> None:
    packet = cpu.packet(b"data")
    packet.kill()
    assert not packet.alive
    with pytest.raises((RuntimeError, BufferError), match="gone"):
        action(packet)


def test_a_forgotten_handle_counts_as_dropped(cpu: VirtualCpu) -> None:
    packet = cpu.packet(b"data")
    view = memoryview(packet)
    del packet
    assert cpu.balance["held"] == 1, "the view keeps the packet"
    assert bytes(view) == b"data"
    del view
    gc.collect()
    assert (cpu.balance["held"], cpu.balance["dropped"]) == (0, 1)


def test_a_packet_outlives_the_last_reference_to_its_virtual_cpu() -> None:
    packet = VirtualCpu(0).packet(b"data")
    gc.collect()
    assert bytes(packet) == b"data"
    packet.kill()


def test_strip_and_trim_stop_at_the_length(cpu: VirtualCpu) -> None:
    packet = cpu.packet(b"data")
    for cut in (packet.strip, packet.trim):
        with pytest.raises(ValueError, match="cannot"):
            cut(5)
        with pytest.raises(OverflowError):
            cut(-1)
    packet.strip(1)
    packet.trim(1)
    assert bytes(packet) == b"at"
    packet.strip(2)
    assert bytes(packet) == b""


def test_a_packet_of_another_virtual_cpu_changes_sides(cpu: VirtualCpu) -> None:
    other = VirtualCpu(0)
    packet = other.packet(b"data")
    cpu.adopt(packet)
    packet.kill()
    assert (other.balance["sent"], other.balance["held"]) == (1, 0)
    assert (cpu.balance["received"], cpu.balance["consumed"], cpu.balance["held"]) == (1, 1, 0)


def test_nothing_is_not_adopted(cpu: VirtualCpu) -> None:
    with pytest.raises(TypeError):
        cpu.adopt(None)


def test_drop_reasons_have_one_number_each() -> None:
    assert drop_reason("none") == 0
    assert drop_reason("no-neighbour") == drop_reason("no-neighbour")
    assert drop_reason("test-only") >= 48
    assert drop_reason("test-only") == drop_reason("test-only")


# Everything at once, against a model

STEPS = st.lists(st.one_of(
    st.tuples(st.just("prepend"), st.integers(0, 7), st.binary(max_size=90)),
    st.tuples(st.just("append"), st.integers(0, 7), st.binary(max_size=90)),
    st.tuples(st.just("strip"), st.integers(0, 7), st.integers(0, 60)),
    st.tuples(st.just("trim"), st.integers(0, 7), st.integers(0, 60)),
    st.tuples(st.just("write"), st.integers(0, 7), st.integers(0, 60)),
    st.tuples(st.just("clone"), st.integers(0, 7), st.none()),
    st.tuples(st.just("kill"), st.integers(0, 7), st.none()),
), max_size=40)


class Model:
    """A packet as it should be: bytes, and where its marked header is in them."""

    def __init__(self, data: bytes, header: int) -> None:
        self.data, self.header = data, header


@given(st.integers(20, 2500), st.integers(0, 100), STEPS)
def test_packets_behave_as_byte_strings_do(size: int, headroom: int, steps: list[tuple[str, int, Any]]) -> None:
    cpu = VirtualCpu(0)
    first = cpu.packet(bytes(number & 255 for number in range(size)), headroom)
    first.set_network_header(4, 8)
    pairs = [(first, Model(bytes(first), 4))]
    for action, number, value in steps:
        if not pairs:
            break
        packet, model = pairs[number % len(pairs)]
        if action == "prepend":
            packet.prepend(value)
            model.data, model.header = value + model.data, model.header + len(value)
        elif action == "append":
            packet.append(value)
            model.data += value
        elif action == "clone":
            pairs.append((packet.clone(), Model(model.data, model.header)))
        elif action == "kill":
            packet.kill()
            del pairs[number % len(pairs)]
        else:
            value = min(value, len(model.data))
            if action == "strip":
                packet.strip(value)
                model.data, model.header = model.data[value:], model.header - value
            elif action == "trim":
                packet.trim(value)
                model.data = model.data[:len(model.data) - value]
            else:
                with memoryview(packet) as view:
                    view[:value] = b"w" * value
                model.data = b"w" * value + model.data[value:]
    for packet, model in pairs:
        assert bytes(packet) == model.data
        assert (packet.network_header, packet.transport_header) == (model.header, model.header + 8)
        packet.kill()
    assert cpu.balance["held"] == 0
    assert cpu.balance["dropped"] == 0


def test_a_packet_in_a_cycle_of_garbage_is_counted_by_a_virtual_cpu_that_is_still_there():
    """The collector may clear the cycle in any order; a handle must not outlive what counts its packet."""
    from netos.kernel.memory import arena

    class Holder:
        """One end of a cycle."""

    gc.collect()
    before = arena()
    for _ in range(20):
        cpu = VirtualCpu(0)
        cpu.holder = holder = Holder()
        holder.packets = [cpu.packet(b"x") for _ in range(10)]
        del cpu, holder
    gc.collect()
    assert arena() == before

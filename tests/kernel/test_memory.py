"""The arena: packets in fixed pools; running dry is counted, and over as soon as something is given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

import pytest

from netos.kernel import memory
from netos.kernel.vcpu import VirtualCpu
from netos.testing.harness import ElementHarness

LARGE = bytes(2100)


def take_all(cpu: VirtualCpu, data: bytes) -> list[Any]:
    """Every packet there is."""
    packets = []
    while True:
        try:
            packets.append(cpu.packet(data))
        except MemoryError:
            return packets


def kill_all(packets: list[Any]) -> None:
    while packets:
        packets.pop().kill()


@pytest.fixture
def cpu() -> VirtualCpu:
    return VirtualCpu(0)


def test_all_that_was_taken_comes_back_to_the_pools() -> None:
    gc.collect()                    # virtual CPUs of earlier tests give their caches back now, not halfway
    before = memory.arena()
    cpu = VirtualCpu(0)
    packets = [cpu.packet(b"x") for _ in range(1500)] + [cpu.packet(LARGE) for _ in range(20)]
    packets += [packet.clone() for packet in packets]
    assert memory.arena()["small_free"] < before["small_free"]
    kill_all(packets)
    del packets, cpu
    after = memory.arena()
    assert {key: after[key] for key in after if key.endswith("free")} == {
        key: before[key] for key in before if key.endswith("free")}


@pytest.mark.parametrize("data", [b"small", LARGE])
def test_an_empty_pool_is_counted_and_recovers(cpu: VirtualCpu, data: bytes) -> None:
    packets = take_all(cpu, data)
    assert len(packets) > 500
    assert cpu.balance["empty"] == 1
    assert cpu.balance["created"] == cpu.balance["held"] == len(packets), "what could not be made was counted as made"
    packets.pop().kill()
    packets.append(cpu.packet(data))
    with pytest.raises(MemoryError):
        cpu.packet(data)
    kill_all(packets)
    assert cpu.balance["held"] == 0
    again = take_all(cpu, data)
    assert len(again) > 500
    kill_all(again)


def test_a_packet_that_cannot_grow_stays_as_it_was(cpu: VirtualCpu) -> None:
    packet = cpu.packet(b"x" * 1900)
    packet.set_network_header(0, 20)
    packets = take_all(cpu, LARGE)
    with pytest.raises(MemoryError):
        packet.append(bytes(500))
    with pytest.raises(MemoryError):
        packet.prepend(bytes(500))
    assert (bytes(packet), packet.network_header) == (b"x" * 1900, 0)
    kill_all(packets)
    packet.append(b"y" * 500)
    assert bytes(packet) == b"x" * 1900 + b"y" * 500
    packet.kill()
    assert cpu.balance["held"] == 0


def test_a_shared_packet_cannot_be_written_without_a_buffer(cpu: VirtualCpu) -> None:
    packet = cpu.packet(LARGE)
    copy = packet.clone()
    packets = take_all(cpu, LARGE)
    with pytest.raises(BufferError, match="no buffer"):
        memoryview(copy)
    assert bytes(copy) == LARGE
    packet.kill()
    with memoryview(copy) as view:
        view[0] = 1
    kill_all([copy, *packets])
    assert cpu.balance["held"] == 0


def test_elements_count_what_they_could_not_make_and_go_on() -> None:
    with ElementHarness("EtherEncap", "0x0800", "2:0:0:0:0:1", "2:0:0:0:0:2") as harness:
        cpu = harness.router.cpu
        packet = cpu.packet(LARGE, 0)
        packets = take_all(cpu, LARGE)
        harness.element.push(0, [packet])
        assert harness.drops == {"no-buffer": 1}
        kill_all(packets)
        harness.element.push(0, [cpu.packet(LARGE, 0)])
        assert [len(frame) for frame in harness.outputs[0]] == [len(LARGE) + 14]


def test_a_tee_without_descriptors_drops_copies_and_keeps_the_balance() -> None:
    with ElementHarness("Tee", outputs=3) as harness:
        cpu = harness.router.cpu
        packet, original = cpu.packet(b"data"), cpu.packet(b"data")
        clones: list[Any] = []
        with pytest.raises(MemoryError, match="descriptor"):
            while True:
                clones.append(original.clone())
        harness.element.push(0, [packet])
        assert (harness.outputs, harness.drops) == ([[], [], [b"data"]], {"no-buffer": 2})
        kill_all([original, *clones])


def test_the_arena_is_one_shareable_mapping() -> None:
    facts = memory.arena()
    assert facts["descriptors"] >= 2 * facts["small"], "a clone must cost a descriptor, not a buffer"
    status = os.fstat(facts["fd"])
    assert status.st_size >= facts["small"] * 2048 + facts["large"] * 69632
    assert not os.get_inheritable(facts["fd"])
    with pytest.raises(OSError):
        os.ftruncate(facts["fd"], 0)


def test_the_arena_is_made_once() -> None:
    facts = memory.arena()
    memory.configure(facts["small"], facts["large"])
    with pytest.raises(RuntimeError, match="already made"):
        memory.configure(facts["small"] + 1, facts["large"])


def test_virtual_cpus_do_not_get_buffers_that_lie_side_by_side() -> None:
    """Walking through its own, a processor fetches a neighbour's: two replicas ran at three quarters of their speed."""
    script = """
import ctypes
from netos.kernel.vcpu import VirtualCpu
cpus = [VirtualCpu() for _ in range(4)]
packets = [[cpu.packet(b"x") for _ in range(256)] for cpu in cpus]
places = sorted((ctypes.addressof(ctypes.c_char.from_buffer(memoryview(packet))), number)
                for number, some in enumerate(packets) for packet in some)
assert len({place for place, _ in places}) == 1024
print(min(b - a for (a, mine), (b, other) in zip(places, places[1:]) if mine != other))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 64 * 2048

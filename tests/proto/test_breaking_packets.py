"""The 65 packets that break stacks: no crash, no leak, no endless loop, nothing wrong comes out; ping and TCP work.

Those of virtio headers, 58, go into a device's queue, not onto a wire: tests/drivers/test_tap_headers.py has them.
Over-reads are found by the address sanitizer's build (make asan).
"""

import importlib.util
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from netos.fuzz import templates
from netos.fuzz.journal import Journal
from netos.fuzz.stack_target import StackTarget
from netos.fuzz.trial import free_memory, prepare

spec = importlib.util.spec_from_file_location("breaking_packets", Path(__file__).with_name("breaking_packets.py"))
packets = importlib.util.module_from_spec(spec)
spec.loader.exec_module(packets)
ACK, RST, SYN, Live, breaking = packets.ACK, packets.RST, packets.SYN, packets.Live, packets.breaking

NAMES = {number: text for number, text, _ in breaking(Live(1, 1, 1, 1))}
ELSEWHERE = {58}


def frames_of(number, live=Live(1, 1, 1, 1)):
    return next(frames for found, _, frames in breaking(live) if found == number)


def segments(frames):
    """The TCP headers among frames, as (source port, destination port, sequence, acknowledgment, flags)."""
    return [struct.unpack_from("!HHII", frame, 34) + (frame[47],) for frame in frames
            if frame[12:14] == b"\x08\0" and frame[23] == 6]


def opened(target, port=33333, host_port=80):
    """A connection to the host's echo."""
    answers = target.exchange(templates.ether(templates.tcp(port, host_port, 1000, 0, SYN)))
    _, _, sequence, acknowledgment, flags = next(found for found in segments(answers) if found[1] == port)
    assert flags == SYN | ACK
    live = Live(port, host_port, acknowledgment, sequence + 1)
    target.exchange(live())
    return live


@pytest.fixture
def target():
    made = StackTarget(65, Journal(bytearray(64)))
    made.exchange(templates.arp(1))
    yield made
    assert made.finish() is None                    # where ping and TCP are tried
    del made


def test_all_sixty_five_are_here():
    assert sorted(NAMES) == list(range(1, 66))


@pytest.mark.parametrize("number", sorted(set(NAMES) - ELSEWHERE), ids=lambda number: f"{number}: {NAMES[number]}")
def test_the_stack_survives(number):
    before = prepare()
    target = StackTarget(number, Journal(bytearray(64)))
    target.exchange(templates.arp(1))
    live = opened(target)
    before_them = target.frames
    for frame in frames_of(number, live):
        target.exchange(frame)
        assert target.verdict() is None
    assert target.frames > before_them
    assert target.finish() is None                  # ping and TCP answer, all packets come home
    del target, live
    assert free_memory() == before


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6, 7, 8, 16, 17, 18, 19, 20, 23, 25, 26, 41, 44, 46, 51, 52, 53, 54])
def test_a_connection_survives(target, number):
    """What an attacker or a broken peer sends must not end a connection that neither closed nor reset."""
    live = opened(target)
    for frame in frames_of(number, live):
        assert not any(flags & RST for *_, flags in segments(target.exchange(frame)))
    target.exchange(live(b"still there"))
    answers = segments(target.exchange())
    assert not any(flags & RST for *_, flags in answers)
    assert target.counters["tcp_established_resets"] == 0


def test_initial_sequence_numbers_cannot_be_guessed(target):
    """33: neither equal steps nor small ones."""
    frames = frames_of(33)
    numbers = [sequence for frame in frames for _, port, sequence, _, flags in segments(target.exchange(frame))
               if port >= 41000 and flags & SYN]
    steps = {(second - first) & 0xFFFFFFFF for first, second in pairwise(numbers)}
    assert len(numbers) >= 20
    assert len(steps) > 15
    assert not all(step < 1 << 20 for step in steps)


def test_an_echo_request_of_many_fragments_is_answered_whole(target):
    """65: 65 008 bytes come back."""
    frames = frames_of(65)
    answers = [frame for sent in frames for frame in target.exchange(sent)] + target.exchange()
    pieces = [frame for frame in answers if frame[12:14] == b"\x08\0" and frame[23] == 1]
    assert sum(struct.unpack_from("!H", frame, 16)[0] - 20 for frame in pieces) == 65008


def test_overlapping_fragments_spoil_the_datagram(target):
    """41, 46: nothing is put together from pieces that contradict each other (RFC 5722, RFC 1858)."""
    for number in (41, 46):
        for frame in frames_of(number):
            target.exchange(frame)
    assert target.counters["ip_reassembled"] == 0


def test_incomplete_datagrams_take_a_bounded_number_of_packets(target):
    """44: of 3000 begun, 256 are kept at most."""
    for frame in frames_of(44):
        target.exchange(frame)
    assert target.held <= 256

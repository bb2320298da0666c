"""A byte ring is a queue of bytes with places ahead of its end, however often it wraps, grows and is taken up again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.testing.sequences import MOST_KEPT, BytePool, ByteRing

LENGTHS = st.one_of(st.integers(1, 50), st.integers(4000, 4200), st.sampled_from([1, 4095, 4096, 4097, 8192, 20_000]))
STEPS = st.lists(st.one_of(st.tuples(st.just("append"), LENGTHS, st.just(0)),
                           st.tuples(st.just("ahead"), LENGTHS, st.integers(1, 9000)),
                           st.tuples(st.just("skip"), LENGTHS, st.just(0)),
                           st.tuples(st.sampled_from(["free", "shrink"]), st.just(0), st.just(0))), max_size=40)


def pattern(at, length):
    """Bytes that differ by their place in the stream."""
    words = [(number * 2654435761 % (1 << 32)).to_bytes(4, "big") for number in range(at, at + length // 4 + 1)]
    return b"".join(words)[:length]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(STEPS, min_size=1, max_size=3))
def test_a_ring_keeps_what_it_was_given(lives):
    """As TCP uses it: bytes in order, and bytes that came out of order; a byte that moves wrongly garbles a stream."""
    pool = BytePool()
    for steps in lives:
        ring = ByteRing(pool)
        held, used, islands = bytearray(), 0, []        # `islands`: where what came out of order begins and ends
        for what, length, gap in steps:
            if what == "append" and (not islands or length < islands[0][0] - used):
                data = pattern(used * 7, length)
                ring.put(used, data, len(held))
                held[used:used + length] = data
                used += length
                ring.used = used
            elif what == "ahead":
                data, at = pattern(length, length), len(held) + gap
                ring.put(at, data, len(held))
                held[len(held):] = bytes(gap) + data
                islands.append((at, at + length))
            elif what == "skip" and used:
                length = min(length, used)
                ring.skip(length)
                del held[:length]
                used -= length
                islands = [(first - length, end - length) for first, end in islands]
            elif what == "shrink":
                ring.shrink()
                del held[used:]
                islands = []
                assert ring.size == 0 if used == 0 else ring.size // 2 < max(used, 4096 // 2 + 1)
            elif what == "free":
                ring.free()
                held, used, islands = bytearray(), 0, []
            assert (ring.used, pool.taken) == (used, ring.size)
            for first, end in [(0, used), *islands]:
                assert ring.get(first, end - first) == held[first:end]
        del ring
        assert pool.held <= MOST_KEPT


def test_freed_circles_are_taken_up_again_to_a_limit():
    """Those of a busy connection come and go with every burst; what many idle ones have left behind is not kept."""
    pool = BytePool()
    rings = [ByteRing(pool) for _ in range(5)]
    for ring in rings:
        ring.put(0, bytes(1 << 20), 0)
    del ring
    rings.clear()
    assert pool.held == MOST_KEPT == 4 << 20
    ring = ByteRing(pool)
    ring.put(0, b"x" * (1 << 20), 0)
    assert pool.held == 3 << 20
    assert ring.get(0, 1 << 20) == b"x" * (1 << 20)


def test_rings_grow_to_a_limit_that_they_share():
    """Whoever has nothing may still have the least circle; what one gives back another may have."""
    pool = BytePool(limit=120_000)
    first, second = ByteRing(pool), ByteRing(pool)
    first.put(0, bytes(65_536), 0)
    second.put(0, bytes(4096), 0)
    with pytest.raises(MemoryError):
        second.put(0, bytes(32_769), 0)
    second.put(0, bytes(16_384), 0)
    with pytest.raises(MemoryError):
        first.put(0, bytes(65_537), 65_536)
    assert pool.taken == 65_536 + 16_384
    others = [ByteRing(pool) for _ in range(10)]
    for ring in others:
        ring.put(0, bytes(4096), 0)
    assert pool.taken == 65_536 + 16_384 + 10 * 4096
    first.free()
    second.put(0, bytes(32_769), 0)
    del first, second, ring
    others.clear()
    assert pool.taken == 0

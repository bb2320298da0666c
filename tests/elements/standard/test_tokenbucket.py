"""The token bucket, through RatedSource: rates add up exactly whatever the times at which one looks."""

from hypothesis import given
from hypothesis import strategies as st

from netos.testing.harness import ElementHarness


@given(st.integers(1, 100_000), st.lists(st.integers(1, 5000), max_size=30))
def test_level_does_not_depend_on_when_one_looks(rate, waits):
    """Looking every few microseconds (less than the bucket holds) loses and makes no token."""
    with ElementHarness("RatedSource", f"RATE {rate}", pulled=True) as harness:
        start = harness.router.cpu.now + 1
        pulled = len(harness.pull(0, 256))
        for wait in waits:
            harness.advance(wait / 1e6)
            while more := len(harness.pull(0, 256)):
                pulled += more
        passed = harness.router.cpu.now - start
    assert pulled == 1 + rate * passed // 10**9

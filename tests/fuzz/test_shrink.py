"""Shrinking keeps what fails, and nothing that can be left out."""

from hypothesis import given
from hypothesis import strategies as st

from netos.fuzz.shrink import shrunk


@given(st.integers(1, 200), st.sets(st.integers(0, 199), min_size=1, max_size=4))
def test_what_remains_is_what_it_takes(length, culprits):
    culprits = {culprit % length for culprit in culprits}

    def fails(some):
        return culprits <= set(some)

    assert shrunk(list(range(length)), fails) == sorted(culprits)


def test_order_matters_and_is_kept():
    def fails(some):
        return 3 in some and 40 in some and some.index(3) < some.index(40)

    assert shrunk(list(range(100)), fails) == [3, 40]


def test_without_time_it_stays_what_it_was():
    assert shrunk([1, 2, 3], lambda some: True, seconds=0) == [1, 2, 3]

"""Loads and stores agree with int.from_bytes at any alignment and touch only their field."""

import sys

import pytest

from netos.testing.headers import loads, stores

ORDERS = {"be": "big", "le": "little", "": sys.byteorder}
NAMES = [("be", 16), ("be", 24), ("be", 32), ("be", 48), ("be", 64), ("le", 16), ("le", 32), ("le", 64), ("", 16),
         ("", 32), ("", 64)]


@pytest.mark.parametrize("data", [bytes(range(1, 9)), bytes(range(0xF8, 0x100)), b"\x80" + bytes(7), b"\xff" * 8])
def test_loads(data):
    expected = {f"{order}{bits}": int.from_bytes(data[: bits // 8], ORDERS[order]) for order, bits in NAMES}
    assert loads(data) == expected


@pytest.mark.parametrize("value", [0x0102030405060708, 0xF8F9FAFBFCFDFEFF, 0, (1 << 64) - 1])
def test_stores(value):
    """Wider values are cut to the field; the byte before it and those after it stay."""
    for order, bits in NAMES:
        field = (value & ((1 << bits) - 1)).to_bytes(bits // 8, ORDERS[order])
        assert stores(value)[f"{order}{bits}"] == b"\xee" + field + b"\xee" * (8 - bits // 8)

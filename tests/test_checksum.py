"""The Internet checksum agrees with RFC 1071 done naively, whole and incrementally."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netos.checksum import checksum, ip_checksum, transport_checksum, update16, update32

words = st.integers(0, 0xFFFF)
long_words = st.integers(0, 0xFFFFFFFF)


def naive(data: bytes) -> int:
    """RFC 1071 section 1, a word at a time."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff" * 199)
@example(b"\xff\xff" * 40 + b"\0\1")
@example(bytes(64))
def test_any_length_and_content(data):
    assert checksum(data) == naive(data)


@pytest.mark.parametrize("shift", range(8))
def test_any_alignment(shift):
    data = bytes(range(7, 180))
    assert checksum(memoryview(data)[shift:]) == naive(data[shift:])


def test_rfc_1071_example():
    assert checksum(bytes.fromhex("0001 f203 f4f5 f6f7")) == 0xDDF2 ^ 0xFFFF


def test_carries_of_long_data_come_round():
    """A 64 KiB segment of ones overflows every accumulator narrower than it must be."""
    assert checksum(b"\xff" * 65535) == naive(b"\xff" * 65535)
    assert checksum(b"\xff\xfe" * 32768) == naive(b"\xff\xfe" * 32768)


@given(st.integers(5, 15).flatmap(lambda size: st.binary(min_size=size * 4, max_size=size * 4)))
def test_ip_header_of_every_length(header):
    assert ip_checksum(header) == naive(header)


def test_header_with_its_checksum_sums_to_zero():
    header = bytes.fromhex("45000073000040004011 b861 c0a80001c0a800c7")
    assert ip_checksum(header) == 0
    assert ip_checksum(header[:10] + b"\0\0" + header[12:]) == 0xB861


@pytest.mark.parametrize("size", [0, 19, 22, 64])
def test_ip_header_of_impossible_length_is_refused(size):
    with pytest.raises(ValueError, match="20 to 60"):
        ip_checksum(bytes(size))


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4), st.integers(0, 255),
       st.binary(max_size=99))
def test_ipv4_pseudo_header(source, destination, protocol, data):
    pseudo = source + destination + bytes([0, protocol]) + len(data).to_bytes(2, "big")
    assert transport_checksum(source, destination, protocol, data) == naive(pseudo + data)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 255),
       st.binary(max_size=99))
def test_ipv6_pseudo_header(source, destination, protocol, data):
    pseudo = source + destination + len(data).to_bytes(4, "big") + bytes([0, 0, 0, protocol])
    assert transport_checksum(source, destination, protocol, data) == naive(pseudo + data)


def test_pseudo_header_of_mixed_families_is_refused():
    with pytest.raises(ValueError, match="4 bytes or 16"):
        transport_checksum(bytes(4), bytes(16), 6, b"")


@given(words, words, st.lists(words, min_size=1, max_size=10))
@example(0xFFFF, 0, [1])
@example(0, 0xFFFF, [1])  # the first fold carries again
def test_update16_is_the_sum_anew(old, new, rest):
    """The result must be the very number a whole sum gives: 0x0000 and 0xFFFF may not be confused (RFC 1624)."""
    rest[-1] |= 1  # a header is never all zero
    before, after = (b"".join(field.to_bytes(2, "big") for field in [first, *rest]) for first in (old, new))
    assert update16(naive(before), old, new) == naive(after)


@given(long_words, long_words, st.binary(min_size=2, max_size=20))
@example(0xFFFFFFFF, 0, b"\0\1")
@example(0, 0xFFFFFFFF, b"\0\1")  # the first fold carries again
def test_update32_is_the_sum_anew(old, new, rest):
    rest = rest[:-1] + b"\1"
    before, after = old.to_bytes(4, "big") + rest, new.to_bytes(4, "big") + rest
    assert update32(naive(before), old, new) == naive(after)


def test_rfc_1624_example():
    """The case that RFC 1141 gets wrong, giving 0xFFFF."""
    assert update16(0xDD2F, 0x5555, 0x3285) == 0x0000


@given(words, words)
def test_update_with_the_same_value_changes_nothing(check, value):
    assert update16(check, value, value) in ({check} if check != 0xFFFF else {0})

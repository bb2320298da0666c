"""Addresses are values, read by Click's rules where these differ from the standard library's."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.addresses import (
    ETHER_BROADCAST,
    EtherAddress,
    IPv4Interface,
    IPv6Address,
    ipv4_number,
    ipv4_prefix_numbers,
    is_of_one_host,
    parse_ipv4,
    parse_ipv4_prefix,
    parse_ipv6,
    parse_ipv6_prefix,
)

ETHER = st.binary(min_size=6, max_size=6).map(EtherAddress)


@given(ETHER)
def test_ether_text_reads_back(address):
    assert EtherAddress(str(address)) == address
    assert EtherAddress(str(address).replace("-", ":").lower()) == address
    assert EtherAddress(int(address)) == address
    assert pickle.loads(pickle.dumps(address)) == address


@given(ETHER, ETHER)
def test_ether_order_and_hash_are_those_of_the_bytes(one, other):
    assert (one < other, one == other, one > other) == \
        (one.packed < other.packed, one.packed == other.packed, one.packed > other.packed)
    assert (one <= other) != (one > other)
    assert len({one, other, EtherAddress(one.packed)}) == len({one.packed, other.packed})


def test_ether_prints_as_click_does():
    assert str(EtherAddress("0:50:ba:85:84:a9")) == "00-50-BA-85-84-A9"
    assert EtherAddress("0:50:ba:85:84:a9").packed == bytes.fromhex("0050ba8584a9")


def test_ether_is_immutable_and_not_its_bytes():
    address = EtherAddress("0-1-2-3-4-5")
    with pytest.raises(AttributeError):
        address.packed = bytes(6)
    assert address != address.packed
    with pytest.raises(TypeError):
        assert address < address.packed


def test_ether_group_and_broadcast():
    assert ETHER_BROADCAST.is_group
    assert ETHER_BROADCAST.is_broadcast
    multicast = EtherAddress("01:00:5e:00:00:01")
    assert (multicast.is_group, multicast.is_broadcast) == (True, False)
    assert not EtherAddress("02:00:00:00:00:01").is_group


@pytest.mark.parametrize("text", [
    "", "0:1:2:3:4", "0:1:2:3:4:5:6", "0:1:2-3:4:5", "0:1:2:3:4:", "000:1:2:3:4:5", "0:1:2:3:4:g", "0:1:2:3:4:+5",
    "001122334455", "0:1:2:3:4: 5"])
def test_bad_ether_text(text):
    with pytest.raises(ValueError, match="Ethernet"):
        EtherAddress(text)


@pytest.mark.parametrize("value", [bytes(5), bytes(7), -1, 1 << 48])
def test_bad_ether_values(value):
    with pytest.raises(ValueError, match="6 bytes"):
        EtherAddress(value)


@given(st.ip_addresses(v=4))
def test_ipv4_text_reads_back(address):
    assert parse_ipv4(str(address)) == address
    assert ipv4_number(str(address)) == int(address)


@pytest.mark.parametrize("text", [
    "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.4 ", "1..3.4", "1.2.3.4/8", "a.b.c.d", "1.2.3.٤"])
def test_bad_ipv4(text):
    with pytest.raises(ValueError, match="IPv4 address"):
        parse_ipv4(text)


def test_leading_zeros_are_decimal_as_in_click():
    assert str(parse_ipv4("010.001.000.009")) == "10.1.0.9"


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_ipv4_prefix_reads_back_with_length_and_with_mask(address, length):
    prefix = IPv4Interface((address, length))
    assert parse_ipv4_prefix(str(prefix)) == prefix
    assert parse_ipv4_prefix(f"{address}/{prefix.netmask}") == prefix
    assert ipv4_prefix_numbers(str(prefix)) == (int(address), length)


@pytest.mark.parametrize(("text", "full"), [
    ("18.26/16", "18.26.0.0/16"), ("18/8", "18.0.0.0/8"), ("18.26/9", "18.26.0.0/9"),
    ("18.26/255.255.0.0", "18.26.0.0/16"), ("0/0", "0.0.0.0/0"), ("18.26.4.9/24", "18.26.4.9/24")])
def test_short_ipv4_prefixes(text, full):
    assert str(parse_ipv4_prefix(text)) == full


@pytest.mark.parametrize("text", [
    "18.26/17", "18/255.255.0.0", "18.26.4.9", "18.26.4.9/33", "18.26.4.9/", "18.26.4.9/-1", "18.26.4.9/255.0.255.0",
    "18.26.4.9/255.255", "/8", "18./8", "1.2.3.4/8/8"])
def test_bad_ipv4_prefixes(text):
    with pytest.raises(ValueError):
        parse_ipv4_prefix(text)


def test_a_bare_address_is_a_prefix_only_where_allowed():
    assert str(parse_ipv4_prefix("18.26.4.9", bare=True)) == "18.26.4.9/32"
    assert str(parse_ipv6_prefix("2001:db8::1", bare=True)) == "2001:db8::1/128"
    with pytest.raises(ValueError):
        parse_ipv4_prefix("18.26", bare=True)


@given(st.ip_addresses(v=6), st.integers(0, 128))
def test_ipv6_reads_back(address, length):
    assert parse_ipv6(str(address)) == address
    assert parse_ipv6(address.exploded.upper()) == address
    assert str(parse_ipv6_prefix(f"{address}/{length}")) == f"{address}/{length}"


def test_ipv6_with_an_ipv4_tail():
    assert parse_ipv6("::ffff:1.2.3.4") == IPv6Address((0xFFFF << 32) | 0x01020304)


@pytest.mark.parametrize("text", ["", ":", "1::2::3", "1:2:3:4:5:6:7", "12345::", "fe80::1%eth0", "1.2.3.4", "::1/64"])
def test_bad_ipv6(text):
    with pytest.raises(ValueError, match="IPv6"):
        parse_ipv6(text)


@pytest.mark.parametrize("text", ["::1", "::1/129", "::1/", "::1/x", "/64", "::1/64/1"])
def test_bad_ipv6_prefixes(text):
    with pytest.raises(ValueError, match="IPv6"):
        parse_ipv6_prefix(text)


@pytest.mark.parametrize(("prefix", "is_one"), [
    ("10.0.0.2/24", True), ("10.0.0.0/24", False), ("10.0.0.255/24", False), ("10.0.0.0/31", True),
    ("10.0.0.1/31", True), ("10.0.0.2/32", True), ("127.0.0.2/8", False), ("224.0.0.1/24", False),
    ("0.0.0.0/32", False)])
def test_addresses_that_one_host_can_have_on_a_link(prefix, is_one):
    assert is_of_one_host(parse_ipv4_prefix(prefix)) is is_one

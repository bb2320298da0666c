"""Addresses as values: Ethernet's here, IP's from the standard library, all read by Click's rules (lib/ipaddress.cc).

A prefix keeps its host bits (`IPv4Interface`, `IPv6Interface`), as Click's prefixes do until somebody masks them.
Every function that reads a text raises ValueError, saying what is wrong with it.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

__all__ = [
    "ETHER_BROADCAST", "EtherAddress", "IPv4Address", "IPv4Interface", "IPv6Address", "IPv6Interface",
    "ipv4_number", "ipv4_prefix_numbers", "is_of_one_host", "parse_ipv4", "parse_ipv4_prefix", "parse_ipv6",
    "parse_ipv6_prefix",
]

ALL_ONES = 0xFFFF_FFFF
HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


class EtherAddress:
    """A 48-bit Ethernet address, immutable, ordered as its bytes are on the wire.

    Made from text (six groups of one or two hexadecimal digits, all separated by `:` or all by `-`), from six bytes
    or from an integer; printed as Click prints it, `00-50-BA-85-84-A9`.
    """

    __slots__ = ("_packed",)

    def __init__(self, value: str | bytes | int) -> None:
        if isinstance(value, str):
            value = ether_bytes(value)
        elif isinstance(value, int):
            value = value.to_bytes(6, "big") if 0 <= value < 1 << 48 else b""
        if len(value) != 6:
            raise ValueError("an Ethernet address has 6 bytes")
        self._packed = bytes(value)

    @property
    def packed(self) -> bytes:
        """The six bytes, in the order of the wire."""
        return self._packed

    @property
    def is_group(self) -> bool:
        """True for multicast and broadcast (IEEE 802's individual/group bit)."""
        return bool(self._packed[0] & 1)

    @property
    def is_broadcast(self) -> bool:
        return self._packed == b"\xff\xff\xff\xff\xff\xff"

    def __int__(self) -> int:
        return int.from_bytes(self._packed, "big")

    def __bytes__(self) -> bytes:
        return self._packed

    def __str__(self) -> str:
        return self._packed.hex("-").upper()

    def __repr__(self) -> str:
        return f"EtherAddress('{self}')"

    def __hash__(self) -> int:
        return hash((EtherAddress, self._packed))

    def __reduce__(self) -> tuple[type[EtherAddress], tuple[bytes]]:
        return EtherAddress, (self._packed,)

    def __eq__(self, other: object) -> bool:
        return self._packed == other._packed if isinstance(other, EtherAddress) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._packed < other._packed if isinstance(other, EtherAddress) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._packed <= other._packed if isinstance(other, EtherAddress) else NotImplemented


def ether_bytes(text: str) -> bytes:
    """The six bytes of an Ethernet address written with one kind of separator."""
    groups = text.split("-" if "-" in text else ":")
    if len(groups) != 6 or not all(0 < len(group) <= 2 and HEXADECIMAL.issuperset(group) for group in groups):
        raise ValueError(f"'{text}' is not an Ethernet address (six hexadecimal bytes, as 00:50:BA:85:84:A9)")
    return bytes(int(group, 16) for group in groups)


ETHER_BROADCAST = EtherAddress(b"\xff" * 6)


def is_decimal(text: str) -> bool:
    """True for one or more of the digits 0 to 9."""
    return text.isascii() and text.isdigit()


def dotted_bytes(text: str) -> bytes | None:
    """The bytes of a dotted decimal, one to four of them, or None."""
    groups = text.split(".")
    if len(groups) > 4 or not text.isascii() or not text.replace(".", "").isdigit():
        return None
    try:
        return bytes(map(int, groups))
    except ValueError:
        return None


def ipv4_number(text: str) -> int:
    """An IPv4 address, four dotted decimal bytes, as a number (the first byte is the most significant)."""
    packed = dotted_bytes(text)
    if packed is None or len(packed) != 4:
        raise ValueError(f"'{text}' is not an IPv4 address (four bytes, as 18.26.4.9)")
    return int.from_bytes(packed, "big")


def ipv4_prefix_numbers(text: str, bare: bool = False) -> tuple[int, int]:
    """An IPv4 prefix as (address with its host bits, length); `bare` also allows an address alone, which is a /32.

    `/len` and `/mask` are both understood. Trailing zero bytes may be left out if the mask covers none of them:
    `18.26/16`, but not `18.26/17`.
    """
    address, slash, length_text = text.partition("/")
    packed = dotted_bytes(address)
    if bare and packed is not None and not slash and len(packed) == 4:
        return int.from_bytes(packed, "big"), 32
    if packed is None or not slash:
        raise ValueError(f"'{text}' is not an IPv4 prefix (address/length, as 18.26.0.0/16)")
    length = mask_length(length_text)
    if len(packed) < 4 and length > 8 * len(packed):
        raise ValueError(f"'{text}': a /{length} prefix needs more bytes of address than {address}")
    return int.from_bytes(packed.ljust(4, b"\0"), "big"), length


def mask_length(text: str) -> int:
    """The length of an IPv4 mask, written as a length or in dotted form."""
    if len(text) <= 2 and is_decimal(text) and int(text) <= 32:
        return int(text)
    packed = dotted_bytes(text)
    if packed is None or len(packed) != 4:
        raise ValueError(f"'{text}' is not a prefix length (0 to 32) or a mask")
    host = int.from_bytes(packed, "big") ^ ALL_ONES
    if host & (host + 1):
        raise ValueError(f"mask {text} is not contiguous")
    return 32 - host.bit_length()


def parse_ipv4(text: str) -> IPv4Address:
    """The IPv4 address `text`."""
    return IPv4Address(ipv4_number(text))


def parse_ipv4_prefix(text: str, bare: bool = False) -> IPv4Interface:
    """The IPv4 prefix `text`, host bits kept; see `ipv4_prefix_numbers`."""
    return IPv4Interface(ipv4_prefix_numbers(text, bare))


def is_of_one_host(prefix: IPv4Interface) -> bool:
    """Whether an address with its prefix can be a host's on a link (RFC 1122 section 3.2.1.3; RFC 3021)."""
    address, network = prefix.ip, prefix.network
    return not (address.is_multicast or address.is_unspecified or address.is_loopback or (
        network.prefixlen < 31 and address in (network.network_address, network.broadcast_address)))


def parse_ipv6(text: str) -> IPv6Address:
    """The IPv6 address `text` in any form of RFC 4291 section 2.2, without a zone."""
    try:
        if "%" in text or "/" in text:
            raise AddressValueError
        return IPv6Address(text)
    except AddressValueError:
        raise ValueError(f"'{text}' is not an IPv6 address (as 2001:db8::1)") from None


def parse_ipv6_prefix(text: str, bare: bool = False) -> IPv6Interface:
    """The IPv6 prefix `text`, host bits kept; `bare` also allows an address alone, which is a /128."""
    address, slash, length = text.partition("/")
    if bare and not slash:
        length = "128"
    if not (len(length) <= 3 and is_decimal(length) and int(length) <= 128):
        raise ValueError(f"'{text}' is not an IPv6 prefix (address/length, as 2001:db8::/32)")
    return IPv6Interface((parse_ipv6(address), int(length)))

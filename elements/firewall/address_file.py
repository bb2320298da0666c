"""Files of addresses and prefixes, one a line."""

from __future__ import annotations

from collections.abc import Iterator

from netos.addresses import ipv4_number, ipv4_prefix_numbers
from netos.errors import NetosError


def read_addresses(path: str) -> Iterator[tuple[int, int]]:
    """Each address and prefix length in a file; blank lines and what follows `#` are skipped."""
    try:
        with open(path, encoding="ascii", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                word = line.partition("#")[0].strip()
                if word:
                    try:
                        address, length = ipv4_prefix_numbers(word) if "/" in word else (ipv4_number(word), 32)
                    except ValueError:
                        raise NetosError(f"{path}:{number}: '{word[:50]}' is not an address or a prefix") from None
                    yield address >> (32 - length) << (32 - length), length
    except OSError as error:
        raise NetosError(f"cannot read {path}: {error.strerror}") from None

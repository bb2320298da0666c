"""Names of the link types of capture files (Click's fakepcap; https://www.tcpdump.org/linktypes.html)."""

from __future__ import annotations

from netos.args import EMPTY_SCOPE, ArgumentType, Scope, Word
from netos.args.numbers import integer

LINK_TYPES = {
    "NULL": 0, "ETHER": 1, "PPP": 9, "FDDI": 10, "ATM": 11, "PPP_HDLC": 50, "IP": 101, "HDLC": 104, "802_11": 105,
    "LOOP": 108, "SLL": 113, "PRISM": 119, "AIRONET": 120, "802_11_RADIO": 127, "IP4": 228, "IP6": 229,
}
ALIASES = {"RAW": 101, "802.11": 105, "ETHERNET": 1}
RAW_ELSEWHERE = (12, 14)        # what some systems write for 101


def link_name(link_type: int) -> str:
    """The name of a link type, or its number."""
    if link_type in RAW_ELSEWHERE:
        link_type = LINK_TYPES["IP"]
    return next((name for name, number in LINK_TYPES.items() if number == link_type), str(link_type))


class Encapsulation(ArgumentType[int]):
    """A link type by name or number."""

    name = "encapsulation type"

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> int:
        word = Word().parse(text, scope).upper()
        number = LINK_TYPES.get(word, ALIASES.get(word, integer(word)))
        if number is None or not 0 <= number < 65536:
            raise self.error(text, f"is none of {', '.join(LINK_TYPES)}")
        return number

    def unparse(self, value: int) -> str:
        return link_name(value)

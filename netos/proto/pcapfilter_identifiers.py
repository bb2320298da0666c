"""Addresses, numbers and names in a pcap-filter, under the qualifiers that stand before them (pcap-filter(7))."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

from netos.proto.pcapfilter_code import Condition
from netos.proto.pcapfilter_lexer import Token
from netos.proto.pcapfilter_names import ETHER_PROTOCOLS, IP_PROTOCOLS, NUMBERED, SCTP, TCP, UDP, WORDS
from netos.proto.pcapfilter_terms import ALL, Layout

Service = Callable[[str, str], int | None]      # ("tcp port", "http") -> 80
PORTS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}


class Qualifiers(NamedTuple):
    """What is asked of an identifier; `token` is where they began."""

    protocol: str | None = None
    direction: str | None = None
    kind: str | None = None
    token: Token | None = None


class Identifiers:
    """Makes conditions of identifiers; `fail` raises FilterError."""

    def __init__(self, layout: Layout, service: Service, fail: Callable[[Token, str], NoReturn]) -> None:
        self.layout = layout
        self.service = service
        self.fail = fail

    def condition(self, token: Token, asked: Qualifiers, length: Token | None, mask: Token | None) -> Condition:
        """The condition of an identifier, with the prefix length or the mask that followed it."""
        if (length or mask) and asked.kind not in (None, "net"):
            self.fail(length or mask or token, f"a mask belongs to 'net', not to '{asked.kind}'")
        if asked.kind in ("port", "portrange"):
            return self.port(token, asked)
        if asked.kind == "proto":
            return self.protocol(token, asked)
        if token.kind == "ether":
            return self.ether(token, asked)
        if asked.protocol == "ether":
            self.fail(token, "an Ethernet address such as 02:00:00:00:00:01 is wanted here")
        if asked.protocol in IP_PROTOCOLS:
            self.fail(token, f"'{asked.protocol}' has ports, not hosts: "
                             f"write '{asked.protocol} port', or '{asked.protocol} and host'")
        if token.kind == "ip6":
            return self.net6(token, asked, length, mask)
        if token.kind == "ip" or (token.kind == "number" and asked.kind == "net"):
            return self.net(token, asked, length, mask)
        if token.kind == "number":
            self.fail(token, f"what is '{token.text}'? Write 'port {token.text}', or an address")
        return self.fail(token, unknown_word(token.text, asked))

    def ether(self, token: Token, asked: Qualifiers) -> Condition:
        if asked.protocol != "ether" or asked.kind == "net":
            self.fail(token, "an Ethernet address follows 'ether host', 'ether src' or 'ether dst'")
        digits = token.text.replace("-", ":").split(":")
        address = bytes(int(part, 16) for part in digits) if len(digits) == 6 else \
            bytes.fromhex(token.text.replace(".", ""))
        return self.layout.ether_host(address, asked.direction)

    def net(self, token: Token, asked: Qualifiers, length: Token | None, mask: Token | None) -> Condition:
        parts = token.text.split(".")
        if any(not part.isdigit() or int(part) > 255 for part in parts):
            self.fail(token, f"'{token.text}' is no IPv4 address")
        if asked.protocol == "ip6":
            self.fail(token, "an IPv6 address is wanted after 'ip6'")
        address = int.from_bytes(bytes(int(part) for part in parts) + bytes(4 - len(parts)), "big")
        bits = ALL << 32 - 8 * len(parts) & ALL
        if length is not None:
            bits = ALL << 32 - self.prefix(length, 32) & ALL
        elif mask is not None:
            if mask.kind != "ip":
                self.fail(mask, "a mask such as 255.255.255.0 is wanted here")
            given = [int(part) for part in mask.text.split(".")]
            bits = int.from_bytes(bytes(min(part, 255) for part in given) + bytes(4 - len(given)), "big")
        if address & ~bits:
            self.fail(token, f"the net {token.text} has bits outside of its mask: did you mean "
                             f"{ipaddress.IPv4Address(address & bits)}?")
        return self.layout.net(address, bits, asked.direction, asked.protocol)

    def net6(self, token: Token, asked: Qualifiers, length: Token | None, mask: Token | None) -> Condition:
        if asked.protocol not in (None, "ip6"):
            self.fail(token, f"an IPv4 address is wanted after '{asked.protocol}'")
        if mask is not None:
            self.fail(mask, "an IPv6 net has a length, as in 2001:db8::/32")
        try:
            address = ipaddress.IPv6Address(token.text)
        except ValueError:
            self.fail(token, f"'{token.text}' is no IPv6 address")
        bits = 128 if length is None else self.prefix(length, 128)
        whole = (1 << 128) - (1 << 128 - bits)
        if int(address) & ~whole:
            self.fail(token, f"the net {token.text} has bits outside of its length {bits}")
        return self.layout.net6(address.packed, whole.to_bytes(16, "big"), asked.direction)

    def prefix(self, token: Token, most: int) -> int:
        if token.kind != "number" or not token.text.isdigit() or int(token.text) > most:
            self.fail(token, f"a length of 0 to {most} bits is wanted here")
        return int(token.text)

    def port(self, token: Token, asked: Qualifiers) -> Condition:
        if asked.protocol is not None and asked.protocol not in PORTS:
            self.fail(asked.token or token, f"'{asked.protocol}' has no ports: tcp, udp and sctp have")
        low, dash, high = token.text.partition("-")
        name = token.text.lstrip("\\")
        protocols = (PORTS[asked.protocol],) if asked.protocol else tuple(PORTS.values())[::-1]
        if asked.kind == "portrange" and dash and low.isdigit() and high.isdigit():
            first, last = sorted((int(low), int(high)))
        elif token.kind == "number":
            first = last = int(token.text, 0 if token.text[:2].lower() == "0x" else 10)
        elif token.kind == "name":
            first = last = self.named_port(token, name, asked)
            protocols = tuple(number for number in protocols if number == SCTP or len(protocols) == 1 or
                              self.service(f"{'tcp' if number == TCP else 'udp'} port", name) == first)
            if len(protocols) == 2:         # the name is of one protocol only
                protocols = protocols[1:] if protocols[0] == SCTP else protocols[:1]
        else:
            self.fail(token, f"'{token.text}' is no port")
        if last > 65535:
            self.fail(token, "ports end at 65535")
        return self.layout.ports(first, last, asked.direction, protocols)

    def named_port(self, token: Token, name: str, asked: Qualifiers) -> int:
        found = [port for protocol in ((asked.protocol,) if asked.protocol in ("tcp", "udp") else ("tcp", "udp"))
                 if (port := self.service(f"{protocol} port", name)) is not None]
        if not found:
            what = f"{asked.protocol or 'TCP or UDP'} service"
            near = get_close_matches(name.lower(), WORDS, 1)
            hint = "; a range is written 'portrange 80-90'" if "-" in name and asked.kind == "port" else \
                f", or did you mean '{near[0]}'?" if near else ""
            self.fail(token, f"'{token.text}' is no {what} that this machine knows: write the port's number{hint}")
        return found[0]

    def protocol(self, token: Token, asked: Qualifiers) -> Condition:
        name = token.text.lstrip("\\").lower()
        known = {**ETHER_PROTOCOLS, "loopback": 0x9000, "atalk": 0x809B, "aarp": 0x80F3} \
            if asked.protocol == "ether" else NUMBERED
        if asked.protocol not in (None, "ip", "ip6", "ether") or asked.direction:
            self.fail(asked.token or token, "'proto' can follow ip, ip6 and ether")
        number = int(token.text, 0 if token.text[:2].lower() == "0x" else 10) if token.kind == "number" else \
            known.get(name)
        if number is None:
            near = get_close_matches(name, known, 1)
            self.fail(token, f"'{name}' is no protocol here: write its number, or one of {', '.join(near or known)}")
        if number > (0xFFFF if asked.protocol == "ether" else 255):
            self.fail(token, f"protocols end at {0xFFFF if asked.protocol == 'ether' else 255}")
        if asked.protocol == "ether":
            return self.layout.carries(number)
        return self.layout.ip_protocol(number, asked.protocol != "ip6", asked.protocol != "ip")


def unknown_word(word: str, asked: Qualifiers) -> str:
    """What to say about a name that is no address."""
    near = [] if asked.kind or asked.direction else get_close_matches(word.lower(), WORDS, 1)
    return f"'{word}' is no word of a filter: " + (f"did you mean '{near[0]}'?" if near else
                                                   "names of hosts are not looked up, write the address")

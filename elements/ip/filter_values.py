"""The data of IPFilter's primitives: numbers, ranges, addresses and names."""

from __future__ import annotations

import re
from typing import Protocol

from elements.ip.filter_lexer import Token
from elements.ip.filter_names import (
    FLAGS,
    ICMP,
    ICMP_TYPE,
    STATE,
    STATES,
    TCP,
    TCP_OR_UDP,
    UDP,
    Field,
    Meaning,
    Vocabulary,
)
from elements.ip.filter_primitive import Data, Primitive
from elements.standard.pattern_error import Complaint
from netos.addresses import EtherAddress, IPv4Address, IPv4Interface, ipv4_number, ipv4_prefix_numbers
from netos.args.numbers import integer

RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")
PORT_PROTOCOLS = {"tcp port": (TCP, TCP_OR_UDP), "udp port": (UDP, TCP_OR_UDP), "port": (TCP, UDP, TCP_OR_UDP),
                  "opt": (TCP,), "type": (ICMP,), "state": ()}


class Reader(Protocol):
    """What reading data needs of the parser."""

    vocabulary: Vocabulary

    @property
    def token(self) -> Token: ...

    def take(self) -> Token: ...


def read_number(text: str) -> int | None:
    """A number of at most 64 bits that is not negative, decimal, hexadecimal, binary or octal."""
    value = integer(text)
    return value if value is not None and 0 <= value < 1 << 64 else None


def read_data(reader: Reader, item: Primitive) -> Data | None:
    """The data of a primitive whose qualifiers have been read, or None if the next token is none."""
    token = reader.token
    if token.is_structure:
        return None
    number = read_number(token.text)
    if item.kind == "ect":
        if number is not None:
            reader.take()
        return None if number is None else Data("int", number)
    if item.kind == "proto" and item.protocol is not None and item.relation == "=":
        return None
    limits = RANGE.fullmatch(token.text)
    if number is not None:
        data: Data | None = Data("int", number)
    elif limits:
        data = Data("range", int(limits[1]), int(limits[2]))
        if data.value > data.more:
            reader.take()
            raise Complaint(f"range {token.text} is empty", token.column, len(token.text))
    else:
        data = read_address(token.text) or named_data(reader, item)
    if data is not None:
        reader.take()
        if data.kind == "host" and reader.token.text == "mask":
            reader.take()
            mask_token = reader.take()
            mask = read_address(mask_token.text)
            if mask is None or mask.kind != "host":
                raise Complaint("missing address after 'mask'", mask_token.column, len(mask_token.text))
            return Data("net", data.value, mask.value)
    return data


def read_address(text: str) -> Data | None:
    """A literal IPv4 address, prefix or Ethernet address."""
    try:
        return Data("host", ipv4_number(text))
    except ValueError:
        pass
    try:
        address, length = ipv4_prefix_numbers(text)
        return Data("net", address, ~((1 << (32 - length)) - 1) & 0xFFFF_FFFF)
    except ValueError:
        pass
    try:
        return Data("ether", int(EtherAddress(text)))
    except ValueError:
        return None


def named_data(reader: Reader, item: Primitive) -> Data | None:
    """What the next token means as a name; None if it need not belong to the primitive."""
    token, vocabulary, kind = reader.token, reader.vocabulary, item.kind
    match kind:
        case "proto":
            value = vocabulary.protocol(token.text)
            data = None if value is None else Data("proto", value)
        case "opt":
            data = Data("opt", FLAGS[token.text]) if token.text in FLAGS else None
        case "host" | "net" | "ether":
            data = named_address(vocabulary, token.text, kind)
        case Field():
            value = STATES.get(token.text) if kind == STATE else \
                vocabulary.number("icmp type", token.text) if kind == ICMP_TYPE else None
            data = None if value is None else Data("int", value)
        case _:
            data = one_meaning(reader, item) or (named_address(vocabulary, token.text, "") if kind is None else None)
            if data is None and kind is None and not (item.direction or item.relation != "=" or item.mask):
                return None
    if data is None:
        reader.take()
        raise Complaint(f"unknown {item.name if kind else 'name'} '{token.text}'{vocabulary.suggestion(token.text)}",
                        token.column, len(token.text))
    return data


def named_address(vocabulary: Vocabulary, name: str, kind: str) -> Data | None:
    """What AddressInfo says about a name, as the kind of address that is asked for."""
    found = vocabulary.prefix(name) if kind == "net" else vocabulary.address(name)
    match found:
        case IPv4Interface():
            return Data("net", int(found.ip), int(found.netmask))
        case IPv4Address():
            return Data("host", int(found))
        case EtherAddress():
            return Data("ether", int(found))
    return None


def one_meaning(reader: Reader, item: Primitive) -> Data | None:
    """The one meaning that a name can have in a primitive; None if it has none anywhere."""
    token = reader.token
    found = list(reader.vocabulary.meanings(token.text))
    fitting = [meaning for meaning in found if fits(meaning, item)]
    if len(fitting) == 1:
        return Data(fitting[0].kind, fitting[0].value)
    if not found:
        return None
    reader.take()
    choices = " or ".join(f"'{meaning.spelling}'" for meaning in fitting or found)
    raise Complaint(f"'{token.text}' is {'ambiguous' if fitting else 'out of place'}; use {choices}",
                    token.column, len(token.text))


def fits(meaning: Meaning, item: Primitive) -> bool:
    """Whether a name can have this meaning after the qualifiers of a primitive."""
    if item.kind == "port" and "port" not in meaning.kind:
        return False
    return item.protocol is None or item.protocol in PORT_PROTOCOLS[meaning.kind]

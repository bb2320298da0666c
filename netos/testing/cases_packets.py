"""Packets of case files: expressions of scapy's layers, the frames they make, and frames as text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any

from netos.errors import NetosError

ALLOWED = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.List,
           ast.Tuple, ast.Dict, ast.Subscript, ast.Slice, ast.Div, ast.Mult, ast.Add, ast.Sub, ast.BitOr, ast.unaryop)
# What scapy would look up on the machine that it runs on, were it not written.
FROM_THE_MACHINE = {"Ether": ("dst", "src"), "IP": ("src",), "IPv6": ("src",), "ARP": ("hwsrc", "psrc")}
NOT_A_FRAME = ("ARP", "IP", "IPv6", "ICMP", "TCP", "UDP")


class PacketError(NetosError):
    """A packet that makes no sense, and why."""


class NoScapyError(PacketError):
    """No packet of layers makes sense, for this reason."""


@cache
def layers() -> dict[str, Any]:
    """Scapy's layers by name; raises NoScapyError where there is no scapy."""
    try:
        scapy = import_module("scapy.all")
    except ImportError:
        raise NoScapyError(f"this needs scapy: install it ({sys.executable} -m pip install scapy), "
                           "or write 'hex' and the bytes") from None
    return {name: value for name, value in vars(scapy).items()
            if isinstance(value, type) and issubclass(value, scapy.Packet)}


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression of layers, constants, operators and the names given; raises PacketError."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise PacketError(f"this is no expression: {getattr(error, 'msg', error)}") from None
    namespace = {**layers(), **names}
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            wrong = ast.unparse(node) if isinstance(node, ast.expr) else text.strip()
            raise PacketError(f"'{wrong}': a packet is written with layers, their fields, constants and names of 'let'")
        if isinstance(node, ast.Name) and node.id not in namespace:
            hint = get_close_matches(node.id, namespace, n=1)
            raise PacketError(f"there is no layer or name '{node.id}'{f'; did you mean {hint[0]}?' if hint else ''}")
    try:
        return eval(compile(tree, "<packet>", "eval"), {"__builtins__": {}}, namespace)
    except AttributeError as error:
        raise PacketError(f"no such field: {error}") from None
    except Exception as error:
        raise PacketError(f"{type(error).__name__}: {error}") from None


def each_packet(value: Any) -> list[Any]:
    """The packets of a value: one, or as many as a list of them has (`packet * 3`); raises PacketError."""
    found = []
    for one in value if isinstance(value, (list, tuple)) else [value]:
        packet = layers()["Raw"](one) if isinstance(one, bytes) else one
        if not isinstance(packet, tuple(layers().values())):
            raise PacketError(f"{one!r} is no packet")
        if type(packet).__name__ in NOT_A_FRAME:
            raise PacketError(f"it begins with {type(packet).__name__}: what a device carries begins with Ether(…)/")
        found.append(packet)
    return found


def chain(packet: Any) -> list[Any]:
    """The layers of a packet, outermost first."""
    found = []
    while packet is not None and type(packet).__name__ != "NoPayload":
        found.append(packet)
        packet = packet.payload
    return found


def frame_bytes(packet: Any) -> bytes:
    """The frame to send; raises PacketError where it would differ from machine to machine."""
    for layer in chain(packet):
        name = type(layer).__name__
        for field in FROM_THE_MACHINE.get(name, ()):
            if layer.fields.get(field) is None:
                raise PacketError(f"write {name}'s {field}: it would be that of the machine this runs on")
    try:
        return bytes(packet)
    except Exception as error:
        raise PacketError(f"{type(error).__name__}: {error}") from None


def summary(data: bytes) -> str:
    """A frame in one line."""
    try:
        return str(layers()["Ether"](data).summary())
    except Exception:               # no scapy, or a frame that ends too early for it
        return f"{len(data)} byte{'' if len(data) == 1 else 's'}"


def hexdump(data: bytes) -> list[str]:
    """Sixteen bytes a line, with offset and text."""
    return [f"{start:04x}  {data[start:start + 16].hex(' '):<47}  "
            f"{''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in data[start:start + 16])}"
            for start in range(0, len(data), 16)]

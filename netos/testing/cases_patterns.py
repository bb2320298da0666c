"""What case files expect of frames: only what is written counts, and checksums nobody wrote must be right."""

from __future__ import annotations

import re
from typing import Any

from netos.testing.cases_packets import PacketError, chain

CHECKSUMS = ("chksum", "cksum")
HEX = re.compile(r"(?:[0-9A-Fa-f]{2}|\.\.)(?:[\s:-]?(?:[0-9A-Fa-f]{2}|\.\.))*")
SEPARATORS = re.compile(r"[\s:-]")


class HexPattern:
    """Bytes as hexadecimal digits, `..` for a byte that may be anything."""

    def __init__(self, text: str) -> None:
        if not HEX.fullmatch(text.strip()):
            raise PacketError("hex is followed by two hexadecimal digits a byte; spaces and colons may stand between")
        digits = SEPARATORS.sub("", text)
        self.bytes = [digits[at:at + 2].lower() for at in range(0, len(digits), 2)]

    def __str__(self) -> str:
        return f"hex {' '.join(self.bytes)}"

    def data(self) -> bytes:
        """The frame to send."""
        if ".." in self.bytes:
            raise PacketError("'..' stands for any byte: what is sent must be written")
        return bytes.fromhex("".join(self.bytes))

    def differences(self, data: bytes) -> list[str]:
        """What is other than written."""
        pairs = enumerate(zip(self.bytes, data))
        found = [f"byte {at}: expected {wanted}, got {byte:02x}" for at, (wanted, byte) in pairs
                 if wanted not in ("..", f"{byte:02x}")]
        if len(data) != len(self.bytes):
            found.append(f"expected {len(self.bytes)} bytes, got {len(data)}")
        return found


class LayerPattern:
    """A scapy packet whose unset fields and further layers may be anything; unset checksums must be right."""

    def __init__(self, packet: Any) -> None:
        self.packet = packet

    def __str__(self) -> str:
        return str(self.packet.command())

    def differences(self, data: bytes) -> list[str]:
        """What is other than written."""
        try:
            return self.compared(type(self.packet)(data)) or self.wrong_checksums(data)
        except Exception as error:
            return [f"scapy cannot take this frame apart: {error}"]

    def compared(self, got: Any) -> list[str]:
        """What is other than written in a frame that was taken apart."""
        found: list[str] = []
        before = None
        for wanted in chain(self.packet):
            name = type(wanted).__name__
            if name == "Raw":
                rest = rest_of(got)
                if rest != bytes(wanted):
                    found.append(f"payload: expected {bytes(wanted)!r}, got {rest!r}")
                break
            if type(got).__name__ == "Raw" and type(before).__name__ in ("TCP", "UDP"):
                got = type(wanted)(got.load)        # on a port that scapy does not know
            if not isinstance(got, type(wanted)):
                came = type(got).__name__ if chain(got) else "nothing more"
                return [*found, f"expected {name}, got {came}"]
            found += field_differences(wanted, got)
            before, got = got, got.payload
        return found

    def wrong_checksums(self, data: bytes) -> list[str]:
        """Checksums of the layers written that do not fit the frame, unless they are written themselves."""
        whole = type(self.packet)(data)
        if any(value is None for layer in chain(whole) for value in layer.fields.values()):
            return []           # it ends within a header: scapy would ask this machine for what is missing
        bare = whole.copy()
        checked = []
        fragment = False
        for depth, (wanted, got, copy) in enumerate(zip(chain(self.packet), chain(whole), chain(bare))):
            name = type(got).__name__
            field = next((field for field in CHECKSUMS if field in got.fields), "")
            open_here = field and wanted.fields.get(field) is None and "error" not in name and not fragment
            if open_here and (name != "UDP" or got.fields[field]):      # 0: UDP without one (RFC 768)
                copy.delfieldval(field)
                checked.append((depth, field, got))
            fragment = fragment or (name == "IP" and bool(got.frag or got.flags.MF))
        computed = chain(type(self.packet)(bytes(bare)))
        return [f"{type(got).__name__}.{field}: {got.fields[field]:#06x} is wrong, {right:#06x} is right"
                for depth, field, got in checked if depth < len(computed)
                if (right := computed[depth].fields.get(field, 0)) != got.fields[field]]


def rest_of(got: Any) -> bytes:
    """The bytes of a frame from a layer on, without padding."""
    if type(got).__name__ in ("NoPayload", "Padding"):
        return b""
    return bytes(got.load if type(got).__name__ == "Raw" else got.original)


def field_differences(wanted: Any, got: Any) -> list[str]:
    """The fields written in one layer that the other has otherwise."""
    name, found = type(wanted).__name__, []
    for field, value in wanted.fields.items():
        if value is None or (isinstance(value, list) and value == wanted.default_fields.get(field)):
            continue            # scapy puts default lists where written ones are
        came = got.getfieldval(field)
        if not same(got.get_field(field), got, value, came):
            found.append(f"{name}.{field}: expected {value!r}, got {came!r}")
    return found


def same(field: Any, layer: Any, wanted: Any, got: Any) -> bool:
    """Whether a field has the value written: that one, one of a list or network, or one between two of a pair."""
    if wanted == got or got is None:        # None: the frame ends before this field
        return bool(wanted == got)
    if type(wanted).__name__ in ("Net", "Net6"):
        return got in wanted
    if getattr(field, "islist", False):
        wanted, got = options(wanted), options(got)
        return len(wanted) == len(got) and all(
            not field_differences(one, other) if type(one) is type(other) and hasattr(one, "fields") else one == other
            for one, other in zip(wanted, got))
    if isinstance(wanted, list):
        return any(same(field, layer, one, got) for one in wanted)
    if isinstance(wanted, tuple) and len(wanted) == 2 and isinstance(got, int):
        return bool(wanted[0] <= got <= wanted[1])
    try:
        return bool(field.i2m(layer, field.any2i(layer, wanted)) == field.i2m(layer, got))
    except Exception:
        return False


def options(value: Any) -> list[Any]:
    """The items of a list of options, without the ends that fill it up."""
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    while items and (type(items[-1]).__name__ == "IPOption_EOL" or items[-1] == ("EOL", None)):
        items.pop()
    return items

"""IPPrint: show IPv4 packets, a line each (Click's IPPrint)."""

from __future__ import annotations

import os
from typing import Annotated, Any

from elements.ip.packet_lines import hex_lines, number, packet_line, payload_of, text_lines
from netos.args import Bool, Deprecated, FileName, Integer, OneOf, Text, Word
from netos.errors import ArgumentError
from netos.handlers import write_handler
from netos.pyelement import PyElement

CONTENTS = {"none": None, "false": None, "hex": hex_lines, "true": hex_lines, "ascii": text_lines}
STANDARD_ERROR = 2
Contents = OneOf(*CONTENTS, *(word.upper() for word in CONTENTS))


class IPPrint(PyElement):
    """Pass packets, and show those with a marked IP header on standard error, or in OUTFILE.

    Before what the packet is come LABEL and, each if it is true, TIMESTAMP (which is), AGGREGATE, PAINT, ID, TTL, TOS
    and LENGTH. CONTENTS and PAYLOAD (NONE, HEX or ASCII) show up to MAXLENGTH bytes of the packet and of what it
    carries. SWAP exchanges source and destination. Handlers: active (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    handlers = ("active",)
    observes = True

    outfile = ""
    handle: int | None = None

    def configure(self, label: Annotated[str, Text()] = "", *, contents: Annotated[str, Contents] = "none",
                  payload: Annotated[str, Contents] = "none", maxlength: Annotated[int, Integer(minimum=0)] = 1500,
                  nbytes: Annotated[int | None, Deprecated(Integer(minimum=0), "use MAXLENGTH")] = None,
                  timestamp: Annotated[bool, Bool()] = True, paint: Annotated[bool, Bool()] = False,
                  id: Annotated[bool, Bool()] = False, tos: Annotated[bool, Bool()] = False,
                  ttl: Annotated[bool, Bool()] = False, swap: Annotated[bool, Bool()] = False,
                  length: Annotated[bool, Bool()] = False, aggregate: Annotated[bool, Bool()] = False,
                  active: Annotated[bool, Bool()] = True, outfile: Annotated[str, FileName()] = "",
                  channel: Annotated[str, Word()] = "") -> None:
        self.label, self.active, self.swap, self.outfile = label, active, swap, outfile
        self.contents, self.payload = CONTENTS[contents.lower()], CONTENTS[payload.lower()]
        self.maximum = maxlength if nbytes is None else nbytes
        self.timestamp, self.paint, self.aggregate = timestamp, paint, aggregate
        self.fields = [(name, at, size) for name, at, size, wanted in (
            ("id", 4, 2, id), ("ttl", 8, 1, ttl), ("tos", 1, 1, tos), ("length", 2, 2, length)) if wanted]

    def initialize(self) -> None:
        self.handle = STANDARD_ERROR
        if self.outfile:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                self.handle = 1 if self.outfile == "-" else os.open(self.outfile, flags, 0o666)
            except OSError as error:
                raise ArgumentError(f"cannot write {self.outfile}: {error.strerror}", "OUTFILE") from None

    def cleanup(self) -> None:
        if self.outfile and self.handle is not None and self.handle > STANDARD_ERROR:
            os.close(self.handle)
        self.handle = None

    @write_handler("active")
    def set_active(self, active: Annotated[bool, Bool()]) -> None:
        """Show packets, or only pass them on."""
        self.active = active

    def process(self, packet: Any) -> Any:
        """Show one packet."""
        if self.active and self.handle is not None and packet.network_header is not None:
            os.write(self.handle, f"{self.line(packet)}\n".encode("latin-1", "replace"))
        return packet

    def line(self, packet: Any) -> str:
        """What is shown of a packet."""
        data = bytes(packet)
        ip = data[packet.network_header:] if packet.network_header >= 0 else b""
        parts = [f"{self.label}: "] if self.label else []
        if self.timestamp:
            seconds, rest = divmod(packet.timestamp, 1_000_000_000)
            parts.append(f"{seconds}.{rest:09}: ")
        marks = []
        if self.aggregate:
            marks.append(f"#{number(packet.annotation(20, 4), 0, 4)}")
        if self.paint:
            marks.append(f"{packet.paint}" if self.aggregate else f"paint {packet.paint}")
        if marks:
            parts.append(f"{'.'.join(marks)}: ")
        if len(ip) >= 20:
            parts += [f"{name} {number(ip, at, size)} " for name, at, size in self.fields]
        parts.append(packet_line(ip, len(data), self.swap))
        if self.contents:
            parts.append(self.contents(data[:self.maximum]))
        if self.payload:
            parts.append(self.payload(payload_of(ip)[:self.maximum]))
        return "".join(parts)

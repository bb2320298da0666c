"""Writing pcapng (draft-ietf-opsawg-pcapng): an interface for each edge, so that a reader shows where a packet was."""

from __future__ import annotations

import struct
from typing import BinaryIO

SECTION, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
LINK_ETHERNET, LINK_RAW = 1, 101
COMMENT, HARDWARE, SYSTEM, APPLICATION = 1, 2, 3, 4
NAME, RESOLUTION = 2, 9
PACKET_ID = 5
NANOSECONDS = b"\x09"


def option(code: int, value: bytes) -> bytes:
    """One option, padded."""
    return struct.pack("=HH", code, len(value)) + value + bytes(-len(value) % 4)


class PcapngWriter:
    """Writes a section to a file of bytes; what is written is whole blocks, flushed by whoever has the file."""

    def __init__(self, file: BinaryIO, snaplen: int = 0) -> None:
        self.file = file
        self.snaplen = snaplen
        self.interfaces: dict[tuple[str, int], int] = {}
        self.block(SECTION, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1), option(APPLICATION, b"netos"))

    def block(self, kind: int, body: bytes, options: bytes) -> None:
        """One block; the options end with an empty one."""
        body += options + (bytes(4) if options else b"")
        size = struct.pack("=I", len(body) + 12)
        self.file.write(struct.pack("=I", kind) + size + body + size)

    def interface(self, name: str, link: int) -> int:
        """The number of the interface with that name and link type, which is described the first time."""
        found = self.interfaces.get((name, link))
        if found is None:
            found = self.interfaces[name, link] = len(self.interfaces)
            self.block(INTERFACE, struct.pack("=HHI", link, 0, self.snaplen),
                       option(NAME, name.encode()) + option(RESOLUTION, NANOSECONDS))
        return found

    def packet(self, name: str, link: int, time: int, data: bytes, length: int, *, comment: str = "",
               number: int | None = None) -> None:
        """A packet on an interface at a time in nanoseconds; packets of one number are one packet, seen again."""
        interface = self.interface(name, link)
        options = option(COMMENT, comment.encode()) if comment else b""
        if number is not None:
            options += option(PACKET_ID, struct.pack("=Q", number))
        self.block(ENHANCED_PACKET, struct.pack("=IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(data), length)
                   + data + bytes(-len(data) % 4), options)

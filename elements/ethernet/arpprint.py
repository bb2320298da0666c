"""ARPPrint: show ARP packets in words, as tcpdump does (Click's ARPPrint)."""

from __future__ import annotations

import os
from typing import Annotated, Any

from netos.addresses import EtherAddress, IPv4Address
from netos.args import FileName, Text
from netos.errors import NetosError
from netos.handlers import write_handler
from netos.pyelement import PyElement

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
NETWORK_TYPES = b"\x00\x01\x08\x00\x06\x04"


class ARPPrint(PyElement):
    """Pass packets, and write a line about each that is ARP for IP on Ethernet, with or without its Ethernet header.

    LABEL comes first, then the timestamp unless TIMESTAMP is false, and with ETHER the addresses of the frame.
    OUTFILE is where lines go: a file, - for standard output, else standard error. Handlers: active (read, write).
    """

    ports = "1/1"
    processing = "a/a"
    handlers = ("active",)

    def configure(self, label: Annotated[str, Text] = "", *, timestamp: bool = True, ether: bool = False,
                  active: bool = True, outfile: Annotated[str, FileName] = "") -> None:
        self.label = label
        self.timestamp = timestamp
        self.ether = ether
        self.active = active
        self.outfile = outfile
        self.output_file = STANDARD_ERROR

    def initialize(self) -> None:
        if self.outfile == "-":
            self.output_file = STANDARD_OUTPUT
        elif self.outfile:
            try:
                self.output_file = os.open(self.outfile, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            except OSError as error:
                raise NetosError(f"{self.outfile}: {error.strerror}") from error

    def cleanup(self) -> None:
        if getattr(self, "output_file", STANDARD_ERROR) > STANDARD_ERROR:
            os.close(self.output_file)
            self.output_file = STANDARD_ERROR

    @write_handler("active")
    def set_active(self, active: bool) -> None:
        """Write lines, or only pass packets on."""
        self.active = active

    def process(self, packet: Any) -> Any:
        if self.active:
            os.write(self.output_file, self.line(packet).encode("latin-1"))
        return packet

    def line(self, packet: Any) -> str:
        """What there is to say about a packet."""
        data = bytes(packet)
        framed = data[12:14] == b"\x08\x06"
        words = [f"{self.label}: "] if self.label else []
        if self.timestamp:
            words.append(f"{packet.timestamp // 10**9}.{packet.timestamp % 10**9:09}: ")
        if self.ether and framed:
            words.append(f"{EtherAddress(data[6:12])} > {EtherAddress(data[:6])}: ")
        return "".join([*words, describe(data[14:] if framed else data), "\n"])


def describe(arp: bytes) -> str:
    """An ARP packet in words."""
    if len(arp) < 28:
        return f"truncated-arp ({len(arp)} bytes)"
    if arp[:6] != NETWORK_TYPES:
        return f"arp of other types ({arp[:6].hex()})"
    operation = int.from_bytes(arp[6:8], "big")
    sender, target = IPv4Address(arp[14:18]), IPv4Address(arp[24:28])
    if operation == 1:
        return f"arp who-has {target} tell {sender}"
    if operation == 2:
        return f"arp reply {sender} is-at {EtherAddress(arp[8:14])}"
    return f"arp op {operation} from {sender} for {target}"

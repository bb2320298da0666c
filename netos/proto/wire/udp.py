"""UDP (RFC 768)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netos.checksum import transport_checksum
from netos.proto.wire.base import Endpoints, Parsed, Reading, WireError, number
from netos.proto.wire.ipv4 import UDP

LENGTH, LENGTH_MAX = 8, 65535


@dataclass(frozen=True)
class Udp:
    """A datagram's ports. The checksum needs the addresses it goes `between` (Ipv4.between): else there is none."""

    source: int = 0
    destination: int = 0

    protocol_name: ClassVar[str] = "udp"

    @classmethod
    def parse(cls, data: bytes, *, between: Endpoints | None = None, strict: bool = True) -> Parsed[Udp]:
        """Read a datagram. Faults: the checksum, a length past the end."""
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, LENGTH)
        length = int.from_bytes(data[4:6], "big")
        if length < LENGTH:
            reading.refuse("length", f"{length}, less than that of the header, {LENGTH}")
        if length > len(data):
            reading.fault("length", f"{length}, but {len(data)} bytes are there")
        elif between is not None and any(data[6:8]) and transport_checksum(
                between[0].packed, between[1].packed, UDP, bytes(data[:length])):
            reading.fault("checksum", "wrong")
        made = cls(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"))
        return Parsed(made, bytes(data[LENGTH:length]), bytes(data[length:]), tuple(reading.faults))

    def build(self, payload: bytes = b"", *, between: Endpoints | None = None) -> bytes:
        """The datagram."""
        length = LENGTH + len(payload)
        if length > LENGTH_MAX:
            raise WireError(self.protocol_name, "length", f"{length}, of {LENGTH_MAX} at most")
        made = (number("udp", "source", self.source, 2) + number("udp", "destination", self.destination, 2)
                + length.to_bytes(2, "big") + bytes(2) + payload)
        if between is None:
            return made
        check = transport_checksum(between[0].packed, between[1].packed, UDP, made) or 0xFFFF
        return made[:6] + check.to_bytes(2, "big") + made[8:]

    def show(self, payload: bytes = b"") -> str:
        """Ports and length."""
        return f"udp {self.source} > {self.destination}, {len(payload)} bytes"

"""DHCPv4 messages (RFC 2131, RFC 2132; long options by RFC 3396)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar

from netos.proto.wire.base import Parsed, Reading, WireError, bits, convert, ipv4, number

SERVER_PORT, CLIENT_PORT = 67, 68
PORTS = {SERVER_PORT, CLIENT_PORT}
REQUEST, REPLY = 1, 2
COOKIE = bytes((99, 130, 83, 99))
FIXED, LEAST = 240, 300             # bytes: before the options; of a whole message (RFC 1542 section 2.1)
SERVER_NAME, FILE = 64, 128         # bytes of these fields

PAD, END = 0, 255
SUBNET_MASK, ROUTER, NAME_SERVERS, HOST_NAME, DOMAIN_NAME, MTU, BROADCAST = 1, 3, 6, 12, 15, 26, 28
REQUESTED_ADDRESS, LEASE_TIME, OVERLOAD, MESSAGE_TYPE, SERVER_IDENTIFIER, PARAMETERS, MESSAGE = range(50, 57)
SIZE_MAX, RENEWAL_TIME, REBINDING_TIME, CLIENT_IDENTIFIER, SEARCH, CLASSLESS_ROUTES = 57, 58, 59, 61, 119, 121

DISCOVER, OFFER, DHCP_REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
TYPES = ("", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform")
NAMES = {SUBNET_MASK: "mask", ROUTER: "routers", NAME_SERVERS: "name servers", HOST_NAME: "host", DOMAIN_NAME: "domain",
         MTU: "mtu", BROADCAST: "broadcast", REQUESTED_ADDRESS: "requested", LEASE_TIME: "lease",
         SERVER_IDENTIFIER: "server", PARAMETERS: "wanted", MESSAGE: "message", SIZE_MAX: "size", RENEWAL_TIME: "t1",
         REBINDING_TIME: "t2", CLIENT_IDENTIFIER: "client", CLASSLESS_ROUTES: "routes"}
ADDRESSES = (SUBNET_MASK, ROUTER, NAME_SERVERS, BROADCAST, REQUESTED_ADDRESS, SERVER_IDENTIFIER)
NUMBERS = {LEASE_TIME: 4, RENEWAL_TIME: 4, REBINDING_TIME: 4, MTU: 2, SIZE_MAX: 2}
LENGTHS = {SUBNET_MASK: 4, REQUESTED_ADDRESS: 4, SERVER_IDENTIFIER: 4, BROADCAST: 4, MESSAGE_TYPE: 1, **NUMBERS}
ANY = IPv4Address(0)


@dataclass(frozen=True)
class Dhcp:
    """A message. `options` are (code, data) in the order of the wire, without padding, end and overload."""

    operation: int = REQUEST
    transaction: int = 0
    client: IPv4Address = ANY       # ciaddr: the address that the client has
    your: IPv4Address = ANY         # yiaddr: the one it is given
    server: IPv4Address = ANY       # siaddr: where to boot from
    relay: IPv4Address = ANY        # giaddr
    hardware: bytes = bytes(6)
    seconds: int = 0
    broadcast: bool = False
    hops: int = 0
    hardware_type: int = 1
    server_name: bytes = b""
    file: bytes = b""
    options: tuple[tuple[int, bytes], ...] = ()

    protocol_name: ClassVar[str] = "dhcp"

    def __post_init__(self) -> None:
        convert(self, client=ipv4, your=ipv4, server=ipv4, relay=ipv4, hardware=bytes, options=tuple)

    def option(self, code: int) -> bytes | None:
        """The data of an option, None when it is not there."""
        return next((data for found, data in self.options if found == code), None)

    def addresses(self, code: int) -> tuple[IPv4Address, ...]:
        """The addresses of an option, none when it is not there or not of addresses."""
        data = self.option(code) or b""
        return () if len(data) % 4 else tuple(IPv4Address(data[at:at + 4]) for at in range(0, len(data), 4))

    def address(self, code: int) -> IPv4Address | None:
        """The first address of an option."""
        return next(iter(self.addresses(code)), None)

    def number(self, code: int) -> int | None:
        """The number in an option, None when it is not there or not of the size it should have."""
        data = self.option(code)
        return None if data is None or len(data) != LENGTHS.get(code, len(data)) else int.from_bytes(data, "big")

    @property
    def message_type(self) -> int:
        """What kind of message this is; 0: not said."""
        return self.number(MESSAGE_TYPE) or 0

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = True) -> Parsed[Dhcp]:
        """Read a message. Faults: options past the end or without one, or of a wrong length; a looping overload."""
        data = bytes(data)
        reading = Reading(cls.protocol_name, strict)
        reading.need(data, FIXED)
        if data[236:FIXED] != COOKIE:
            reading.refuse("cookie", f"{data[236:FIXED].hex()}, not {COOKIE.hex()}")
        if data[0] not in (REQUEST, REPLY):
            reading.fault("operation", f"{data[0]} is neither request nor reply")
        if data[2] > 16:
            reading.refuse("hardware length", f"{data[2]}, of 16 at most")
        found = parse_options(data[FIXED:], reading)
        server_name, file = data[44:44 + SERVER_NAME], data[108:108 + FILE]
        overload = found.pop(OVERLOAD, b"\0")
        if overload not in (b"\0", b"\1", b"\2", b"\3"):
            reading.fault("overload", f"{overload.hex()} is not 1, 2 or 3")
            overload = b"\0"
        if overload[0] & 1:
            merge(found, parse_options(file, reading), reading)
            file = b""
        if overload[0] & 2:
            merge(found, parse_options(server_name, reading), reading)
            server_name = b""
        for code, value in found.items():
            if len(value) != LENGTHS.get(code, len(value)) or (code in ADDRESSES and (not value or len(value) % 4)):
                reading.fault("options", f"{NAMES.get(code, code)} of {len(value)} bytes")
        made = cls(data[0], int.from_bytes(data[4:8], "big"), IPv4Address(data[12:16]), IPv4Address(data[16:20]),
                   IPv4Address(data[20:24]), IPv4Address(data[24:28]), data[28:28 + data[2]],
                   int.from_bytes(data[8:10], "big"), bool(data[10] & 0x80), data[3], data[1],
                   server_name.rstrip(b"\0"), file.rstrip(b"\0"), tuple(found.items()))
        return Parsed(made, b"", b"", tuple(reading.faults))

    def build(self, payload: bytes = b"") -> bytes:
        """The message; it carries nothing."""
        name = self.protocol_name
        if payload:
            raise WireError(name, "payload", "a message carries none")
        if len(self.hardware) > 16 or len(self.server_name) > SERVER_NAME or len(self.file) > FILE:
            raise WireError(name, "length", "hardware has 16 bytes at most, server_name 64, file 128")
        made = (bytes((bits(name, "operation", self.operation, 8), bits(name, "hardware_type", self.hardware_type, 8),
                       len(self.hardware), bits(name, "hops", self.hops, 8)))
                + number(name, "transaction", self.transaction, 4) + number(name, "seconds", self.seconds, 2)
                + (b"\x80\0" if self.broadcast else bytes(2)) + self.client.packed + self.your.packed
                + self.server.packed + self.relay.packed + self.hardware.ljust(16, b"\0")
                + self.server_name.ljust(SERVER_NAME, b"\0") + self.file.ljust(FILE, b"\0") + COOKIE
                + build_options(self.options))
        return made.ljust(LEAST, b"\0")

    def show(self, payload: bytes = b"") -> str:
        """The kind of message, addresses and options."""
        kind = TYPES[self.message_type] if self.message_type < len(TYPES) else f"type {self.message_type}"
        parts = [f"dhcp {kind or 'bootp'}", f"xid {self.transaction:#010x}", self.hardware.hex(":")]
        addresses = (("ciaddr", self.client), ("yiaddr", self.your), ("siaddr", self.server), ("giaddr", self.relay))
        parts += [f"{name} {value}" for name, value in addresses if value != ANY]
        parts += [self.show_option(code, data) for code, data in self.options if code != MESSAGE_TYPE]
        return ", ".join(parts)

    def show_option(self, code: int, data: bytes) -> str:
        if code in ADDRESSES and data and len(data) % 4 == 0:
            value = " ".join(map(str, self.addresses(code)))
        elif code in NUMBERS:
            value = str(int.from_bytes(data, "big"))
        elif code in (HOST_NAME, DOMAIN_NAME, MESSAGE):
            value = repr(data.decode("ascii", "backslashreplace"))
        else:
            value = data.hex()
        return f"{NAMES.get(code, f'option {code}')} {value}"


def parse_options(data: bytes, reading: Reading) -> dict[int, bytes]:
    """The options of a field; parts of one option are put together (RFC 3396)."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        code = data[at]
        if code == END:
            return found
        if code == PAD:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else len(data)
        if at + 2 + length > len(data):
            reading.fault("options", f"option {code} at {at} runs past the end")
            return found
        found[code] = found.get(code, b"") + data[at + 2:at + 2 + length]
        at += 2 + length
    reading.fault("options", "they have no end")
    return found


def merge(into: dict[int, bytes], more: dict[int, bytes], reading: Reading) -> None:
    """Add the options of an overloaded field; one that overloads again is not followed."""
    if more.pop(OVERLOAD, None) is not None:
        reading.fault("overload", "within an overloaded field")
    for code, data in more.items():
        into[code] = into.get(code, b"") + data


def build_options(options: Iterable[tuple[int, bytes]]) -> bytes:
    """Options as bytes, with their end; those of more than 255 bytes in parts."""
    made = b""
    for code, data in options:
        if code in (PAD, END, OVERLOAD) or not 0 < code < 255:
            raise WireError("dhcp", "options", f"{code} is not the code of an option that can be given")
        for at in range(0, max(len(data), 1), 255):
            part = data[at:at + 255]
            made += bytes((code, len(part))) + part
    return made + bytes((END,))

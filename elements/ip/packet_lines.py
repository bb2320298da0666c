"""IPv4 packets as lines of text, much as tcpdump writes them (Click's IPPrint)."""

from __future__ import annotations

from netos.addresses import IPv4Address

ICMP_NAMES = {0: "echo-reply", 3: "unreachable", 4: "source-quench", 5: "redirect", 8: "echo", 9: "router-advert",
              10: "router-solicit", 11: "time-exceeded", 12: "parameter-problem", 13: "timestamp",
              14: "timestamp-reply", 15: "info-request", 16: "info-reply", 17: "mask-request", 18: "mask-reply"}
ECHOES = (0, 8)
FLAGS = ((0x02, "S"), (0x01, "F"), (0x04, "R"), (0x08, "P"))
ACKNOWLEDGES, URGENT = 0x10, 0x20
MORE_FRAGMENTS, OFFSET = 0x2000, 0x1FFF


def number(data: bytes, at: int, size: int = 2) -> int:
    """A number in network order."""
    return int.from_bytes(data[at:at + size], "big")


def packet_line(ip: bytes, length: int, swap: bool = False) -> str:
    """What an IP packet is, from its header on; `length` is that of all the packet."""
    if len(ip) < 20:
        return "truncated-ip"
    source, destination = str(IPv4Address(ip[12:16])), str(IPv4Address(ip[16:20]))
    if swap:
        source, destination = destination, source
    fragment, total, header = number(ip, 6), number(ip, 2), 4 * (ip[0] & 15)
    body = ip[header:max(total, header)]
    if fragment & OFFSET:
        text = f"{source} > {destination}:"
    elif ip[9] in (6, 17):
        text = port_line(ip[9], source, destination, body, length, total - header, swap)
    elif ip[9] == 1:
        text = f"{source} > {destination}: {icmp_text(body)}"
    else:
        text = f"{source} > {destination}: ip-proto-{ip[9]}"
    if fragment & (MORE_FRAGMENTS | OFFSET):
        more = "+" if fragment & MORE_FRAGMENTS else ""
        text += f" (frag {number(ip, 4)}:{total - header}@{(fragment & OFFSET) * 8}{more})"
    return text


def port_line(protocol: int, source: str, destination: str, body: bytes, length: int, carried: int, swap: bool) -> str:
    """A TCP or UDP packet; `carried` is what the IP header says it carries."""
    ports = (number(body, 0), number(body, 2))
    first, second = (ports[1], ports[0]) if swap else ports
    text = f"{source}.{first} > {destination}.{second}: " if len(body) >= 4 else f"{source} > {destination}: "
    if protocol == 17:
        return text + (f"udp {number(body, 4)}" if len(body) >= 8 else "truncated-udp")
    if len(body) < 20:
        return text + "truncated-tcp"
    flags = body[13]
    payload = carried - 4 * (body[12] >> 4)
    covered = payload + bool(flags & 2) + bool(flags & 1)
    sequence = number(body, 4, 4)
    text += "".join(letter for bit, letter in FLAGS if flags & bit) or "."
    text += f" {sequence}:{sequence + covered & 0xFFFFFFFF}({covered},{length},{carried})"
    if flags & ACKNOWLEDGES:
        text += f" ack {number(body, 8, 4)}"
    text += f" win {number(body, 14)}"
    return text + (f" urg {number(body, 18)}" if flags & URGENT else "")


def icmp_text(body: bytes) -> str:
    """An ICMP message."""
    if len(body) < 8:
        return "truncated-icmp"
    name = ICMP_NAMES.get(body[0], f"type-{body[0]}")
    if body[0] in ECHOES:
        return f"icmp {name} ({number(body, 4)}, {number(body, 6)})"
    return f"icmp {name}" + (f" code {body[1]}" if body[1] else "")


def payload_of(ip: bytes) -> bytes:
    """What a packet carries behind its transport header, as far as it has one."""
    if len(ip) < 20:
        return b""
    header = 4 * (ip[0] & 15)
    body = ip[header:max(number(ip, 2), header)]
    if number(ip, 6) & OFFSET:
        return body
    skipped = {1: 8, 6: 4 * (body[12] >> 4) if len(body) > 12 else 20, 17: 8}.get(ip[9], 0)
    return body[skipped:]


def hex_lines(data: bytes) -> str:
    """Lines of 24 bytes in hexadecimal, in groups of four."""
    return "".join("\n  " + data[at:at + 24].hex(" ", -4) for at in range(0, len(data), 24))


def text_lines(data: bytes) -> str:
    """Lines of 48 characters in groups of eight, a dot for what cannot be shown."""
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return "".join("\n  " + " ".join(shown[group:group + 8] for group in range(at, min(at + 48, len(shown)), 8))
                   for at in range(0, len(shown), 48))

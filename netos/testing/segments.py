"""Segments by the names of their fields: one Stack, and a peer that is played by the test, in virtual time.

    peer = Peer()                                   # 10.0.0.1, the test; the stack has 10.0.0.2
    server = peer.accepted(sack=True)               # a handshake; a TcpEndpoint of the stack
    peer.send(b"hello", flags="PA")
    peer.expect("A", ack=peer.next)
    peer.silence()
    peer.wait(0.2)                                  # seconds
    peer.expect("PA", data=b"again")

`send` and `expect` count sequence numbers as the peer would: `peer.next` is what it sends next, `peer.heard` what it
expects; both relative to nothing, so that tests can put them just before the wrap.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from netos.checksum import checksum
from netos.kernel.vcpu import VirtualCpu
from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.proto.stack import Stack

SECOND = 1_000_000_000
NAME = "eth0"
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}
PEER_ETHER, STACK_ETHER = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
PEER, STACK = "10.0.0.1", "10.0.0.2"
TCP, UDP, ICMP = 6, 17, 1
WORD = 1 << 32


def address(text: str) -> bytes:
    """Four bytes of an IPv4 address."""
    return bytes(map(int, text.split(".")))


def ip_packet(protocol: int, payload: bytes, *, source: str = PEER, destination: str = STACK, options: bytes = b"",
              tos: int = 0, identification: int = 1, fragment: int = 0, ttl: int = 64) -> bytes:
    """An IPv4 packet, its checksum right."""
    length = 20 + len(options)
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | length // 4, tos, length + len(payload), identification, fragment, ttl,
                       protocol, 0, address(source), address(destination)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def with_checksum(protocol: int, segment: bytes, at: int, source: str, destination: str) -> bytes:
    """The segment with the checksum over it and the pseudo-header at that offset."""
    pseudo = address(source) + address(destination) + struct.pack("!HH", protocol, len(segment))
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2:]


def syn_options(mss: int | None = 1460, sack: bool = False, timestamp: int | None = None, scale: int | None = None,
                echo: int = 0) -> bytes:
    """The options of a SYN."""
    found = b"" if mss is None else struct.pack("!BBH", 2, 4, mss)
    if sack:
        found += b"\x01\x01\x04\x02"
    if timestamp is not None:
        found += timestamps(timestamp, echo)
    if scale is not None:
        found += bytes((1, 3, 3, scale))
    return found


def timestamps(value: int, echo: int) -> bytes:
    """A timestamps option, padded to four-byte words."""
    return struct.pack("!BBBBII", 1, 1, 8, 10, value % WORD, echo % WORD)


def sack_option(*blocks: tuple[int, int]) -> bytes:
    """A SACK option, padded to four-byte words."""
    return bytes((1, 1, 5, 2 + 8 * len(blocks))) + b"".join(struct.pack("!II", a % WORD, b % WORD) for a, b in blocks)


@dataclass
class Heard:
    """A packet that the stack sent, taken apart."""

    at: int                         # nanoseconds
    ip: bytes
    source: str = ""
    destination: str = ""
    protocol: int = 0
    tos: int = 0
    ttl: int = 0
    dont_fragment: bool = False
    payload: bytes = b""            # behind the IP header
    # of TCP
    source_port: int = 0
    destination_port: int = 0
    seq: int = 0
    ack: int = 0
    flags: str = ""
    window: int = 0
    urgent: int = 0
    options: dict[int, bytes] = field(default_factory=dict)
    kinds: list[int] = field(default_factory=list)      # of options in their order, padding too
    data: bytes = b""
    good: bool = True               # its checksum

    @property
    def timestamps(self) -> tuple[int, int] | None:
        return struct.unpack("!II", self.options[8]) if 8 in self.options else None

    @property
    def sacks(self) -> list[tuple[int, int]]:
        return list(struct.iter_unpack("!II", self.options.get(5, b"")))

    @property
    def end(self) -> int:
        """The sequence number after it."""
        return (self.seq + len(self.data) + ("S" in self.flags) + ("F" in self.flags)) % WORD


def taken_apart(at: int, ip: bytes) -> Heard:
    """Read an IPv4 packet, and a TCP segment in it."""
    header = (ip[0] & 15) * 4
    found = Heard(at, ip, ".".join(map(str, ip[12:16])), ".".join(map(str, ip[16:20])), ip[9], ip[1], ip[8],
                  bool(ip[6] & 0x40), ip[header:struct.unpack_from("!H", ip, 2)[0]])
    found.good = checksum(ip[:header]) == 0
    if found.protocol == TCP and not struct.unpack_from("!H", ip, 6)[0] & 0x3FFF:
        _read_tcp(found)
    return found


def _read_tcp(found: Heard) -> None:
    segment = found.payload
    (found.source_port, found.destination_port, found.seq, found.ack, offset, flags, found.window, _sum,
     found.urgent) = struct.unpack_from("!HHIIBBHHH", segment)
    found.flags = "".join(letter for letter in "SFRPAUEC" if FLAGS[letter] & flags)
    length = offset >> 4 << 2
    found.data = segment[length:]
    pseudo = address(found.source) + address(found.destination) + struct.pack("!HH", TCP, len(segment))
    found.good = found.good and checksum(pseudo + segment) == 0
    at = 20
    while at < length:
        kind = segment[at]
        found.kinds.append(kind)
        if kind == 0:
            break
        if kind != 1:
            found.options[kind] = segment[at + 2:at + segment[at + 1]]
        at += 1 if kind == 1 else max(segment[at + 1], 1)        # what the stack says may be wrong


class Peer:
    """A host that is played by the test, its neighbour the stack, and the time both live in.

    `heard_all` are the packets that nobody has expected yet, as Heard; ARP is answered, and not among them.
    """

    def __init__(self, *, mtu: int = 1500, cpu: VirtualCpu | None = None, start: int = SECOND, **settings: Any) -> None:
        self.cpu = cpu if cpu is not None else VirtualCpu(0)
        self.now = start
        self.stack = Stack(self.cpu)
        self.stack.now = start
        self.stack.set_interface(NAME, ether=STACK_ETHER, mtu=mtu)
        self.stack.set_addresses(NAME, [f"{STACK}/24"])
        self.stack.configure_tcp(**settings)
        self.frames: deque[bytes] = deque()         # all frames but IP
        self.heard_all: deque[Heard] = deque()
        self.port, self.stack_port = 4000, 80
        self.next, self.heard = 1000, 0             # sequence numbers
        self.window = 65535
        self.timestamp: int | None = None           # what the peer's clock shows, if both use timestamps
        self.echo = 0
        self._exchange()

    # Time and frames

    def frame(self, payload: bytes, ethertype: int = 0x0800, *, to: bytes = STACK_ETHER) -> None:
        """Send what goes into an Ethernet frame."""
        self.stack.receive(NAME, [to + PEER_ETHER + struct.pack("!H", ethertype) + payload], self.now)
        self._exchange()

    def frames_at_once(self, payloads: list[bytes]) -> None:
        """Send packets that arrive in one batch."""
        self.stack.receive(NAME, [STACK_ETHER + PEER_ETHER + b"\x08\0" + payload for payload in payloads], self.now)
        self._exchange()

    def wait(self, seconds: float) -> None:
        """Let time pass; what the stack does meanwhile happens at its time."""
        end = self.now + round(seconds * SECOND)
        self._exchange()
        while True:
            due = self.stack.next_timeout
            if due is None or due > end:
                break
            self.now = max(due, self.now)
            self._exchange()
        self.now = end
        self._exchange()

    def _exchange(self) -> None:
        """Let the stack do what is due, and take what it sends."""
        while True:
            self.stack.poll(self.now)
            packets = self.stack.take(NAME)
            if not packets:
                return
            for packet in packets:
                self._hear(bytes(packet))
                packet.kill()

    def _hear(self, frame: bytes) -> None:
        if frame[12:14] == b"\x08\0":
            self.heard_all.append(taken_apart(self.now, frame[14:]))
        elif frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == address(PEER):
            answer = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + PEER_ETHER + address(PEER) + frame[22:32]
            self.stack.receive(NAME, [STACK_ETHER + PEER_ETHER + b"\x08\x06" + answer], self.now)
        else:
            self.frames.append(frame)

    # Segments

    def segment(self, data: bytes = b"", flags: str = "A", *, seq: int | None = None, ack: int | None = None,
                window: int | None = None, options: bytes | None = None, urgent: int = 0, tos: int = 0,
                corrupt: bool = False, header_words: int | None = None, ip_options: bytes = b"", source: str = PEER,
                destination: str = STACK) -> bytes:
        """A packet with a segment; what is not given is what the connection expects."""
        if options is None:
            options = timestamps(self.timestamp, self.echo) if self.timestamp is not None and "R" not in flags else b""
        words = header_words if header_words is not None else 5 + (len(options) + 3) // 4
        segment = struct.pack(
            "!HHIIBBHHH", self.port, self.stack_port, (self.next if seq is None else seq) % WORD,
            (self.heard if ack is None else ack) % WORD if "A" in flags else 0, words << 4,
            sum(FLAGS[letter] for letter in flags), self.window if window is None else window, 0, urgent)
        segment = with_checksum(TCP, segment + options + b"\0" * (-len(options) % 4) + data, 16, source, destination)
        if corrupt:
            segment = segment[:16] + bytes((segment[16] ^ 1,)) + segment[17:]
        return ip_packet(TCP, segment, options=ip_options, tos=tos, source=source, destination=destination)

    def send(self, data: bytes = b"", flags: str = "A", *, to: bytes = STACK_ETHER, **fields: Any) -> None:
        """Send a segment; without `seq` it is the next, and `next` moves on."""
        packet = self.segment(data, flags, **fields)
        if fields.get("seq") is None and "R" not in flags:
            self.next = (self.next + len(data) + ("S" in flags) + ("F" in flags)) % WORD
        self.frame(packet, to=to)

    def hear(self) -> Heard:
        """The next packet that the stack sent; fails when there is none."""
        assert self.heard_all, "the stack sent nothing"
        return self.heard_all.popleft()

    def expect(self, flags: str, data: bytes | None = None, **fields: object) -> Heard:
        """The next segment, which is to have these flags and fields; `heard` moves on to its end."""
        found = self.hear()
        assert found.protocol == TCP, found
        assert found.good, f"a bad checksum: {found}"
        assert sorted(found.flags) == sorted(flags), f"flags {found.flags}, not {flags}: {found}"
        if data is not None:
            assert found.data == data, found
        for name, wanted in fields.items():
            got = getattr(found, name)
            wanted = wanted % WORD if isinstance(wanted, int) and name in ("seq", "ack") else wanted
            assert got == wanted, f"{name} is {got!r}, not {wanted!r}: {found}"
        if (found.end - self.heard) % WORD < WORD // 2:
            self.heard = found.end
        if found.timestamps is not None:
            self.echo = found.timestamps[0]
        return found

    def silence(self) -> None:
        """Nothing was sent that was not expected."""
        assert not self.heard_all, list(self.heard_all)

    def drain(self) -> list[Heard]:
        """What was sent, all of it, expected or not."""
        found, self.heard_all = list(self.heard_all), deque()
        return found

    # Connections

    def listen(self, backlog: int = 16) -> None:
        """Have the stack listen at `stack_port`: `listener`."""
        self.listener = TcpListener(self.stack, ("0.0.0.0", self.stack_port), backlog)

    def answered(self) -> Heard:
        """The SYN,ACK to a SYN just sent."""
        found = self.hear()
        assert found.flags.startswith("SA"), found
        assert found.good, f"a bad checksum: {found}"
        self.heard = found.end
        return found

    def accepted(self, *, iss: int = 1000, mss: int | None = 1460, sack: bool = False, timestamp: int | None = None,
                 scale: int | None = None, flags: str = "S", backlog: int = 16, window: int = 65535) -> TcpEndpoint:
        """Open a connection to the stack; it accepts."""
        self.listen(backlog)
        self.open(iss=iss, mss=mss, sack=sack, timestamp=timestamp, scale=scale, flags=flags, window=window)
        endpoint = self.listener.accept()
        assert endpoint is not None
        return endpoint

    def open(self, *, iss: int = 1000, mss: int | None = 1460, sack: bool = False, timestamp: int | None = None,
             scale: int | None = None, flags: str = "S", window: int = 65535) -> Heard:
        """A handshake with a listener of the stack; its SYN,ACK."""
        self.next, self.timestamp, self.window, self.echo = iss, None, window, 0
        self.send(b"", flags, options=syn_options(mss, sack, timestamp, scale))
        self.heard = self.heard_all[0].seq if self.heard_all else 0
        answer = self.expect("SAE" if "E" in flags else "SA", ack=iss + 1)
        self.timestamp = timestamp
        self.send(b"", "A")
        return answer

    def connected(self, *, iss: int = 1000, options: bytes | None = None, window: int = 65535,
                  timestamp: int | None = None, flags: str = "SA", **choices: Any) -> TcpEndpoint:
        """The stack opens a connection to the peer, which answers."""
        endpoint = TcpEndpoint(self.stack, (PEER, self.stack_port), **choices)
        self._exchange()
        self.port, self.stack_port = self.stack_port, endpoint.local[1]
        syn = self.hear()
        assert syn.flags.startswith("S"), syn
        self.heard, self.next, self.window = syn.end, iss, window
        self.echo = syn.timestamps[0] if syn.timestamps else 0
        self.send(b"", flags, options=syn_options(timestamp=timestamp, echo=self.echo) if options is None else options)
        self.timestamp = timestamp
        self.expect("A", ack=iss + 1)
        return endpoint

    def let_go(self) -> None:
        """Let the stack send what its user has just given it."""
        self._exchange()

    # ICMP

    def icmp_error(self, about: Heard, kind: int, code: int, *, mtu: int = 0, seq: int | None = None) -> None:
        """An error about a packet of the stack's; `seq` replaces the sequence number that is quoted."""
        quoted = about.ip[:28]
        if seq is not None:
            quoted = quoted[:24] + struct.pack("!I", seq % WORD) + quoted[28:]
        message = struct.pack("!BBHHH", kind, code, 0, 0, mtu) + quoted
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        self.frame(ip_packet(ICMP, message, source="10.0.0.254"))

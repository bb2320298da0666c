"""What the lab's hosts run: ping, traceroute and a TCP transfer over the host kernel's sockets, results as JSON lines.

python -m netos.testing.probe ping HOST COUNT SIZE | traceroute HOST | receive PORT | send HOST PORT SECONDS
"""

from __future__ import annotations

import errno
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable

BLOCK = 1 << 20
SEED = 1


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(identifier: int, sequence: int, size: int) -> bytes:
    """An ICMP echo request of `size` bytes of data."""
    data = bytes(index & 0xFF for index in range(size))
    blank = struct.pack("!BBHHH", 8, 0, 0, identifier, sequence) + data
    return blank[:2] + struct.pack("!H", checksum(blank)) + blank[4:]


def exchange(raw: socket.socket, host: str, identifier: int, sequence: int, size: int,
             timeout: float) -> tuple[str, int, float] | None:
    """Send one echo request; who answered, with which ICMP type, after how many seconds. None: nobody did."""
    request = echo_request(identifier, sequence, size)
    start = time.perf_counter()
    try:
        raw.sendto(request, (host, 0))
    except OSError as error:
        if error.errno != errno.EHOSTUNREACH:       # the next hop does not answer ARP
            raise
        return None
    while (left := timeout - (time.perf_counter() - start)) > 0:
        if not select.select([raw], [], [], left)[0]:
            break
        packet, (source, _) = raw.recvfrom(65535)
        elapsed = time.perf_counter() - start
        icmp = packet[4 * (packet[0] & 15):]
        if icmp[0] == 0 and icmp[4:] == request[4:]:
            return source, 0, elapsed
        if icmp[0] in (3, 11):
            quoted = icmp[8 + 4 * (icmp[8] & 15):]
            if quoted[4:8] == request[4:8]:
                return source, icmp[0], elapsed
    return None


def ping(host: str, count: str, size: str) -> None:
    """Send echo requests, one after the answer to the other."""
    identifier = os.getpid() & 0xFFFF
    times = []
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for sequence in range(int(count)):
            answer = exchange(raw, host, identifier, sequence, int(size), 1.0)
            if answer and answer[1] == 0:
                times.append(answer[2] * 1000)
            time.sleep(0.005)
    print(json.dumps({"sent": int(count), "answered": len(times), "milliseconds": times}))


def traceroute(host: str) -> None:
    """The hops to a host, by echo requests of growing time to live."""
    identifier = os.getpid() & 0xFFFF
    hops: list[str | None] = []
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for ttl in range(1, 9):
            raw.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            answer = exchange(raw, host, identifier, ttl, 32, 1.0)
            hops.append(answer[0] if answer else None)
            if answer and answer[1] == 0:
                break
    print(json.dumps({"hops": hops}))


def receive(port: str) -> None:
    """Take one connection to its end, comparing every byte with what `send` must have sent."""
    block = random.Random(SEED).randbytes(BLOCK)
    with socket.create_server(("", int(port))) as server:
        print(json.dumps({"ready": True}), flush=True)
        connection, _ = server.accept()
        space = bytearray(BLOCK)
        view = memoryview(space)
        expected = memoryview(block + block)
        start, total, equal = time.perf_counter(), 0, True
        while count := connection.recv_into(space):
            offset = total % BLOCK
            equal = equal and view[:count] == expected[offset:offset + count]
            total += count
        seconds = time.perf_counter() - start
    print(json.dumps({"bytes": total, "seconds": seconds, "equal": equal}), flush=True)


def send(host: str, port: str, seconds: str) -> None:
    """Send the block again and again, for that long."""
    block = random.Random(SEED).randbytes(BLOCK)
    total = 0
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        until = time.perf_counter() + float(seconds)
        while time.perf_counter() < until:
            connection.sendall(block)
            total += len(block)
    print(json.dumps({"bytes": total}))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)        # Ctrl-C ends the lab, which says so; probes end in silence
    verbs: dict[str, Callable[..., None]] = {"ping": ping, "traceroute": traceroute, "receive": receive, "send": send}
    verbs[sys.argv[1]](*sys.argv[2:])

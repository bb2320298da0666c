"""Both ends of a TCP transfer over the kernel's sockets: python -m bench.bulk receive PORT | send HOST PORT SECONDS."""

import socket
import sys
import time


def receive(port: str) -> None:
    """Take one connection to its end and print bits a second."""
    with socket.create_server(("", int(port))) as server:
        print("ready", flush=True)
        connection, _ = server.accept()
        space = bytearray(1 << 20)
        start, total = time.perf_counter(), 0
        while count := connection.recv_into(space):
            total += count
        print(8 * total / (time.perf_counter() - start), flush=True)


def send(host: str, port: str, seconds: str) -> None:
    """Send zeros for that long."""
    data = bytes(1 << 20)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        until = time.perf_counter() + float(seconds)
        while time.perf_counter() < until:
            connection.sendall(data)


if __name__ == "__main__":
    {"receive": receive, "send": send}[sys.argv[1]](*sys.argv[2:])

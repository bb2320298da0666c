"""The sender of the TAP benchmark, a process of its own: python -m bench.blaster INTERFACE FRAME-HEX SECONDS."""

import socket
import sys

from bench import wire

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20


def main(interface: str, frame: str, seconds: str) -> None:
    """Send, then print how many frames went."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        sender.bind((interface, 0))
        print(wire.blast(sender.fileno(), bytes.fromhex(frame), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])

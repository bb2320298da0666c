"""The sender and receiver of the reload benchmark, a process of its own in the sender's namespace.

python -m bench.pulser SOURCE TARGET-NAMESPACE TARGET FRAME-HEX RATE SECONDS FLOWS prints "ready", then what
bench.pulse.stream answers, as JSON.
"""

import json
import os
import socket
import sys

from bench import pulse
from netos.drivers.netns import call_in_namespace

SOL_PACKET, PACKET_QDISC_BYPASS, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 20, 6, 33
ETH_P_IP = 0x0800
ROOM = 256 << 20                # bytes of receive buffer: what is lost is to be lost elsewhere


def receiver(interface: str) -> socket.socket:
    """A packet socket that hears the IPv4 frames that arrive at an interface."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    made.bind((interface, ETH_P_IP))
    return made


def main(source: str, namespace: str, target: str, frame: str, rate: str, seconds: str, flows: str) -> None:
    """Stream, then print the results and how many frames the receiver itself missed."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        sender.bind((source, 0))
        with call_in_namespace(namespace, lambda: receiver(target)) as sink:
            print("ready", flush=True)
            sent, got, disordered, began, late = pulse.stream(sender.fileno(), sink.fileno(), bytes.fromhex(frame),
                                                              float(rate), float(seconds), int(flows))
            missed = int.from_bytes(sink.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)[4:], sys.byteorder)
    print(json.dumps({"sent": sent, "received": got, "disordered": disordered, "began": began, "late": late,
                      "missed": missed}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

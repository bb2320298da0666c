"""The sockets of a ScapyPort, as scapy's functions use them: sending, selecting, receiving until time is up."""

from __future__ import annotations

from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netos.testing.scapy_port import ScapyPort

try:
    layer2, layer3 = import_module("scapy.layers.l2"), import_module("scapy.layers.inet")
    SuperSocket: Any = import_module("scapy.supersocket").SuperSocket
except ImportError as error:
    raise ImportError("ScapyPort needs scapy: pip install 'netos[scapy]'") from error

SECOND = 1_000_000_000
KEPT = 100_000                      # frames that a socket holds; the oldest go first


class PortSocket(SuperSocket):      # type: ignore[misc]
    """Frames of a port as scapy's functions receive them: all of them, or at level 3 the IP packets in them."""

    nonblocking_socket = True
    desc = "frames of a netos port"

    def __init__(self, port: ScapyPort, level: int) -> None:
        self.port = port
        self.level = level
        self.frames: deque[tuple[bytes, float]] = deque(maxlen=KEPT)
        self.deadline: int | None = None        # of the sniff() or sr() that is going on
        self.over = False                       # it has been reached: what is received next is the end
        self.idle = False                       # a thread of its own waits for frames
        self.closed = False
        self.ins = self.outs = None

    def send(self, x: Any) -> int:
        """Send a packet, a frame, or bytes."""
        return self.port.send(x)

    def recv_raw(self, x: int = 65535) -> tuple[Any, bytes | None, float | None]:
        """The next frame; EOFError, which ends a sniff(), when time is up."""
        if self.over:
            raise EOFError
        data, when = self.frames.popleft()
        return (layer3.IP if self.level == 3 or not self.port.ethernet else layer2.Ether), data, when

    def put(self, frame: bytes, when: float) -> None:
        """A frame has come out."""
        if self.level == 3 and self.port.ethernet:
            if frame[12:14] != b"\x08\x00":
                return
            frame = frame[14:]
        self.frames.append((frame, when))

    def begin(self, timeout: float | None) -> None:
        """A sniff() or sr() begins, which ends after so many seconds."""
        self.deadline = None if timeout is None else self.port.now + round(timeout * SECOND)

    def put_off(self, seconds: float) -> None:
        """So much later ends what is going on."""
        if self.deadline is not None:
            self.deadline += round(seconds * SECOND)

    def sniff(self, *arguments: Any, **options: Any) -> Any:
        """scapy's sniff() on this socket, from what has come since the last time."""
        self.begin(options.get("timeout"))
        try:
            return super().sniff(*arguments, **options)
        finally:
            self.deadline = None

    def fileno(self) -> int:
        """There is no file."""
        raise OSError("a port in this process has no file descriptor")

    def close(self) -> None:
        """Close it; at the end of a sniff() it only begins anew."""
        if getattr(self, "over", False):
            self.over = False
            self.deadline = None
        elif not getattr(self, "closed", True):
            self.closed = True
            self.port.forget(self)

    @staticmethod
    def select(sockets: list[PortSocket], remain: float | None = None) -> list[PortSocket]:
        """Those that have frames; time goes on until one has, or time is up."""
        return sockets[0].port.wait(sockets, remain)

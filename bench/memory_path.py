"""(a) The in-memory IPv4 path of nine elements against the same work fused in one C loop."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from bench import fused
from bench.coldsource import ColdSource
from bench.measure import Row, compare
from netos.checksum import checksum
from netos.kernel import memory
from netos.proto.routes_radix import RadixRoutes
from netos.registry import Registry
from netos.router import Router

COLD_BUFFERS = 131072
GRAPH = """
source -> classes :: Classifier(12/0800) -> Strip(14) -> CheckIPHeader
       -> routes :: RadixIPLookup(10.0.0.0/8 0, 10.1.0.0/16 0, 10.1.2.0/24 0)
       -> DecIPTTL -> EtherEncap(0x0800, 02:00:00:00:00:01, 02:00:00:00:00:02) -> counter :: Counter -> Discard;
"""


def frame() -> bytes:
    """64 bytes: Ethernet, IPv4, UDP, padding inside the datagram."""
    header = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 50, 1, 0, 64, 17, 0, bytes([10, 9, 0, 1]),
                                   bytes([10, 1, 2, 3])))
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    return bytes(12) + b"\x08\x00" + bytes(header) + struct.pack("!HHHH", 1000, 2000, 30, 0) + bytes(22)


def graph_rate(declaration: str, seconds: float) -> Callable[[], float]:
    """A function that runs the graph for a while and answers millions of packets a second."""
    registry = Registry()
    registry.register(ColdSource)
    router = Router.from_text(declaration + GRAPH, registry=registry, widen=256).initialize()
    counter = router["counter"]
    router.cpu.budget = int(seconds * 1e9)

    def run() -> float:
        before, start = counter.count, time.perf_counter()
        router.cpu.run()
        return (counter.count - before) / (time.perf_counter() - start) / 1e6

    run.router = router  # type: ignore[attr-defined]  # keeps the graph alive
    return run


def fused_rate(buffers: int, packets: int) -> Callable[[], float]:
    """A function that runs the fused loop and answers millions of packets a second."""
    routes = RadixRoutes()
    for prefix, length in ((0x0A000000, 8), (0x0A010000, 16), (0x0A010200, 24)):
        routes.add(prefix, length, 0, 0)
    base = memory.arena()["base"]
    ether = bytes.fromhex("020000000002" "020000000001" "0800")
    data = frame()

    def run() -> float:
        start = time.perf_counter()
        passed, _bytes, dropped = fused.run(base, buffers, data, ether, routes, packets)
        assert dropped == 0
        return passed / (time.perf_counter() - start) / 1e6

    return run


def rows(quick: bool = False) -> list[Row]:
    """The hot and the cold row. The fused loop uses buffers at the arena's start, which no packet then holds."""
    memory.configure(small=2 * COLD_BUFFERS + 8192)
    seconds, packets = (0.05, 2_000_000) if quick else (0.4, 16_000_000)
    data = "\\<" + frame().hex() + ">"
    hot = compare("a  nine elements, 64 B, hot",
                  graph_rate(f"source :: InfiniteSource({data}, TIMESTAMP false);", seconds),
                  fused_rate(256, packets), peer="fused C loop", wanted="40 Mpps, >= 0.4")
    cold = compare("a  nine elements, 64 B, 131072 cold", graph_rate(f"source :: ColdSource({data});", seconds),
                   fused_rate(COLD_BUFFERS, packets), peer="fused C loop", wanted="25 Mpps, >= 0.4")
    return [hot, cold]

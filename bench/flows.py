"""(f) A million tracked flows against a thousand; ten thousand rules against ten."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from bench import flowbench
from bench.measure import Row, compare
from elements.ip.filter_compile import compile_ip_filter
from netos.proto.flow_table import FlowTable

NOW = 10**18
ESTABLISHED = 3600 * 10**9


def packet(source: int, destination: int = 0xC0000201, sport: int = 1000, dport: int = 53, protocol: int = 17) -> bytes:
    """An IPv4 packet with 20 bytes of transport header."""
    return (struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 64, protocol, 0, source, destination)
            + struct.pack("!HHHH", sport, dport, 20, 0) + bytes(12))


def flow_rate(flows: int, packets: int) -> Callable[[], float]:
    """A function that tracks packets of a table with that many flows, in millions a second."""
    table = FlowTable(flows)
    table.set_timeout("udp-unreplied", ESTABLISHED)
    for number in range(flows):
        assert table.create((17, 0x0A000000 + number, 1000, 0xC0000201, 53), NOW)
    memory = table.memory

    def run() -> float:
        nanoseconds, known = flowbench.track(table, packet(0), flows, packets, NOW + 1)
        assert known >= packets
        assert (table.count, table.memory) == (flows, memory)
        return 1000 / nanoseconds

    return run


def rules(count: int) -> list[str]:
    """Rules that have nothing in common: a host, a protocol and a port each."""
    generator = random.Random(7)
    return [f"allow src host {generator.randrange(1 << 24) >> 16}.{generator.randrange(256)}.{generator.randrange(256)}."
            f"{generator.randrange(1, 255)} and {generator.choice(['tcp', 'udp'])} dst port {generator.randrange(1, 65536)}"
            for _ in range(count)]


def prefix_rules(count: int) -> list[str]:
    """Rules on prefixes of different lengths."""
    generator = random.Random(8)
    found = []
    for _ in range(count):
        length = generator.choice([16, 20, 24, 24, 24, 28, 32])
        found.append(f"drop src net 10.{generator.randrange(256)}.{generator.randrange(256)}.{generator.randrange(256)}/{length}")
    return [*found, "allow all"]


def traffic(count: int = 4096) -> list[bytes]:
    """Packets, of which few match any rule."""
    generator = random.Random(9)
    return [packet(0x0A000000 | generator.randrange(1 << 24), sport=generator.randrange(65536),
                   dport=generator.randrange(65536), protocol=generator.choice([6, 17])) for _ in range(count)]


def rule_rate(texts: list[str], rounds: int) -> Callable[[], float]:
    """A function that filters packets by rules, in millions a second."""
    program = compile_ip_filter(texts)
    packets = traffic()
    return lambda: 1000 / flowbench.filter_packets(program, packets, rounds)[0]


def rows(quick: bool = False) -> list[Row]:
    """Rates of the large against rates of the small: a ratio of 0.5 is twice the cost."""
    packets, rounds = (1_000_000, 50) if quick else (8_000_000, 400)
    return [
        compare("f  tracking, 1 000 000 flows", flow_rate(1_000_000, packets), flow_rate(1000, packets),
                peer="1 000 flows", wanted=">= 0.5"),
        compare("f  10 000 rules on hosts and ports", rule_rate(rules(10_000), rounds), rule_rate(rules(10), rounds),
                peer="10 such rules", wanted=">= 0.25"),
        compare("f  10 000 rules on prefixes", rule_rate(prefix_rules(10_000), rounds),
                rule_rate(prefix_rules(10), rounds), peer="10 such rules", wanted=">= 0.25"),
    ]

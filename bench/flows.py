"""(e) A million tracked flows against a thousand; ten thousand rules against ten."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from bench import flowbench
from bench.measure import Row, compare
from elements.firewall.rule_file import compile_rules
from netos.args.wellknown import well_known
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
    """Rules of four kinds, mixed, with different actions: no two have anything in common but by chance."""
    generator = random.Random(7)

    def byte() -> int:
        return generator.randrange(256)

    kinds = (lambda: f"drop src host 10.{byte()}.{byte()}.{byte()}",
             lambda: f"allow dst net 172.{byte()}.{byte()}.0/24 and tcp dst port {generator.randrange(1, 65536)}",
             lambda: f"drop src net 10.{byte()}.{byte()}.0/24 and dst host 192.0.2.{byte()}",
             lambda: f"allow udp dst port {generator.randrange(1, 65536)} and src net 10.{byte()}.0.0/16")
    return [kinds[number % 4]() for number in range(count)]


def traffic(count: int = 4096) -> list[bytes]:
    """Packets, of which few match any rule."""
    generator = random.Random(9)
    return [packet(0x0A000000 | generator.randrange(1 << 24), sport=generator.randrange(65536),
                   dport=generator.randrange(65536), protocol=generator.choice([6, 17])) for _ in range(count)]


def rule_rate(texts: list[str], rounds: int) -> Callable[[], float]:
    """A function that looks packets up in rules, in millions a second."""
    compiled = compile_rules([("", text) for text in texts], 1, well_known, lambda warning: None)
    assert compiled.program is None
    packets = traffic()
    return lambda: 1000 / flowbench.filter_packets(compiled.tuples, packets, rounds)[0]


def rows(quick: bool = False) -> list[Row]:
    """Rates of the large against rates of the small: a ratio of 0.5 is twice the cost."""
    packets, rounds = (1_000_000, 50) if quick else (8_000_000, 400)
    return [
        compare("e  tracking, 1 000 000 flows", flow_rate(1_000_000, packets), flow_rate(1000, packets),
                peer="1 000 flows", wanted=">= 0.5"),
        compare("e  10 000 rules of four kinds", rule_rate(rules(10_000), rounds), rule_rate(rules(10), rounds),
                peer="10 such rules", wanted=">= 0.25"),
    ]

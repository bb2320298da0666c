"""The DHCP client and the resolver of a fuzzed host: they read what comes to their ports as answers."""

from __future__ import annotations

import random
from ipaddress import IPv4Address

from netos.addresses import EtherAddress
from netos.fuzz.templates import HOST_ETHER, PEER
from netos.proto.dhcp_client import DhcpClient
from netos.proto.dns_resolver import Query, Resolver
from netos.proto.wire.dns import A

RENEWED = 64                # messages, then a client and a resolver begin again
DHCP_PORT = 68


class Readers:
    """Called with (port, data, nanoseconds); the text of an exception that should not have been, or None."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.count = 0
        self.restart(0)

    def restart(self, now: int) -> None:
        """Begin to ask again."""
        self.client = DhcpClient(EtherAddress(HOST_ETHER), chance=self.chance)
        self.client.start(now)
        self.resolver = Resolver([IPv4Address(PEER)], ["example.org"], chance=self.chance)
        self.queries: list[Query] = []
        self.transaction = bytes(4)

    def __call__(self, port: int, data: bytes, now: int) -> str | None:
        self.count += 1
        if self.count % RENEWED == 0:
            self.restart(now)
        try:
            if port == DHCP_PORT:
                self.read_dhcp(data, now)
            else:
                self.read_dns(data, now)
        except Exception as error:
            return f"{'DHCP' if port == DHCP_PORT else 'DNS'}: {type(error).__name__}: {error}"
        return None

    def read_dhcp(self, data: bytes, now: int) -> None:
        """A message of a server that has heard our last one."""
        self.client.poll(now)
        for sent in self.client.take():
            self.transaction = sent.data[4:8]
        self.client.receive(data[:4] + self.transaction + data[8:], now)
        if self.client.probing is not None and self.count % 5 == 0:
            self.client.conflict(now)

    def read_dns(self, data: bytes, now: int) -> None:
        """An answer of a server that has heard our last question."""
        self.resolver.poll(now)
        self.queries = [query for query in self.queries if not query.over]
        if not self.queries:
            self.resolver.ask("www.example.org" if self.count % 3 else "www", A, now)
        self.queries += self.resolver.take()
        for query in self.queries[-1:]:
            self.resolver.receive(query, query.data[:2] + data[2:], now)
        self.resolver.finished()

"""A stub resolver and its servers, query by query in virtual time, for tests."""

import random
from dataclasses import replace
from ipaddress import IPv4Address

from netos.proto.dns_resolver import Resolver
from netos.proto.wire import Dns, Record, dns

ONE, TWO = IPv4Address("10.0.0.53"), IPv4Address("10.0.1.53")
ADDRESS, OTHER = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


class Script:
    """A resolver and its servers."""

    def __init__(self, servers=(ONE, TWO), **options):
        self.resolver = Resolver(servers, chance=random.Random(1), **options)
        self.now = 0

    def ask(self, name="www.example", kind=dns.A):
        self.lookup = self.resolver.ask(name, kind, self.now)
        return self.lookup

    def sent(self, server=ONE, name="www.example.", tcp=False):
        """The one query that was sent."""
        (self.query,) = self.resolver.take()
        assert (self.query.server, self.query.tcp) == (server, tcp)
        self.message = Dns.parse(self.query.data).header
        assert [question.name for question in self.message.questions] == [name]
        return self.message

    def answer(self, *answers, query=None, **fields):
        query = query or self.query
        message = Dns.parse(query.data).header
        reply = replace(message, **{"response": True, "recursion_available": True, "additionals": (),
                                    "answers": answers, **fields})
        self.resolver.receive(query, reply.build(), self.now)

    def wait(self):
        self.now = self.resolver.next_timeout
        self.resolver.poll(self.now)

    @property
    def status(self):
        return None if self.lookup.answer is None else self.lookup.answer.status


def address(name="www.example.", data=ADDRESS, ttl=60):
    return Record(name, dns.A, data, ttl)


def alias(name, target, ttl=60):
    return Record(name, dns.CNAME, target, ttl)

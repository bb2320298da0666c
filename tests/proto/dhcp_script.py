"""A DHCP client and the messages of a server, one after the other in virtual time, for tests."""

import random
from ipaddress import IPv4Address

from netos.addresses import EtherAddress
from netos.proto.dhcp_client import DhcpClient
from netos.proto.dhcp_lease import SECOND
from netos.proto.wire import Dhcp, dhcp

ETHER = EtherAddress("02:00:00:00:00:01")
SERVER, OFFERED, ANY = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.7"), IPv4Address(0)
EVERYBODY = IPv4Address("255.255.255.255")
MASK = (dhcp.SUBNET_MASK, bytes((255, 255, 255, 0)))


def number(code, value):
    return code, value.to_bytes(4, "big")


class Script:
    """A client and the messages of a server, one after the other."""

    def __init__(self, **options):
        self.client = DhcpClient(ETHER, chance=random.Random(1), **options)
        self.now = 0
        self.client.start(0)

    def sent(self, kind=None):
        """The one message that was sent."""
        (self.outgoing,) = self.client.take()
        message = Dhcp.parse(self.outgoing.data).header
        assert kind is None or dhcp.TYPES[message.message_type] == kind
        self.last = message
        return message

    def silent(self):
        assert self.client.take() == []

    def answer(self, kind, *options, server=SERVER, **fields):
        """A reply to the message that was sent last."""
        given = {dhcp.MESSAGE_TYPE: bytes((kind,)), dhcp.SERVER_IDENTIFIER: server.packed, **dict(options)}
        message = Dhcp(**{"operation": 2, "transaction": self.last.transaction, "your": OFFERED,
                          "hardware": ETHER.packed, "options": tuple(given.items()), **fields})
        self.client.receive(message.build(), self.now)

    def wait(self):
        """Until the client has something to do, and do it."""
        self.now = self.client.next_timeout
        self.client.poll(self.now)

    def pass_time(self, seconds):
        """Seconds in which whatever is due happens in time."""
        end = self.now + int(seconds * SECOND)
        while self.client.next_timeout is not None and self.client.next_timeout <= end:
            self.wait()
        self.now = end

    def bind(self, *options, seconds=600):
        self.sent("discover")
        self.answer(dhcp.OFFER)
        self.sent("request")
        self.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, seconds), *options)
        self.pass_time(0.5)
        assert self.client.state == "BOUND"
        return self.client.lease

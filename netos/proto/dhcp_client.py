"""A DHCPv4 client, sans-IO: the state machine of RFC 2131 section 4.4 (figure 5), driven by the time and by messages.

    client = DhcpClient(ether)
    client.start(now)                       # nanoseconds
    for message in client.take(): …         # to be sent by UDP from port 68 to 67
    client.receive(data, now)               # whatever came to port 68
    client.poll(now)                        # at client.next_timeout at the latest
    client.lease                            # a Lease, None while there is none

While `client.probing` is an address somebody has to look whether it is free (ARP), and to call conflict() if it is not.
The random wait before the first message (section 4.4.1) is left out: appliances are asked to be up at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

from netos.addresses import EtherAddress
from netos.proto.dhcp_lease import SECOND, Lease, prefix_length, read_lease, server_of, single
from netos.proto.wire import Dhcp, WireError, dhcp

ANY, EVERYBODY = IPv4Address(0), IPv4Address("255.255.255.255")
INIT, SELECTING, REQUESTING, REBOOTING, CHECKING, BOUND, RENEWING, REBINDING, STOPPED = (
    "INIT", "SELECTING", "REQUESTING", "REBOOTING", "CHECKING", "BOUND", "RENEWING", "REBINDING", "STOPPED")
WANTED = bytes((dhcp.SUBNET_MASK, dhcp.CLASSLESS_ROUTES, dhcp.ROUTER, dhcp.NAME_SERVERS, dhcp.DOMAIN_NAME, dhcp.SEARCH,
                dhcp.MTU, dhcp.BROADCAST, dhcp.LEASE_TIME, dhcp.RENEWAL_TIME, dhcp.REBINDING_TIME))
SIZE_MAX = 1472
HOST = 32                                   # the prefix length of an address alone
FIRST_WAIT, LONGEST_WAIT = 4, 64            # seconds between repetitions (section 4.1), each give or take one
REQUESTS_MAX = 4                            # before the client begins again
REBOOTS_MAX = 2
DECLINED_WAIT = 10 * SECOND                 # section 3.1 step 5
LEAST_WAIT = 60 * SECOND                    # between requests for more time (section 4.4.5)
CHECK = SECOND // 2


class Outgoing(NamedTuple):
    """A message to be sent, from port 68 to port 67. A source of 0.0.0.0 needs no route: it goes out as a broadcast."""

    source: IPv4Address
    destination: IPv4Address
    data: bytes


class DhcpClient:
    """One interface's client; see the module. `previous`: an address to ask for again (INIT-REBOOT)."""

    def __init__(self, ether: EtherAddress, *, hostname: str = "", previous: IPv4Address | None = None,
                 check: int = CHECK, chance: random.Random | None = None) -> None:
        self.ether = ether
        self.hostname = hostname
        self.previous = previous
        self.check = check                  # nanoseconds to look for others with the address, 0: not at all
        self.state = STOPPED
        self.lease: Lease | None = None
        self.next_timeout: int | None = None
        self.refusals = 0                   # NAKs and conflicts since the last lease
        self.ignored = 0                    # messages that were not for this client, or made no sense
        self._chance = chance or random.SystemRandom()
        self._outgoing: list[Outgoing] = []
        self._candidate: Lease | None = None
        self._offered, self._server = ANY, ANY
        self._transaction = self._tries = self._began = self._asked = self._seconds = 0
        self._replies: dict[tuple[str, int], Callable[[Dhcp, int], None]] = {
            (SELECTING, dhcp.OFFER): self._take_offer,
            (REQUESTING, dhcp.ACK): self._take_address, (REQUESTING, dhcp.NAK): self._refused,
            (REBOOTING, dhcp.ACK): self._take_address, (REBOOTING, dhcp.NAK): self._refused,
            (RENEWING, dhcp.ACK): self._extend, (RENEWING, dhcp.NAK): self._refused,
            (REBINDING, dhcp.ACK): self._extend, (REBINDING, dhcp.NAK): self._refused,
        }
        self._timeouts: dict[str, Callable[[int], None]] = {
            INIT: self._begin, SELECTING: self._discover, REQUESTING: self._request, REBOOTING: self._reboot,
            CHECKING: self._bind, BOUND: self._renew, RENEWING: self._ask_server, REBINDING: self._ask_anybody,
        }

    # What users call

    def start(self, now: int) -> None:
        """Begin to ask for an address. Harmless when it has begun."""
        if self.state == STOPPED:
            self._enter(INIT, now)
            self.poll(now)

    def stop(self, now: int) -> None:
        """Give the address back, and ask for none."""
        if self.lease is not None:
            self._transaction = self._chance.getrandbits(32)
            self._send(dhcp.RELEASE, now, self.lease.address, self.lease.server, client=self.lease.address,
                       options=((dhcp.SERVER_IDENTIFIER, self.lease.server.packed),))
        self.lease = self._candidate = None
        self._enter(STOPPED, None)

    def take(self) -> list[Outgoing]:
        """The messages that are to be sent."""
        taken, self._outgoing = self._outgoing, []
        return taken

    def poll(self, now: int) -> None:
        """Do what is due."""
        while self.next_timeout is not None and now >= self.next_timeout:
            self.next_timeout = None
            self._timeouts[self.state](now)

    def receive(self, data: bytes, now: int) -> None:
        """A message has come; what is not for us is passed over."""
        if int.from_bytes(data[4:8], "big") != self._transaction:
            self.ignored += 1
            return
        try:
            message = Dhcp.parse(data, strict=False).header
        except WireError:
            self.ignored += 1
            return
        handler = self._replies.get((self.state, message.message_type))
        if handler is None or message.operation != dhcp.REPLY or message.hardware != self.ether.packed:
            self.ignored += 1
            return
        handler(message, now)

    @property
    def probing(self) -> IPv4Address | None:
        """An address that is ours unless somebody else has it."""
        return self._candidate.address if self.state == CHECKING and self._candidate is not None else None

    def conflict(self, now: int) -> None:
        """Somebody else has the address that is being probed: decline it, and begin again after a while."""
        if self.state != CHECKING or self._candidate is None:
            return
        self._send(dhcp.DECLINE, now, ANY, EVERYBODY, options=(
            (dhcp.REQUESTED_ADDRESS, self._candidate.address.packed),
            (dhcp.SERVER_IDENTIFIER, self._candidate.server.packed)))
        self._candidate = self.previous = None
        self._offered = ANY
        self.refusals += 1
        self._enter(INIT, now + DECLINED_WAIT)

    # Getting an address

    def _enter(self, state: str, timeout: int | None) -> None:
        self.state = state
        self.next_timeout = timeout
        self._tries = 0

    def _begin(self, now: int) -> None:
        self._began = now
        self._transaction = self._chance.getrandbits(32)
        self._enter(SELECTING if self.previous is None else REBOOTING, now)

    def _discover(self, now: int) -> None:
        wish = ((dhcp.REQUESTED_ADDRESS, self._offered.packed),) if self._offered != ANY else ()
        self._send(dhcp.DISCOVER, now, ANY, EVERYBODY, options=(*wish, (dhcp.PARAMETERS, WANTED)))
        self._repeat(now)

    def _reboot(self, now: int) -> None:
        if self._tries == REBOOTS_MAX or self.previous is None:
            self.previous = None
            self._enter(INIT, now)
            return
        self._offered, self._server = self.previous, ANY
        self._ask(now, ((dhcp.REQUESTED_ADDRESS, self.previous.packed),))

    def _take_offer(self, message: Dhcp, now: int) -> None:
        server = server_of(message)
        length = prefix_length(message) if message.option(dhcp.SUBNET_MASK) else HOST
        if server is None or not single(message.your, length):
            self.ignored += 1
            return
        self._offered, self._server = message.your, server
        self._enter(REQUESTING, now)
        self.poll(now)

    def _request(self, now: int) -> None:
        if self._tries == REQUESTS_MAX:
            self._enter(INIT, now)
            return
        self._ask(now, ((dhcp.REQUESTED_ADDRESS, self._offered.packed), (dhcp.SERVER_IDENTIFIER, self._server.packed)))

    def _ask(self, now: int, options: tuple[tuple[int, bytes], ...]) -> None:
        self._asked = now
        self._send(dhcp.DHCP_REQUEST, now, ANY, EVERYBODY, options=(*options, (dhcp.PARAMETERS, WANTED)))
        self._repeat(now)

    def _take_address(self, message: Dhcp, now: int) -> None:
        lease = read_lease(message, self._asked)
        if lease is None or lease.address != self._offered or self._server not in (ANY, lease.server):
            self.ignored += 1
            return
        self._candidate = lease
        self._enter(CHECKING, now + self.check)
        self.poll(now)

    def _bind(self, now: int) -> None:
        self.lease, self._candidate = self._candidate, None
        self.refusals = 0
        self._enter(BOUND, None if self.lease is None else self.lease.renew)

    def _refused(self, message: Dhcp, now: int) -> None:
        """The address is not ours, or no more (section 3.1 step 4); do not ask again faster and faster."""
        server = message.address(dhcp.SERVER_IDENTIFIER)
        expected = self._server if self.state in (REQUESTING, REBOOTING) else self._lease.server
        if self.state != REBINDING and expected not in (ANY, server):
            self.ignored += 1
            return
        self.lease = self.previous = None
        self._offered = ANY
        self._enter(INIT, now + (min(1 << self.refusals, LONGEST_WAIT) * SECOND if self.refusals else 0))
        self.refusals = min(self.refusals + 1, 16)
        self.poll(now)

    # Keeping it

    @property
    def _lease(self) -> Lease:
        assert self.lease is not None
        return self.lease

    def _renew(self, now: int) -> None:
        self._began = now
        self._transaction = self._chance.getrandbits(32)
        self._enter(RENEWING, now)

    def _ask_server(self, now: int) -> None:
        if now >= (self._lease.rebind or 0):
            self._enter(REBINDING, now)
            return
        self._ask_on(now, self._lease.server, self._lease.rebind or 0)

    def _ask_anybody(self, now: int) -> None:
        expires = self._lease.expires or 0
        if now >= expires:
            self.lease = None
            self._enter(INIT, now)
            return
        self._ask_on(now, EVERYBODY, expires)

    def _ask_on(self, now: int, server: IPv4Address, limit: int) -> None:
        """Ask for more time, again after half of what is left (section 4.4.5)."""
        self._asked = now
        self._send(dhcp.DHCP_REQUEST, now, self._lease.address, server, client=self._lease.address,
                   options=((dhcp.PARAMETERS, WANTED),))
        self.next_timeout = min(limit, now + max((limit - now) // 2, LEAST_WAIT))

    def _extend(self, message: Dhcp, now: int) -> None:
        lease = read_lease(message, self._asked)
        if lease is None or lease.address != self._lease.address or (
                self.state == RENEWING and lease.server != self._lease.server):
            self.ignored += 1
            return
        self.lease = lease
        self._enter(BOUND, lease.renew)
        self.poll(now)

    # Messages

    def _repeat(self, now: int) -> None:
        """Again after 4, 8, … 64 seconds, give or take one (section 4.1)."""
        wait = min(FIRST_WAIT << min(self._tries, 8), LONGEST_WAIT)
        self._tries += 1
        self.next_timeout = now + wait * SECOND + int(self._chance.uniform(-1, 1) * SECOND)

    def _send(self, kind: int, now: int, source: IPv4Address, destination: IPv4Address, *, client: IPv4Address = ANY,
              options: tuple[tuple[int, bytes], ...] = ()) -> None:
        given = [(dhcp.MESSAGE_TYPE, bytes((kind,))), (dhcp.CLIENT_IDENTIFIER, b"\1" + self.ether.packed), *options]
        if kind in (dhcp.DISCOVER, dhcp.DHCP_REQUEST):
            given.append((dhcp.SIZE_MAX, SIZE_MAX.to_bytes(2, "big")))
            given += [(dhcp.HOST_NAME, self.hostname.encode("ascii", "replace"))] if self.hostname else []
        telling = kind in (dhcp.DECLINE, dhcp.RELEASE)
        if self.state != REQUESTING:            # where it has to be what the DISCOVER said (section 3.1 step 3)
            self._seconds = min((now - self._began) // SECOND, 0xFFFF)
        message = Dhcp(transaction=self._transaction, hardware=self.ether.packed, client=client,
                       seconds=0 if telling else self._seconds,
                       broadcast=client == ANY and not telling, options=tuple(given))
        self._outgoing.append(Outgoing(source, destination, message.build()))

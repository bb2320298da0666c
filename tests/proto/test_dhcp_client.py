"""The DHCP client, message by message in virtual time (RFC 2131)."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.proto.dhcp_lease import SECOND
from netos.proto.wire import Dhcp, dhcp
from tests.proto.dhcp_script import ANY, EVERYBODY, MASK, OFFERED, SERVER, Script, number


def test_an_address_is_asked_for():
    """DISCOVER, OFFER, REQUEST, ACK: who sends what to whom, and what is in it (section 4.4.1, table 5)."""
    script = Script(hostname="netos")
    discover = script.sent("discover")
    assert (script.outgoing.source, script.outgoing.destination) == (ANY, EVERYBODY)
    assert discover.broadcast
    assert discover.client == ANY
    assert discover.option(dhcp.HOST_NAME) == b"netos"
    assert discover.option(dhcp.SERVER_IDENTIFIER) is None
    script.answer(dhcp.OFFER)
    request = script.sent("request")
    assert request.transaction == discover.transaction
    assert request.address(dhcp.REQUESTED_ADDRESS) == OFFERED
    assert request.address(dhcp.SERVER_IDENTIFIER) == SERVER
    assert request.client == ANY
    script.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 600), (dhcp.ROUTER, SERVER.packed),
                  (dhcp.NAME_SERVERS, SERVER.packed + bytes((8, 8, 8, 8))), (dhcp.DOMAIN_NAME, b"netos.example"),
                  (dhcp.MTU, b"\x05\x78"))
    assert script.client.probing == OFFERED
    assert script.client.lease is None              # nothing is used before it is known to be free
    script.pass_time(0.5)
    lease = script.client.lease
    assert (str(lease.interface), lease.routers, lease.mtu, lease.domain) == ("10.0.0.7/24", (SERVER,), 1400,
                                                                              "netos.example")
    assert lease.name_servers == (SERVER, IPv4Address("8.8.8.8"))
    assert (lease.renew, lease.rebind, lease.expires) == (300 * SECOND, 525 * SECOND, 600 * SECOND)


def test_discover_is_repeated_with_backoff():
    """4, 8, 16, 32, 64, 64 seconds, give or take one (section 4.1), with the same transaction."""
    script = Script()
    first, times = script.sent("discover"), []
    for _ in range(6):
        before = script.now
        script.wait()
        times.append((script.now - before) / SECOND)
        again = script.sent("discover")
        assert again.transaction == first.transaction
        assert again.seconds == script.now // SECOND
    assert all(abs(found - wanted) <= 1 for found, wanted in zip(times, (4, 8, 16, 32, 64, 64)))
    assert any(found != wanted for found, wanted in zip(times, (4, 8, 16, 32, 64, 64)))


def test_a_server_that_falls_silent_is_given_up():
    """Four requests without an answer, then a new DISCOVER with a transaction of its own."""
    script = Script()
    first = script.sent("discover")
    script.answer(dhcp.OFFER)
    for _ in range(4):
        script.sent("request")
        script.wait()
    assert script.sent("discover").transaction != first.transaction


def test_a_refused_request_begins_again():
    """NAK: at once the first time, then ever later; a server that says NAK to all is not flooded."""
    script = Script()
    waits = []
    for _ in range(6):
        script.sent("discover")
        script.answer(dhcp.OFFER)
        script.sent("request")
        script.answer(dhcp.NAK, your=ANY)
        waits.append(((script.client.next_timeout - script.now) / SECOND) if script.client.state == "INIT" else 0)
        if waits[-1]:
            script.wait()
    assert waits == [0, 2, 4, 8, 16, 32]


@pytest.mark.parametrize("wrong", [
    {"transaction": 1}, {"hardware": bytes(6)}, {"operation": 1}, {"your": ANY}, {"your": IPv4Address("127.0.0.1")},
    {"your": IPv4Address("224.0.0.1")}, {"your": EVERYBODY}])
def test_offers_of_others_are_ignored(wrong):
    """An offer for another client, of nothing, or of an address that no host can have."""
    script = Script()
    script.sent("discover")
    script.answer(dhcp.OFFER, **wrong)
    script.silent()
    assert (script.client.state, script.client.ignored) == ("SELECTING", 1)


def test_another_servers_acknowledgement_is_ignored():
    """Who was not chosen cannot answer, nor give another address, nor a lease without a time."""
    script = Script()
    script.sent("discover")
    script.answer(dhcp.OFFER)
    script.sent("request")
    time = number(dhcp.LEASE_TIME, 60)
    script.answer(dhcp.ACK, time, server=IPv4Address("10.0.0.66"))
    script.answer(dhcp.NAK, time, server=IPv4Address("10.0.0.66"))
    script.answer(dhcp.ACK, time, your=IPv4Address("10.0.0.8"))
    script.answer(dhcp.ACK)
    assert (script.client.state, script.client.ignored) == ("REQUESTING", 4)


def test_a_taken_address_is_declined():
    """ARP found somebody: DECLINE, at least ten seconds of silence, another DISCOVER (section 3.1 step 5)."""
    script = Script()
    script.sent("discover")
    script.answer(dhcp.OFFER)
    script.sent("request")
    script.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 600))
    script.client.conflict(script.now)
    decline = script.sent("decline")
    assert decline.address(dhcp.REQUESTED_ADDRESS) == OFFERED
    assert decline.address(dhcp.SERVER_IDENTIFIER) == SERVER
    assert decline.client == ANY
    assert script.client.lease is None
    script.pass_time(9.9)
    script.silent()
    script.pass_time(0.1)
    assert script.sent("discover").address(dhcp.REQUESTED_ADDRESS) is None


def test_a_lease_is_renewed():
    """At T1 the server is asked, from the address itself and without naming server or address (table 5)."""
    script = Script()
    script.bind()
    script.wait()
    assert script.now == 300 * SECOND
    request = script.sent("request")
    assert (script.outgoing.source, script.outgoing.destination) == (OFFERED, SERVER)
    assert (request.client, request.broadcast) == (OFFERED, False)
    assert request.option(dhcp.REQUESTED_ADDRESS) is None
    assert request.option(dhcp.SERVER_IDENTIFIER) is None
    script.now += SECOND
    script.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 600))
    assert script.client.state == "BOUND"
    assert script.client.lease.expires == 900 * SECOND     # counted from the request, not from the answer


def test_a_lease_that_nobody_renews_ends():
    """T1: the server, again after half the time left; T2: anybody; at the end the address is gone (section 4.4.5)."""
    script = Script()
    script.bind(seconds=3600)
    asked = []
    while script.client.lease is not None:
        script.wait()
        for outgoing in script.client.take():
            asked.append((script.now // SECOND, str(outgoing.destination)))
    assert asked[:-1] == [
        (1800, "10.0.0.1"), (2475, "10.0.0.1"), (2812, "10.0.0.1"), (2981, "10.0.0.1"), (3065, "10.0.0.1"),
        (3125, "10.0.0.1"), (3150, "255.255.255.255"), (3375, "255.255.255.255"), (3487, "255.255.255.255"),
        (3547, "255.255.255.255")]
    assert asked[-1] == (3600, "255.255.255.255")
    assert script.client.state == "SELECTING"


def test_a_nak_while_renewing_takes_the_address():
    script = Script()
    script.bind()
    script.wait()
    script.sent("request")
    script.answer(dhcp.NAK, your=ANY)
    assert script.client.lease is None
    script.sent("discover")


def test_anybody_may_answer_when_rebinding():
    """Another server's ACK is not taken while renewing, and is while rebinding."""
    script = Script()
    script.bind()
    script.wait()
    script.sent("request")
    other = IPv4Address("10.0.0.3")
    script.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 600), server=other)
    assert script.client.state == "RENEWING"
    script.pass_time(225)
    script.client.take()
    assert script.client.state == "REBINDING"
    script.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 600), server=other)
    assert (script.client.state, script.client.lease.server) == ("BOUND", other)


def test_a_lease_for_ever_is_never_renewed():
    script = Script()
    script.bind(seconds=0xFFFFFFFF)
    assert script.client.next_timeout is None
    assert script.client.lease.expires is None


def test_the_previous_address_is_asked_for():
    """INIT-REBOOT (section 4.3.2): no server named; two tries, then from the beginning."""
    script = Script(previous=OFFERED)
    request = script.sent("request")
    assert request.address(dhcp.REQUESTED_ADDRESS) == OFFERED
    assert request.option(dhcp.SERVER_IDENTIFIER) is None
    script.wait()
    script.sent("request")
    script.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 600))
    script.pass_time(0.5)
    assert script.client.lease.address == OFFERED
    silent = Script(previous=OFFERED)
    for kind in ("request", "request", "discover"):
        silent.sent(kind)
        silent.wait()


def test_stopping_gives_the_address_back():
    script = Script()
    script.bind()
    script.client.stop(script.now)
    release = script.sent("release")
    assert (release.client, script.outgoing.source, script.outgoing.destination) == (OFFERED, OFFERED, SERVER)
    assert script.client.next_timeout is None
    assert script.client.lease is None


def test_times_that_make_no_sense_are_replaced():
    """T1 after T2, T2 after the end; and a lease of one second does not make a storm."""
    script = Script()
    lease = script.bind(number(dhcp.RENEWAL_TIME, 900), number(dhcp.REBINDING_TIME, 800))
    assert (lease.renew, lease.rebind) == (300 * SECOND, 525 * SECOND)
    short = Script()
    short.sent("discover")
    for _ in range(3):
        short.answer(dhcp.OFFER)
        short.sent("request")
        short.answer(dhcp.ACK, MASK, number(dhcp.LEASE_TIME, 1))
        before = short.now
        short.pass_time(1)
        assert short.now - before >= SECOND
        short.sent("discover")


def test_networks_are_read():
    """A mask that is none, routes of RFC 3442, domains of RFC 3397 with a loop in them."""
    script = Script()
    lease = script.bind((dhcp.SUBNET_MASK, bytes((255, 0, 255, 0))),
                        (dhcp.CLASSLESS_ROUTES, bytes((16, 172, 16, 10, 0, 0, 9, 0, 10, 0, 0, 1, 33))),
                        (dhcp.SEARCH, b"\5netos\7example\0\4more\xc0\6\xc0\x1a"), (dhcp.DOMAIN_NAME, b"\xff;"))
    assert lease.prefix_length == 8
    assert lease.routes == ((IPv4Network("172.16.0.0/16"), IPv4Address("10.0.0.9")),
                            (IPv4Network("0.0.0.0/0"), IPv4Address("10.0.0.1")))
    assert (lease.search, lease.domain) == (("netos.example", "more.example"), "")


CODES = st.sampled_from((1, 3, 6, 15, 26, 50, 51, 52, 53, 54, 58, 59, 119, 121))


@given(st.lists(st.one_of(
    st.tuples(st.just("wait"), st.just(b"")), st.tuples(st.just("raw"), st.binary(max_size=300)),
    st.tuples(st.just("conflict"), st.just(b"")),
    st.tuples(st.integers(1, 8), st.lists(st.tuples(CODES.filter(lambda code: code != 52), st.binary(max_size=9)),
                                          max_size=4))), max_size=12))
def test_no_server_breaks_the_client(steps):
    """Whatever a server says and when: no exception, never a timer in the past, always something to do."""
    script = Script()
    for step, content in steps:
        for outgoing in script.client.take():
            script.last = Dhcp.parse(outgoing.data).header
        if step == "wait" and script.client.next_timeout is not None:
            script.wait()
        elif step == "raw":
            script.client.receive(content, script.now)
        elif step == "conflict":
            script.client.conflict(script.now)
        elif isinstance(step, int):
            script.answer(step, MASK, number(dhcp.LEASE_TIME, 60), *content)
        client = script.client
        assert client.next_timeout is None or client.next_timeout > script.now
        assert client.next_timeout is not None or client.lease is not None
        assert (client.lease is not None) == (client.state in ("BOUND", "RENEWING", "REBINDING"))


def test_a_request_says_what_its_discover_said():
    """The same seconds, so that relays that wait for old clients pass it to the same servers (section 3.1 step 3)."""
    script = Script()
    script.sent("discover")
    script.wait()
    discover = script.sent("discover")
    assert discover.seconds in (3, 4, 5)
    script.now += 3 * SECOND
    script.answer(dhcp.OFFER)
    assert script.sent("request").seconds == discover.seconds
    script.wait()
    assert script.sent("request").seconds == discover.seconds

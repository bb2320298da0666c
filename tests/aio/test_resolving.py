"""Names under asyncio: queries of a loop on the stack, answered by a server on the same stack's 127.0.0.1."""

import asyncio
import errno
import socket
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from netos.aio import resolving
from netos.aio.host import Host
from netos.aio.loop import EventLoop
from netos.proto.wire import Dns, Record, dns
from netos.proto.wire.dns_data import Soa

ADDRESS = IPv4Address("192.0.2.1")
NOTHING = Record("example.", dns.SOA, Soa("a.", "b.", 1, 1, 1, 1, 300), 300)


class Server(asyncio.DatagramProtocol):
    """Answers by the name."""

    def __init__(self):
        self.heard = []
        self.ports = set()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        query = Dns.parse(data).header
        self.ports.add(peer[1])
        name = query.questions[0].name
        self.heard.append(name)
        reply = replace(query, response=True, additionals=())
        if name == "long.example.":
            reply = replace(reply, truncated=True)
        elif name == "no.example.":
            reply = replace(reply, code=dns.NO_SUCH_NAME, authorities=(NOTHING,))
        elif name == "mail.example.":
            reply = replace(reply, authorities=(NOTHING,))
        elif name == "refused.example.":
            reply = replace(reply, code=dns.REFUSED)
        else:
            reply = replace(reply, answers=(Record(name, dns.A, ADDRESS, 60),))
        if name != "silent.example.":
            self.transport.sendto(b"nonsense", peer)
            self.transport.sendto(reply.build(), peer)

    async def by_tcp(self, reader, writer):
        query = Dns.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))).header
        many = tuple(Record(query.questions[0].name, dns.A, IPv4Address(number), 60) for number in range(1, 200))
        data = replace(query, response=True, answers=many, additionals=()).build()
        writer.write(len(data).to_bytes(2, "big") + data)
        await writer.drain()
        writer.close()


@pytest.fixture
def host(monkeypatch, tmp_path):
    monkeypatch.setattr(resolving, "CONFIGURATION", tmp_path / "resolv.conf")
    (tmp_path / "resolv.conf").write_text("nameserver 10.9.9.9\nsearch example # of mine\nnameserver ::1\n")
    made = Host(dns=("127.0.0.1",))
    yield made
    made.close()


def run(host, main):
    """Run main(loop, server) on the host."""
    async def whole():
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(Server, ("127.0.0.1", 53))
        tcp = await asyncio.start_server(server.by_tcp, "127.0.0.1", 53)
        try:
            return await main(loop, server)
        finally:
            transport.close()
            tcp.close()

    with asyncio.Runner(loop_factory=lambda: EventLoop(host=host)) as runner:
        return runner.run(whole())


def ask(host, *names):
    async def main(loop, server):
        found = []
        for name in names:
            entries = await loop.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
            found.append([entry[4] for entry in entries])
        return found, server

    return run(host, main)


def test_names_are_looked_up_through_the_stack(host):
    """Once each, from a port each; the second time from memory, also in the next loop; short names by search."""
    found, server = ask(host, "www.example", "WWW.Example", "web")
    assert found == [[("192.0.2.1", 80)]] * 3
    assert server.heard == ["www.example.", "web.example."]
    assert len(server.ports) == 2
    _, server = ask(host, "www.example")
    assert server.heard == []


def test_names_in_any_script(host):
    """What is not ASCII is asked for as IDNA has it; what that cannot write is no name."""
    _, server = ask(host, "bücher.example")
    assert server.heard == ["xn--bcher-kva.example."]
    with pytest.raises(socket.gaierror, match="is not a name"):
        ask(host, "ü" * 70 + ".example")


def test_long_answers_come_by_tcp(host):
    (found,), _ = ask(host, "long.example")
    assert len(found) == 199


@pytest.mark.parametrize(("name", "number", "words"), [
    ("no.example.", socket.EAI_NONAME, "is not known"), ("mail.example.", socket.EAI_NODATA, "has no IPv4 address"),
    ("refused.example", socket.EAI_AGAIN, "127.0.0.1 answers REFUSED"), ("a..b", socket.EAI_NONAME, "a label is of 1")])
def test_what_cannot_be_found(host, name, number, words):
    """gaierror, with the number that programs look at and a reason for people."""
    with pytest.raises(socket.gaierror, match=words) as caught:
        ask(host, name)
    assert caught.value.errno == number


def test_nobody_serves_names(monkeypatch, tmp_path):
    """ICMP says so at once: no waiting. And without any server the message says what to do."""
    monkeypatch.setattr(resolving, "CONFIGURATION", tmp_path / "missing")
    for servers, words in ((("127.0.0.1",), "Connection refused"), (("10.9.9.9",), "Network is unreachable"),
                           ((), "give --dns, use DHCP")):
        host = Host(dns=servers)
        with asyncio.Runner(loop_factory=lambda host=host: EventLoop(host=host)) as runner, \
                pytest.raises(socket.gaierror, match=words):
            runner.run(asyncio.wait_for(resolve_one(), 1))
        host.close()


async def resolve_one():
    await asyncio.get_running_loop().getaddrinfo("www.example", 80)


def test_the_same_name_is_asked_for_once(host):
    """Ten who ask at the same time share a query (RFC 5452 section 5), and nothing is left of those who give up."""
    async def main(loop, server):
        await asyncio.gather(*(loop.getaddrinfo("www.example", 80) for _ in range(10)))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(loop.getaddrinfo("silent.example", 80), 0.01)
        assert host.names.resolver.next_timeout is None
        return server

    assert run(host, main).heard == ["www.example.", "silent.example."]
    assert host.names._ports == {}
    assert host.names._lookups == {}


def test_a_loop_that_ends_while_it_asks(host):
    """The next loop's queries are not disturbed by those of the last."""
    async def leave(loop, server):
        loop.create_task(loop.getaddrinfo("silent.example", 80))
        await asyncio.sleep(0.01)

    run(host, leave)
    assert ask(host, "www.example")[0] == [[("192.0.2.1", 80)]]


def test_resolv_conf(monkeypatch, tmp_path):
    """Comments, other keywords, IPv6 and the machine's own resolver are passed over; the last search counts."""
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr(resolving, "CONFIGURATION", path)
    monkeypatch.delenv("LOCALDOMAIN", raising=False)
    path.write_text("# c\nnameserver 127.0.0.53\nnameserver 10.0.0.1 ; x\nnameserver fe80::1\nnameserver\n"
                    "domain one.example\nsearch two.example. three.example .\noptions ndots:2\n")
    assert resolving.read_configuration() == ((IPv4Address("10.0.0.1"),), ("two.example", "three.example"))
    monkeypatch.setattr(resolving, "CONFIGURATION", tmp_path / "missing")
    assert resolving.read_configuration() == ((), ())


@pytest.mark.parametrize("name", ["silent.example", "long.example"])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_is_closed_while_it_asks(host, name):
    """By UDP and by TCP, and without a word of cancelling: the next loop must not stumble over a closed one."""
    loop = EventLoop(host=host)

    async def begin():
        transport, _ = await loop.create_datagram_endpoint(Server, ("127.0.0.1", 53))
        tcp = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 53)
        asking = loop.create_task(loop.getaddrinfo(name, 80))
        await asyncio.sleep(0.01)
        transport.close()
        tcp.close()
        await asyncio.sleep(0.01)
        return asking

    asking = loop.run_until_complete(begin())
    loop.close()
    assert not asking.done()
    asking._log_destroy_pending = False
    assert ask(host, "www.example")[0] == [[("192.0.2.1", 80)]]


def test_no_port_to_ask_from(host, monkeypatch):
    """It is an error of the look-up, and the next one may do better."""
    def refuse(*arguments, **options):
        raise OSError(errno.ENOBUFS, "No buffer space available")

    with monkeypatch.context() as patched:
        patched.setattr(resolving, "UdpEndpoint", refuse)
        with pytest.raises(socket.gaierror, match="No buffer space"):
            ask(host, "www.example")
    assert ask(host, "other.example")[0] == [[("192.0.2.1", 80)]]

"""DiscardServer reads all and says nothing; ChargenServer sends RFC 864's lines, as much as is read and no more."""

from netos.proto.udp_endpoint import UdpEndpoint


def test_discard_takes_all(pair):
    hosts = pair("discard :: DiscardServer;")
    user = hosts.connect(9)
    sent = 0
    while sent < 500000:
        sent += user.endpoint.send(bytes(500000 - sent))
        hosts.wait(0.05)
    UdpEndpoint(hosts.client).send(b"datagram", ("10.0.0.2", 9))
    user.endpoint.shutdown()
    hosts.wait(1)
    assert user.got == b""
    assert user.endpoint.finished
    assert hosts.read("discard.bytes_in") == str(500000 + 8)


def test_chargen_sends_shifted_lines_until_it_is_closed(pair):
    hosts = pair("chargen :: ChargenServer;")
    user = hosts.connect(19, reading=False)
    lines = user.endpoint.receive(100000).split(b"\r\n")
    assert lines[0] == bytes(range(32, 32 + 72))
    assert lines[1] == bytes(range(33, 33 + 72))
    assert all(len(line) == 72 for line in lines[:-1])
    assert lines[0] == lines[95]
    user.endpoint.shutdown()
    hosts.wait(1)
    assert hosts.read("chargen.connections") == "1"         # until what was sent has been read
    user.reading = True
    user.stack_event(0)
    hosts.wait(1)
    assert hosts.read("chargen.connections") == "0"


def test_chargen_waits_for_who_does_not_read(pair):
    hosts = pair("chargen :: ChargenServer(IDLE 10);")
    user = hosts.connect(19, reading=False)
    hosts.wait(5)
    before = hosts.read("chargen.bytes_out")
    hosts.wait(2)
    assert hosts.read("chargen.bytes_out") == before
    hosts.wait(20)
    assert hosts.read("chargen.timeouts") == "1"
    assert user.endpoint.error

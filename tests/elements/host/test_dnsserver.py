"""DnsServer answers for its zone as RFC 1034 has it, and nothing else; a bad zone file is told with its line."""

import random

import pytest

from elements.host.dns_zone import Zone, ZoneError
from netos.errors import ConfigError, HandlerError
from netos.proto.udp_endpoint import UdpEndpoint
from netos.proto.wire import Dns, Question, Record, WireError
from netos.proto.wire.dns import AAAA, ANY, CNAME, MX, NS, OPT, SOA, TXT, A

ZONE = """\
$ORIGIN example.org.
$TTL 1h     ; of all that say nothing else
@       IN SOA  ns1 hostmaster (
                2026112301 ; serial
                1d 2h 4w 300 )
        IN NS   ns1
        IN NS   ns2.example.net.
        IN MX   10 mail
ns1     A       192.0.2.1
mail    300 IN A 192.0.2.2
        AAAA    2001:db8::2
www     CNAME   web
web     A       192.0.2.3
        A       192.0.2.4
loop    CNAME   pool
pool    CNAME   loop
away    CNAME   www.example.com.
text    TXT     "hello; world" plain \\"
deep.er.name A  192.0.2.5
sub     NS      ns.sub
ns.sub  A       192.0.2.6
""" + "".join(f"many A 10.1.{number}.1\n" for number in range(200))


@pytest.fixture
def dns(pair, tmp_path):
    path = tmp_path / "zone"
    path.write_text(ZONE)
    hosts = pair(f"dns :: DnsServer({path});")
    hosts.zone = path
    hosts.port = UdpEndpoint(hosts.client, ("", 5353))
    return hosts


def send(dns, data):
    dns.port.send(data, ("10.0.0.2", 53))
    dns.wait(0.1)
    found = dns.port.receive()
    return None if found is None else Dns.parse(found[0]).header


def ask(dns, name, kind=A, **more):
    answer = send(dns, Dns(7, questions=(Question(name, kind),), recursion_desired=True, **more).build())
    assert answer.response
    assert answer.identifier == 7
    assert answer.questions == (Question(name, kind),)
    return answer


def shown(records):
    return [str(record) for record in records]


def test_what_there_is_and_what_there_is_not(dns):
    found = ask(dns, "web.example.org.")
    assert found.authoritative
    assert shown(found.answers) == ["web.example.org. 3600 A 192.0.2.3", "web.example.org. 3600 A 192.0.2.4"]
    assert shown(ask(dns, "mail.example.org.").answers) == ["mail.example.org. 300 A 192.0.2.2"]
    assert shown(ask(dns, "mail.example.org.", AAAA).answers) == ["mail.example.org. 3600 AAAA 2001:db8::2"]
    assert ask(dns, "text.example.org.", TXT).answers[0].data == (b"hello; world", b"plain", b'"')
    missing = ask(dns, "nobody.example.org.")
    assert (missing.code, missing.answers) == (3, ())
    assert (missing.authorities[0].type, missing.authorities[0].ttl) == (SOA, 300)
    empty = ask(dns, "web.example.org.", MX)
    assert (empty.code, empty.answers, empty.authorities[0].type) == (0, (), SOA)
    between = ask(dns, "er.name.example.org.")
    assert (between.code, between.answers) == (0, ())
    assert ask(dns, "example.com.").code == 5
    assert ask(dns, "notexample.org.").code == 5
    assert dns.read("dns.codes") == "NOERROR 6\nNXDOMAIN 1\nREFUSED 2\n"
    assert [dns.read(f"dns.{name}") for name in ("origin", "serial", "queries")] == ["example.org.", "2026112301", "9"]


def test_names_are_compared_without_case_and_answered_as_asked(dns):
    assert shown(ask(dns, "Ns1.EXAMPLE.org.").answers) == ["Ns1.EXAMPLE.org. 3600 A 192.0.2.1"]


def test_aliases_are_followed_within_the_zone_and_never_for_ever(dns):
    assert shown(ask(dns, "www.example.org.").answers) == [
        "www.example.org. 3600 CNAME web.example.org.", "web.example.org. 3600 A 192.0.2.3",
        "web.example.org. 3600 A 192.0.2.4"]
    assert shown(ask(dns, "www.example.org.", CNAME).answers) == ["www.example.org. 3600 CNAME web.example.org."]
    assert len(ask(dns, "loop.example.org.").answers) == 2
    assert shown(ask(dns, "away.example.org.").answers) == ["away.example.org. 3600 CNAME www.example.com."]


def test_the_top_of_the_zone_with_addresses_of_what_it_names(dns):
    assert ask(dns, "example.org.", SOA).answers[0].data.contact == "hostmaster.example.org."
    names = ask(dns, "example.org.", NS)
    assert len(names.answers) == 2
    assert shown(names.additionals) == ["ns1.example.org. 3600 A 192.0.2.1"]
    assert len(ask(dns, "example.org.", MX).additionals) == 2


def over_tcp(dns, *questions):
    user = dns.connect(53)
    query = Dns(9, questions=questions).build()
    user.endpoint.send(len(query).to_bytes(2, "big") + query)
    dns.wait(0.5)
    return Dns.parse(bytes(user.got[2:])).header


def test_anything_is_one_kind_of_records_in_a_datagram_and_all_over_tcp(dns):
    """RFC 8482 section 4.2: a question with a forged address had all of a name's records sent there."""
    found = ask(dns, "Example.org.", ANY)
    assert ({record.type for record in found.answers}, found.answers[0].name) == ({NS}, "Example.org.")
    assert (found.authoritative, found.truncated, found.additionals) == (True, False, ())
    assert {record.type for record in over_tcp(dns, Question("example.org.", ANY)).answers} == {SOA, NS, MX}
    assert shown(ask(dns, "www.example.org.", ANY).answers) == ["www.example.org. 3600 CNAME web.example.org."]
    nothing = ask(dns, "nothing.example.org.", ANY)
    assert (nothing.code, nothing.authorities[0].type) == (3, SOA)


def test_what_another_zone_below_has_is_referred_there(dns):
    for name in ("sub.example.org.", "x.y.sub.example.org."):
        found = ask(dns, name)
        assert (found.code, found.authoritative, found.answers) == (0, False, ())
        assert shown(found.authorities) == ["sub.example.org. 3600 NS ns.sub.example.org."]
        assert shown(found.additionals) == ["ns.sub.example.org. 3600 A 192.0.2.6"]


def test_what_does_not_fit_is_truncated_and_whole_over_tcp(dns):
    found = ask(dns, "many.example.org.")
    assert found.truncated
    assert found.answers == ()
    extended = ask(dns, "web.example.org.", additionals=(Record(".", OPT, b"", 0, 4096),))
    assert [record.type for record in extended.additionals] == [OPT]
    query = Dns(9, questions=(Question("many.example.org."),)).build()
    user = dns.connect(53)
    whole = len(query).to_bytes(2, "big") + query
    user.endpoint.send(whole + whole[:5])
    dns.wait(0.1)
    user.endpoint.send(whole[5:])
    dns.wait(0.2)
    size = int.from_bytes(user.got[:2], "big")
    assert len(user.got) == 2 * (2 + size)
    assert len(Dns.parse(bytes(user.got[2:2 + size])).header.answers) == 200
    user.endpoint.shutdown()
    dns.wait(0.1)
    assert user.endpoint.finished


def test_what_nobody_asked_for_is_left_out_before_an_answer_is_truncated(dns):
    """RFC 2181 section 9; addresses of a referral are needed."""
    dns.zone.write_text(ZONE + "pop MX 1 many\nbelow NS many\n")
    dns.router.write("dns.reload")
    found = ask(dns, "pop.example.org.", MX)
    assert (found.truncated, len(found.answers), found.additionals) == (False, 1, ())
    assert ask(dns, "below.example.org.").truncated


def test_edns_of_another_version_or_twice(dns):
    """RFC 6891 sections 6.1.1 and 6.1.3."""
    option = Record(".", OPT, b"", 1 << 16, 4096)
    found = ask(dns, "web.example.org.", additionals=(option,))
    assert (found.code, found.answers) == (0, ())
    assert [(record.ttl, record.class_) for record in found.additionals] == [(1 << 24, 1232)]
    assert ask(dns, "web.example.org.", additionals=(Record(".", OPT, b"", 0, 4096),) * 2).code == 1
    assert dns.read("dns.codes") == "FORMERR 1\nBADVERS 1\n"


def test_wildcards_stand_for_names_that_are_not_there(dns):
    """RFC 4592 section 2.2.1 and 3.3.1."""
    dns.zone.write_text(ZONE + "*.wild A 192.0.2.7\n*.wild TXT any\nhost.wild A 192.0.2.8\na.b.wild A 192.0.2.9\n"
                        "*.alias CNAME web\n*.round CNAME x.round\n")
    dns.router.write("dns.reload")
    assert shown(ask(dns, "X.wild.example.org.").answers) == ["X.wild.example.org. 3600 A 192.0.2.7"]
    assert shown(ask(dns, "y.x.wild.example.org.").answers) == ["y.x.wild.example.org. 3600 A 192.0.2.7"]
    assert ask(dns, "x.wild.example.org.", TXT).answers[0].data == (b"any",)
    empty = ask(dns, "x.wild.example.org.", MX)
    assert (empty.code, empty.answers, empty.authorities[0].type) == (0, (), SOA)
    assert ask(dns, "host.wild.example.org.", TXT).answers == ()        # the name is there
    assert (ask(dns, "b.wild.example.org.").answers, ask(dns, "b.wild.example.org.").code) == ((), 0)
    assert ask(dns, "x.b.wild.example.org.").code == 3                  # b.wild is closer, and has no wildcard
    assert ask(dns, "x.host.wild.example.org.").code == 3
    assert shown(ask(dns, "x.alias.example.org.").answers)[0] == "x.alias.example.org. 3600 CNAME web.example.org."
    assert len(ask(dns, "x.alias.example.org.").answers) == 3
    assert len(ask(dns, "y.round.example.org.").answers) == 2
    with pytest.raises(ZoneError, match="has an NS record"):
        Zone(ZONE + "*.wild NS ns1\n")


def test_a_dot_within_a_label_ends_none(dns):
    r"""evil\.example.org. is a neighbour of example.org., not in it; x\.sub no part of sub."""
    assert ask(dns, r"evil\.example.org.").code == 5
    assert ask(dns, r"x\.sub.example.org.").code == 3
    dns.zone.write_text(ZONE + "odd\\.name A 192.0.2.10\n")
    dns.router.write("dns.reload")
    assert shown(ask(dns, r"odd\.name.example.org.").answers) == [r"odd\.name.example.org. 3600 A 192.0.2.10"]
    assert ask(dns, "name.example.org.").code == 0                      # of deep.er.name alone


def test_texts_are_the_bytes_of_the_file(dns):
    """They were made Latin-1, and question marks; a letter whose second byte is 0x85 ended the line."""
    dns.zone.write_text(ZONE + 'umlaut TXT "\u00e9\u00c5\u20ac \\255 \\"" \u00e0\n', encoding="utf-8")
    dns.router.write("dns.reload")
    assert ask(dns, "umlaut.example.org.", TXT).answers[0].data == (
        "\u00e9\u00c5\u20ac ".encode() + b'\xff "', "\u00e0".encode())
    with pytest.raises(ZoneError, match="256"):
        Zone(ZONE + 'umlaut TXT "\\256"\n')


def test_services_that_answer_anything_get_no_answer(dns):
    """Chargen's letters are no answer of DNS, and were answered with an error, to which it had more letters."""
    port = UdpEndpoint(dns.client, ("", 19))
    port.send(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", ("10.0.0.2", 53))
    dns.wait(0.1)
    assert port.receive() is None
    assert send(dns, b"short") is None
    assert dns.read("dns.ignored") == "2"


def test_odd_questions_get_an_error_and_answers_none(dns):
    question = Question("web.example.org.")
    assert send(dns, Dns(1, operation=4, questions=(question,)).build()).code == 4
    assert send(dns, Dns(1).build()).code == 1
    assert send(dns, Dns(1, questions=(question, question)).build()).code == 1
    assert send(dns, Dns(1, questions=(Question("web.example.org.", 252),)).build()).code == 5
    assert send(dns, Dns(1, questions=(Question("web.example.org.", A, 3),)).build()).code == 5
    assert send(dns, Dns(1, response=True, questions=(question,)).build()) is None
    assert send(dns, b"short") is None


def test_nothing_that_comes_does_any_harm(dns):
    """Each message gets an answer that can be read, or none."""
    source = random.Random(1)
    good = bytearray(Dns(7, questions=(Question("www.example.org."),)).build())
    for _ in range(500):
        data = bytearray(good)
        for _ in range(source.randrange(1, 6)):
            data[source.randrange(len(data))] = source.randrange(256)
        data = data[:source.randrange(8, len(data) + 1)]
        answer = dns.router["dns"].respond(bytes(data), 0)
        if answer is not None:
            try:
                Dns.parse(answer)
            except WireError:
                pytest.fail(f"{data.hex()}: {answer.hex()}")


def test_the_file_can_be_read_again(dns):
    dns.zone.write_text(ZONE.replace("192.0.2.1", "192.0.2.99"))
    dns.router.write("dns.reload")
    assert shown(ask(dns, "ns1.example.org.").answers) == ["ns1.example.org. 3600 A 192.0.2.99"]
    dns.zone.write_text("nonsense")
    with pytest.raises(HandlerError):
        dns.router.write("dns.reload")
    assert ask(dns, "ns1.example.org.").code == 0


@pytest.mark.parametrize(("change", "said"), [
    (("192.0.2.3", "192.0.2.999"), "zone:13: "), (("web\n", "web extra\n"), "zone:12: 1 values are wanted, not 2"),
    (("CNAME   web", "DNAME   web"), "zone:12: DNAME is no type of record that is known"),
    (("300 )", "300"), "zone:3: a parenthesis is not closed"), (("1d 2h", "1d) 2h"), "zone:5: a parenthesis is closed"),
    (("$ORIGIN example.org.\n", ""), "zone:2: @ stands for the origin, and there is none"),
    (("ns2.example.net.\n", "ns2.example.net.\nother.org. A 192.0.2.1\n"), " other.org. does not lie in example.org."),
    (("www     CNAME   web", "web     CNAME   www"), " web.example.org. has a CNAME, and more than that"),
    (("10 mail", "99999 mail"), "zone:8: '99999' is no number from 0 to 65535"),
    (("$TTL 1h", "$TTL soon"), "zone:2: 'soon' is no time"), (("$TTL", "$INCLUDE"), "zone:2: $INCLUDE is not known"),
    (("2026112301", "new"), "zone:3: 'new' is no serial number"),
    (("web\n", "web\nodd TXT a\\256\n"), "zone:13: '\\256' is no byte"),
    # Each digit doubled the time until it was found to be no time: a reload never ended.
    (("300 IN", "9" * 60 + "x IN"), f"zone:10: {'9' * 60}x is no type"), (("$TTL 1h", "$TTL 1hh"), "'1hh' is no time")])
def test_bad_zones_are_told_with_their_line(change, said):
    with pytest.raises(ZoneError) as caught:
        Zone(ZONE.replace(*change))
    assert said in str(caught.value)


def test_a_zone_without_soa_or_without_servers_is_none():
    for text in ("", "a.b. 5 A 1.2.3.4\n", "b. 5 SOA b. b. 1 1 1 1 1\n"):
        with pytest.raises(ZoneError, match="there is no"):
            Zone(text)


def test_a_file_that_is_not_there_is_told(pair):
    with pytest.raises(ConfigError, match="cannot read the zone file /nowhere: No such file"):
        pair("DnsServer(/nowhere);")

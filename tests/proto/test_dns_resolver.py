"""The stub resolver, query by query in virtual time."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.proto.dns_cache import Cache, Entry
from netos.proto.dns_resolver import FAILED, NO_DATA, NO_SUCH_NAME, OK, SECOND
from netos.proto.wire import Question, Record, WireError, dns
from netos.proto.wire.dns_data import Soa
from tests.proto.resolver_script import ADDRESS, ONE, OTHER, TWO, Script, address, alias

SOA = Soa("ns.example.", "root.example.", 1, 2, 3, 4, 300)
NOTHING = Record("example.", dns.SOA, SOA, 3600)


def test_a_name_is_looked_up():
    """One query, recursion wanted, EDNS offered; the answer comes back once."""
    script = Script()
    lookup = script.ask()
    message = script.sent()
    assert message.recursion_desired
    assert message.additionals == (Record(".", dns.OPT, b"", 0, 1232),)
    script.answer(address(), address(data=OTHER))
    assert script.resolver.finished() == [lookup]
    assert lookup.answer == (OK, "www.example.", (ADDRESS, OTHER), "")
    assert script.query.over
    assert script.resolver.next_timeout is None
    assert script.resolver.finished() == []


def test_servers_take_turns():
    """Each server in turn, 2 seconds each, then 4, then 8; then it has failed, and says why."""
    script = Script()
    script.ask()
    times = []
    for server in (ONE, TWO) * 3:
        script.sent(server)
        before = script.now
        script.wait()
        times.append((script.now - before) // SECOND)
    assert times == [2, 2, 4, 4, 8, 8]
    assert script.lookup.answer == (FAILED, "www.example.", (), "10.0.1.53 does not answer")


@pytest.mark.parametrize("code", [dns.SERVER_FAILURE, dns.REFUSED, 9])
def test_a_server_that_cannot_is_left(code):
    script = Script()
    script.ask()
    script.sent(ONE)
    script.answer(code=code)
    script.sent(TWO)
    script.answer(address())
    assert script.status == OK


def test_a_server_that_is_not_there_is_left():
    """ICMP said so: nobody waits."""
    script = Script()
    script.ask()
    script.sent(ONE)
    script.resolver.failed(script.query, 0)
    script.sent(TWO)
    late = script.query
    script.answer(address())
    script.answer(address(data=OTHER), query=late)
    assert script.lookup.answer.data == (ADDRESS,)


def test_no_servers():
    script = Script(servers=())
    script.ask()
    assert script.lookup.answer == (FAILED, "www.example.", (), "no name server is known")


def test_a_truncated_answer_is_asked_for_by_tcp():
    script = Script()
    script.ask()
    script.sent()
    script.answer(address(data=OTHER), truncated=True)
    assert script.status is None
    script.sent(ONE, tcp=True)
    script.answer(address())
    assert script.lookup.answer.data == (ADDRESS,)


def test_a_server_without_edns():
    """FORMERR, perhaps without the question: asked again without OPT (RFC 6891 section 7)."""
    for questions in ((), (Question("www.example."),)):
        script = Script()
        script.ask()
        script.sent()
        script.answer(code=dns.FORMAT_ERROR, questions=questions)
        assert script.sent(ONE).additionals == ()
        script.answer(code=dns.FORMAT_ERROR)
        script.sent(TWO)


def test_aliases_within_an_answer():
    script = Script()
    script.ask()
    script.sent()
    script.answer(alias("www.example.", "web.example."), alias("web.example.", "host.example."),
                  address("host.example."))
    assert script.lookup.answer == (OK, "host.example.", (ADDRESS,), "")
    script.ask("web.example")
    assert script.lookup.answer.name == "host.example."       # remembered


def test_aliases_that_lead_elsewhere_are_asked_for():
    script = Script()
    script.ask()
    script.sent()
    script.answer(alias("www.example.", "www.other."))
    script.sent(name="www.other.")
    script.answer(address("www.other."))
    assert script.lookup.answer == (OK, "www.other.", (ADDRESS,), "")


@pytest.mark.parametrize("ttl", [0, 60])
def test_alias_loops_end(ttl):
    """In one answer, and from answer to answer."""
    script = Script()
    script.ask("a.example")
    for _ in range(40):
        queries = script.resolver.take()
        if not queries:
            break
        (script.query,) = queries
        name = script.query.message.questions[0].name
        script.answer(alias(name, "b.example." if name == "a.example." else "a.example.", ttl))
    assert (script.status, "aliases" in script.lookup.answer.reason) == (FAILED, True)
    script.ask("c.example")
    script.sent(name="c.example.")
    script.answer(alias("c.example.", "d.example.", ttl), alias("d.example.", "c.example.", ttl))
    while script.status is None:
        (script.query,) = script.resolver.take()
        script.answer(alias("c.example.", "d.example.", ttl), alias("d.example.", "c.example.", ttl))
    assert script.status == FAILED


def test_answers_are_remembered_for_their_time():
    script = Script()
    script.ask()
    script.sent()
    script.answer(address(ttl=60), address(data=OTHER, ttl=90))
    script.now = 59 * SECOND
    script.ask()
    assert script.lookup.answer.data == (ADDRESS, OTHER)
    assert script.resolver.finished()
    script.now = 60 * SECOND
    script.ask()
    script.sent()


@pytest.mark.parametrize("ttl", [0, 1 << 31])
def test_what_has_no_time_is_not_remembered(ttl):
    script = Script()
    script.ask()
    script.sent()
    script.answer(address(ttl=ttl))
    assert script.status == OK
    script.ask()
    script.sent()


def test_that_there_is_nothing_is_remembered():
    """RFC 2308: for the lesser of the SOA's own time and its minimum; without a SOA not at all."""
    for code, status in ((dns.NO_SUCH_NAME, NO_SUCH_NAME), (dns.NO_ERROR, NO_DATA)):
        script = Script()
        script.ask()
        script.sent()
        script.answer(code=code, authorities=(NOTHING,))
        assert script.status == status
        script.now = 299 * SECOND
        script.ask()
        assert script.status == status
        script.now = 300 * SECOND
        script.ask()
        script.sent()
        script.answer(code=code)
        assert script.status == status
        script.ask()
        script.sent()


def test_a_referral_is_no_answer():
    """A server that does not recurse for us is left for the next one."""
    script = Script()
    script.ask()
    script.sent(ONE)
    script.answer(authorities=(Record("example.", dns.NS, "ns.example.", 60),))
    script.sent(TWO)


def test_search_domains():
    """Short names are searched for first, dotted ones last, absolute ones never."""
    script = Script(search=("one.example", "two.example"))
    script.ask("www")
    script.sent(name="www.one.example.")
    script.answer(code=dns.NO_SUCH_NAME)
    script.sent(name="www.two.example.")
    script.answer(authorities=(NOTHING,))
    script.sent(name="www.")
    script.answer(code=dns.NO_SUCH_NAME)
    assert script.status == NO_DATA                     # www.two.example exists
    assert script.resolver.candidates("a.b") == ["a.b.", "a.b.one.example.", "a.b.two.example."]
    assert script.resolver.candidates("www.") == ["www."]


def test_a_failure_ends_the_search():
    """What the first domain has nobody knows: another domain's host must not be taken for it."""
    script = Script((ONE,), search=("one.example", "two.example"), rounds=1)
    script.ask("www")
    script.sent(name="www.one.example.")
    script.wait()
    assert script.status == FAILED


@pytest.mark.parametrize("name", ["a..b", "a" * 64, "x." * 128, "bücher.example", ".", "a\\"])
def test_what_is_no_name(name):
    """Names that cannot be asked for are refused at once; the root can."""
    script = Script()
    if name == ".":
        script.ask(name)
        script.sent(name=".")
        return
    with pytest.raises(WireError, match="dns name"):
        script.ask(name)


def test_a_cancelled_lookup_is_forgotten():
    script = Script()
    script.resolver.cancel(script.ask())
    assert script.resolver.take() == []
    assert script.resolver.next_timeout is None


def test_the_cache_is_bounded():
    """A million names do not fill the memory; what was used last stays."""
    cache = Cache(3)
    for number in range(3):
        cache.put(f"{number}.", 1, Entry((ADDRESS,)), 60, 0)
    assert cache.get("0.", 1, 0)
    cache.put("3.", 1, Entry((ADDRESS,)), 60, 0)
    assert [cache.get(f"{number}.", 1, 0) is not None for number in range(4)] == [True, False, True, True]
    assert len(cache) == 3
    cache.put("day.", 1, Entry((ADDRESS,)), (1 << 31) - 1, 0)
    assert cache.get("day.", 1, 86400 * SECOND) is None


def test_answers_of_thousands_are_not_remembered():
    """A thousand names of a server that wants our memory would take hundreds of megabytes."""
    script = Script()
    script.ask()
    script.sent()
    script.answer(*(address(data=IPv4Address(number)) for number in range(2000)))
    assert len(script.lookup.answer.data) == 2000
    script.ask()
    script.sent()


RECORDS = st.lists(st.one_of(
    st.builds(address, st.sampled_from(("www.example.", "a.example.")), ttl=st.integers(0, 9)),
    st.builds(alias, st.sampled_from(("www.example.", "a.example.")), st.sampled_from(("www.example.", "a.example."))),
), max_size=4).map(tuple)


@given(st.lists(st.one_of(
    st.just("wait"), st.just("failed"), st.binary(max_size=80),
    st.fixed_dictionaries({"answers": RECORDS, "code": st.integers(0, 6), "truncated": st.booleans()})), max_size=60))
def test_no_server_breaks_the_resolver(steps):
    """Whatever comes: no exception, and a lookup always has either an answer or a query with a deadline ahead."""
    script = Script(search=("example",))
    script.ask("www")
    waiting = []
    for step in steps:
        waiting += script.resolver.take()
        if script.lookup.answer is not None:
            assert script.resolver.next_timeout is None
            break
        query = waiting[-1]
        if step == "wait":
            script.wait()
        elif step == "failed":
            script.resolver.failed(query, script.now)
        elif isinstance(step, bytes):
            script.resolver.receive(query, query.data[:2] + b"\x80" + step, script.now)
        else:
            script.answer(*step["answers"], query=query, code=step["code"], truncated=step["truncated"])
        assert (script.lookup.answer is None) == (script.resolver.next_timeout is not None)
        assert script.resolver.next_timeout is None or script.resolver.next_timeout > script.now

"""What the stub resolver takes for an answer (RFC 5452): guesses, lies, and what is right in an odd form."""

from dataclasses import replace

import pytest

from netos.proto.dns_resolver import OK
from netos.proto.wire import Dns, Question, Record, dns
from tests.proto.resolver_script import ADDRESS, ONE, OTHER, TWO, Script, address


def test_identifiers_are_random():
    """RFC 5452 section 9.2: a guess hits one in 65 536; each query has its own."""
    script = Script()
    found = set()
    for number in range(50):
        script.ask(f"n{number}.example")
        found.add(script.sent(name=f"n{number}.example.").identifier)
    assert len(found) > 45


@pytest.mark.parametrize("lie", [
    {"identifier": 1}, {"response": False}, {"questions": ()}, {"questions": (Question("www.evil."),)},
    {"questions": (Question("www.example.", dns.AAAA),)}, {"questions": (Question("www.example."),) * 2},
    {"questions": (Question("www.example.", dns.A, 3),)}])
def test_answers_to_something_else_are_ignored(lie):
    """RFC 5452: another identifier or question, or a query instead of an answer; the true answer may still come."""
    script = Script()
    script.ask()
    script.sent()
    script.answer(address(data=OTHER), **lie)
    assert (script.status, script.resolver.ignored) == (None, 1)
    script.resolver.receive(script.query, b"\0" * 5, 0)
    script.answer(address())
    assert script.lookup.answer.data == (ADDRESS,)


def test_somebody_who_guesses_is_not_given_the_time():
    """RFC 5452 section 9: who has found the port tries identifiers; after a few the question goes by TCP."""
    script = Script()
    script.ask()
    script.sent()
    lies = [replace(script.message, identifier=number, response=True, answers=(address(data=OTHER),)).build()
            for number in range(65536) if number != script.message.identifier][:40]
    guessed = script.query
    for lie in lies:
        script.resolver.receive(guessed, lie, script.now)
    assert guessed.over
    script.answer(address(data=OTHER), query=guessed)
    assert script.status is None
    script.sent(ONE, tcp=True)
    script.answer(address())
    assert script.lookup.answer.data == (ADDRESS,)


def test_lies_are_not_read(monkeypatch):
    """The identifier is looked at first: a forged message of 64 KiB must not cost the time to take it apart."""
    script = Script()
    script.ask()
    script.sent()
    monkeypatch.setattr(Dns, "parse", None)
    script.resolver.receive(script.query, bytes(12), script.now)
    script.resolver.receive(script.query, b"", script.now)
    assert script.resolver.ignored == 2


@pytest.mark.parametrize("operation", [1, 4, 5])
def test_answers_to_another_kind_of_message_are_ignored(operation):
    script = Script()
    script.ask()
    script.sent()
    script.answer(address(data=OTHER), operation=operation)
    assert (script.status, script.resolver.ignored) == (None, 1)


def test_the_reserved_bit_is_passed_over():
    """RFC 1035 section 4.1.1 wants it zero; an answer with it is still one."""
    script = Script()
    script.ask()
    message = script.sent()
    data = bytearray(replace(message, response=True, answers=(address(),)).build())
    data[3] |= 0x40
    script.resolver.receive(script.query, bytes(data), script.now)
    assert script.lookup.answer.data == (ADDRESS,)


def extended(code):
    """An OPT record that tells the high bits of a code (RFC 6891 section 6.1.3)."""
    return Record(".", dns.OPT, b"", code >> 4 << 24, 1232)


def test_a_code_of_twelve_bits():
    """BADVERS, 16, is no NOERROR without data: asked again without EDNS. Others: the next server."""
    script = Script()
    script.ask()
    script.sent()
    script.answer(additionals=(extended(16),))
    assert script.sent(ONE).additionals == ()
    script.answer(code=23 & 15, additionals=(extended(23),))
    script.sent(TWO)
    assert "answers 23" in script.lookup.reason
    script.answer(address())
    assert script.status == OK


def test_names_compare_in_any_case():
    """RFC 4343: a server may answer in capitals."""
    script = Script()
    script.ask("WWW.example")
    script.sent()
    script.answer(address("wWw.Example."), questions=(Question("www.EXAMPLE."),))
    assert script.status == OK


def test_records_of_others_are_not_believed():
    """Data of a name nobody asked for is neither given nor remembered."""
    script = Script()
    script.ask()
    script.sent()
    script.answer(address("www.bank."), address())
    assert script.lookup.answer.data == (ADDRESS,)
    script.ask("www.bank")
    script.sent(name="www.bank.")

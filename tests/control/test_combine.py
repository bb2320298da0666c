"""Answers of replicas become one as their elements say, and by what they are where those say nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.control.combine import RULES, combine
from netos.handlers import Handler, element_handlers


def combined(rule, *answers, writable=False):
    return combine(Handler("x", lambda _: "", (lambda _: None) if writable else None, combine=rule), answers)


@pytest.mark.parametrize(("answers", "expected"), [
    (["3", "4"], "7"), (["3\n", "4\n"], "7\n"), (["-1", "+1"], "0"),
    (["true", "true"], "true"), (["1.5", "1.5"], "1.5"), ([""] * 3, ""),
    (["on", "off"], "replica 0:\non\nreplica 1:\noff\n"), (["a\n", ""], "replica 0:\na\nreplica 1:\n"),
    (["1", "x"], "replica 0:\n1\nreplica 1:\nx\n"),
])
def test_what_nobody_declared(answers, expected):
    assert combined("", *answers) == expected


def test_a_setting_is_not_summed():
    assert combined("", "5", "5", writable=True) == "5"
    assert combined("", "5", "6", writable=True) == "replica 0:\n5\nreplica 1:\n6\n"


@pytest.mark.parametrize(("rule", "answers", "expected"), [
    ("sum", ["1.5", "2"], "3.5"), ("max", ["3", "10", "9"], "10"), ("min", ["3\n", "10\n"], "3\n"),
    ("sum", ["1", "none"], "replica 0:\n1\nreplica 1:\nnone\n"), ("first", ["1", "2"], "1"),
    ("lines", ["a\nb\n", "b\nc\n"], "a\nb\nc\n"),
    ("entries", ["10.0.0.1 1 x\n", "10.0.0.1 1 y\n10.0.0.2 0 z\n"], "10.0.0.1 1 x\n10.0.0.2 0 z\n"),
    ("table", ["established 3\nclosed 1\n", "established 4\nnew 2\n"], "established 7\nclosed 1\nnew 2\n"),
    ("table", ["2\tbad checksum\n", "3\tbad checksum\n"], "5\tbad checksum\n"),
    ("table", ["10.0.0.1 5\n", "10.0.0.1 6\n"], "10.0.0.1 11\n"),
    ("table", ["x 1\nx 2\n", "x 3\nx 4\n"], "x 4\nx 6\n"),
])
def test_what_is_declared(rule, answers, expected):
    assert combined(rule, *answers) == expected


@given(st.sampled_from(["", *RULES]), st.text())
def test_one_replica_answers_for_itself(rule, answer):
    assert combined(rule, answer) == answer


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 1 << 64)),
       st.dictionaries(st.text("abc", min_size=1), st.integers(0, 1 << 64)))
def test_tables_add_up(first, second):
    both = combined("table", *("".join(f"{name} {count}\n" for name, count in table.items())
                               for table in (first, second)))
    total = {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}
    assert {line.split()[0]: int(line.split()[1]) for line in both.splitlines()} == total


def test_a_class_declares_and_a_subclass_inherits():
    class Base:
        handlers = ("count", "rate")
        combine = {"count": "max", "rate": "sum"}
        count = rate = 0

    class Derived(Base):
        combine = {"count": "first"}

    found = element_handlers(Derived())
    assert (found["count"].combine, found["rate"].combine) == ("first", "sum")

"""Arrows: which ports `->` and `=>` connect."""

import pytest

from netos.errors import Location
from netos.lang.links import End, LinkError, pair_ports
from netos.lang.nodes import Ports

AT = Location("f", 1, 1)


def ports(*numbers: int, more: bool = False) -> Ports:
    """A port list."""
    return Ports(list(numbers), more, AT, 1)


def pairs(sources: list[End], targets: list[End], arrow: str) -> list[str]:
    """What an arrow connects, as 'element.port>element.port'."""
    return [f"{a}.{b}>{c}.{d}" for (a, b), (c, d) in pair_ports(sources, targets, arrow)]


def test_plain_arrows_go_from_one_to_one_and_one_to_many() -> None:
    assert pairs([End(1, None)], [End(2, None)], "->") == ["1.0>2.0"]
    assert pairs([End(1, ports(3))], [End(2, ports(4))], "->") == ["1.3>2.4"]
    assert pairs([End(1, None)], [End(2, None), End(3, ports(1))], "->") == ["1.0>2.0", "1.0>3.1"]
    assert pairs([End(1, ports(0, 1))], [End(2, None)], "->") == ["1.0>2.0", "1.1>2.0"]


def test_many_to_many_needs_the_double_arrow(read) -> None:
    with pytest.raises(LinkError, match="syntax error: many-to-many connections require '=>'"):
        pairs([End(1, ports(0, 1))], [End(2, None), End(3, None)], "->")
    assert read("Idle, Idle -> Discard, Discard").complaints() == [
        "syntax error: many-to-many connections require '=>'"]


def test_double_arrows_pair_in_order() -> None:
    assert pairs([End(1, ports(2, 0)), End(2, None)], [End(3, None), End(4, ports(0, 5))], "=>") == [
        "1.2>3.0", "1.0>4.0", "2.0>4.5"]


def test_a_lone_element_without_ports_grows() -> None:
    assert pairs([End(1, None)], [End(2, None), End(3, None)], "=>") == ["1.0>2.0", "1.1>3.0"]
    assert pairs([End(1, None), End(2, None)], [End(3, None)], "=>") == ["1.0>3.0", "2.0>3.1"]
    assert pairs([End(1, None)], [End(3, ports(4, 5))], "=>") == ["1.0>3.4", "1.1>3.5"]


def test_two_lone_elements_do_not_grow() -> None:
    assert pairs([End(1, None)], [End(2, None)], "=>") == ["1.0>2.0"]
    assert pairs([End(1, None)], [End(2, ports(0, more=True))], "=>") == ["1.0>2.0"]


def test_one_port_on_each_side_does_not_expand(read) -> None:
    result = read("x :: ARPQuerier; Idle => x => Idle")
    assert result.complaints() == ["'x :: ARPQuerier' input 1 unused"]


def test_expandable_lists_grow_behind_their_last_port() -> None:
    more = End(2, ports(3, more=True))
    assert pairs([End(1, ports(0, 1, 2))], [more], "=>") == ["1.0>2.3", "1.1>2.4", "1.2>2.5"]
    assert pairs([End(1, ports(0, 1, 2, 3))], [End(4, None), more, End(5, None)], "=>") == [
        "1.0>4.0", "1.1>2.3", "1.2>2.4", "1.3>5.0"]


def test_at_most_one_side_is_expandable(read) -> None:
    message = "at most one expandable port allowed per connection"
    with pytest.raises(LinkError, match=message):
        pairs([End(1, ports(0, more=True))], [End(2, ports(0, more=True))], "=>")
    assert read("x, y :: Idle; x[] => []y").complaints() == [message]


@pytest.mark.parametrize(("text", "message"), [
    ("Idle[0-2] => [0-1]Idle", "connection mismatch: 3 outputs connected to 2 inputs"),
    ("Idle[0,1] => Discard, Discard, Discard", "connection mismatch: 2 outputs connected to 3 inputs"),
    ("Idle[0-2,] => [0-1]Idle", "connection mismatch: 3 or more outputs connected to 2 inputs"),
    ("Idle[0-1] => [0-2,]Idle", "connection mismatch: 2 outputs connected to 3 or more inputs"),
])
def test_mismatches(read, text: str, message: str) -> None:
    assert read(text).complaints() == [message]


def test_groups_imply_their_ports() -> None:
    assert pairs([End(1, None, 2)], [End(2, None, 2)], "=>") == ["1.0>2.0", "1.1>2.1"]
    assert pairs([End(1, None, 2)], [End(2, ports(7))], "->") == ["1.0>2.7", "1.1>2.7"]
    with pytest.raises(LinkError):
        pairs([End(1, None, 2)], [End(2, None, 1)], "=>")
    with pytest.raises(LinkError):
        pairs([End(1, None, 0)], [End(2, None)], "->")

"""AddressInfo, PortInfo and AnnotationInfo: names hold in their compound element, wherever they stand in the text."""

import pytest

from netos.errors import ConfigError
from netos.router import Router


def test_names_hold_for_elements_declared_before():
    with Router.from_text("""Idle -> e :: Paint(1, ANNO colour) -> Discard;
                             AnnotationInfo(colour 17 1); AddressInfo(a 1.0.0.1/24 00:01:02:03:04:05, b 2.0.0.1);
                             PortInfo(mine 4711/tcp)""") as router:
        scope = router.scope("e")
        assert str(scope.database("ip", "a")) == "1.0.0.1"
        assert str(scope.database("ip", "b")) == "2.0.0.1"
        assert str(scope.database("eth", "a")) == "00-01-02-03-04-05"
        assert scope.database("tcp port", "mine") == 4711
        assert scope.database("udp port", "mine") is None
        packet = router.packet(b"x")
        router["e"].push(0, [packet])


def test_inner_names_hide_outer_ones_and_stay_inside():
    with Router.from_text("""AddressInfo(a 1.0.0.1);
                             c :: { AddressInfo(a 2.0.0.1, b 3.0.0.1); input -> e :: Null -> output };
                             Idle -> c -> o :: Null -> Discard""") as router:
        assert str(router.scope("c/e").database("ip", "a")) == "2.0.0.1"
        assert str(router.scope("o").database("ip", "a")) == "1.0.0.1"
        assert router.scope("o").database("ip", "b") is None


@pytest.mark.parametrize("text", ["AddressInfo(a)", "AddressInfo(a nonsense)", "PortInfo(p)", "AnnotationInfo(x 47 2)"])
def test_bad_entries_are_refused(text):
    with pytest.raises(ConfigError):
        Router.from_text(text)

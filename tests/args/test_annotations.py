"""Annotations are places in a 48-byte area, at Click's offsets."""

import pytest

from netos.args import ANNOTATIONS, Annotation, GraphScope, NameDatabase, define_annotation
from netos.errors import ArgumentError


def test_names_lie_where_click_has_them():
    places = [ANNOTATIONS[name] for name in ("DST_IP", "DST_IP6", "PAINT", "VLAN_TCI", "AGGREGATE", "FIRST_TIMESTAMP")]
    assert places == [(0, 4), (0, 16), (16, 1), (20, 2), (20, 4), (32, 8)]


NAMES = """AGGREGATE DST_IP DST_IP6 EXTRA_LENGTH EXTRA_PACKETS FIRST_TIMESTAMP FIX_IP_SRC
    FWD_RATE GRID_ROUTE_CB ICMP_PARAMPROB IPREASSEMBLER IPSEC_SA_DATA_REFERENCE IPSEC_SPI MISC_IP PACKET_NUMBER PAINT
    PERFCTR REV_RATE SEQUENCE_NUMBER VLAN VLAN_TCI WIFI_EXTRA"""


@pytest.mark.parametrize("name", NAMES.split())
def test_every_name_is_read_and_lies_within_the_area(name):
    offset, size = Annotation().parse(name)
    assert 0 <= offset < offset + size <= 48
    assert Annotation().parse(Annotation().unparse((offset, size))) == (offset, size)


def test_offsets_have_the_size_the_element_wants():
    assert Annotation(4).parse("0x10") == (16, 4)
    assert Annotation(1).parse("47") == (47, 1)
    assert Annotation(1).unparse((47, 1)) == "47"
    assert Annotation(1).unparse((16, 1)) == "PAINT"


@pytest.mark.parametrize(("text", "complaint"), [
    ("45", "out of range, bound 44"), ("-1", "out of range, bound 0"),
    ("PAINT", "annotation PAINT has 1 bytes, expected 4"),
    ("PIANT", "parse error: .* did you mean PAINT"), ("", "parse error")])
def test_what_is_no_annotation(text, complaint):
    with pytest.raises(ArgumentError, match=complaint):
        Annotation(4).parse(text)


def test_annotation_info_names_places():
    names = NameDatabase()
    define_annotation(names, "MARK 44 4")
    assert Annotation(4).parse("MARK", GraphScope(names, {})) == (44, 4)
    for entry in ("MARK", "MARK 44", "MARK 45 4", "MARK -1 4", "MARK 1 0", "MARK x y"):
        with pytest.raises(ArgumentError, match="expected NAME OFFSET SIZE"):
            define_annotation(names, entry)

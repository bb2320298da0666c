"""Annotations as arguments: a name or a byte offset in Click's 48-byte area (packet_anno.hh)."""

from __future__ import annotations

from typing import NamedTuple

from netos.args.numbers import integer
from netos.args.scope import EMPTY_SCOPE, Scope
from netos.args.types import ArgumentType, closest
from netos.errors import ArgumentError

AREA = 48


class AnnotationPlace(NamedTuple):
    """Where in the annotation area a value lies, in bytes."""

    offset: int
    size: int


ANNOTATIONS = {name: AnnotationPlace(offset, size) for name, offset, size in (
    ("DST_IP", 0, 4),
    ("DST_IP6", 0, 16),
    ("PAINT", 16, 1),
    ("WIFI_EXTRA", 16, 24),
    ("GRID_ROUTE_CB", 16, 16),
    ("ICMP_PARAMPROB", 17, 1),
    ("FIX_IP_SRC", 18, 1),
    ("FLOW_STATE", 19, 1),
    ("VLAN", 20, 2),
    ("VLAN_TCI", 20, 2),
    ("AGGREGATE", 20, 4),
    ("FWD_RATE", 20, 4),
    ("MISC_IP", 24, 4),
    ("REV_RATE", 24, 4),
    ("IPSEC_SPI", 24, 4),
    ("EXTRA_PACKETS", 24, 4),
    ("IPREASSEMBLER", 24, 8),
    ("EXTRA_LENGTH", 28, 4),
    ("FIRST_TIMESTAMP", 32, 8),
    ("IPSEC_SA_DATA_REFERENCE", 32, 8),
    ("PACKET_NUMBER", 40, 4),
    ("SEQUENCE_NUMBER", 40, 4),
    ("PERFCTR", 40, 8),
)}


class Annotation(ArgumentType[AnnotationPlace]):
    """An annotation of `size` bytes: a name of that size (Click's or AnnotationInfo's), or an offset with room for it.

    The value is (offset, size). A `size` of None takes every name with its own size, and an offset as one byte.
    """

    name = "annotation"

    def __init__(self, size: int | None = None) -> None:
        self.size = size

    def parse(self, text: str, scope: Scope = EMPTY_SCOPE) -> AnnotationPlace:
        place = scope.database("annotation", text) or ANNOTATIONS.get(text.upper())
        offset = integer(text)
        if place is None and offset is None:
            hint = closest(text, list(ANNOTATIONS))
            raise self.error(text, "is not an annotation or an offset" + (f"; did you mean {hint}?" if hint else ""))
        if not isinstance(place, AnnotationPlace):
            place = AnnotationPlace(offset or 0, self.size or 1)
        if place.offset < 0 or place.offset + place.size > AREA:
            raise ArgumentError(f"out of range, bound {AREA - place.size if place.offset > 0 else 0}")
        if self.size is not None and place.size != self.size:
            raise ArgumentError(f"annotation {text} has {place.size} bytes, expected {self.size}")
        return place

    def unparse(self, value: AnnotationPlace) -> str:
        return next((name for name, place in ANNOTATIONS.items() if place == tuple(value)), str(value[0]))

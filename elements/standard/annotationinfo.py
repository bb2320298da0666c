"""AnnotationInfo: names for places in the annotation area (Click's AnnotationInfo)."""

from __future__ import annotations

from typing import Annotated

from netos.args import Remaining, define_annotation
from netos.args.each import read_each
from netos.element import Element


class AnnotationInfo(Element):
    """Let NAME stand for SIZE bytes from OFFSET on, in the compound element this one lies in; `NAME OFFSET SIZE`."""

    ports = "0/0"
    phase = 0

    def configure(self, *entries: Annotated[str, Remaining]) -> None:
        compound = self.name.rpartition("/")[0]
        read_each(lambda entry: define_annotation(self.router.names, entry, compound), entries)

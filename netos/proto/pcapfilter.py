"""Packet filters in tcpdump's language (pcap-filter(7)), compiled to classic BPF.

A filter has two programs: for Ethernet frames, and for packets that begin with their IP header.
"""

from __future__ import annotations

from typing import NamedTuple

from netos.proto.bpf import BpfProgram
from netos.proto.pcapfilter_code import Constant, Instruction, assemble
from netos.proto.pcapfilter_identifiers import Service
from netos.proto.pcapfilter_lexer import FilterError
from netos.proto.pcapfilter_parser import condition_of

__all__ = ["FilterError", "PacketFilter", "compile_filter", "filter_programs"]
TEXT_MAX = 4096


class PacketFilter(NamedTuple):
    """What tells wanted packets from others."""

    ether: BpfProgram
    raw: BpfProgram


def no_service(_kind: str, _name: str) -> None:
    """Ports have no names."""


def compile_filter(text: str, service: Service = no_service) -> PacketFilter:
    """The filter of a text, ready to be used; see filter_programs."""
    return PacketFilter(*map(BpfProgram, filter_programs(text, service)))


def filter_programs(text: str, service: Service = no_service) -> tuple[list[Instruction], list[Instruction]]:
    """The two programs of a filter, all packets for an empty one; raises FilterError.

    `service(kind, name)` gives the port that a name means, `kind` being "tcp port" or the like.
    """
    if len(text) > TEXT_MAX:
        raise FilterError(f"{text[:40]} …", 0, 1, f"a filter has at most {TEXT_MAX} characters")
    if not text.strip():
        return assemble(Constant(True)), assemble(Constant(True))
    return assemble(condition_of(text, True, service)), assemble(condition_of(text, False, service))

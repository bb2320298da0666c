"""The Click language: text in, a flat graph out, every complaint a diagnostic."""

from netos.lang.archive import ArchiveError, configuration_text
from netos.lang.check import CheckedElement, CheckedGraph, check_graph
from netos.lang.config import ClassInfo, parse_config
from netos.lang.diagnostics import render, render_click
from netos.lang.flow import CodeError, flow_matrix, flow_sources, flow_targets, port_counts, port_processing
from netos.lang.graph import Connection, Graph, GraphElement
from netos.lang.unparse import unparse

__all__ = [
    "ArchiveError",
    "CheckedElement",
    "CheckedGraph",
    "ClassInfo",
    "CodeError",
    "Connection",
    "Graph",
    "GraphElement",
    "check_graph",
    "configuration_text",
    "flow_matrix",
    "flow_sources",
    "flow_targets",
    "parse_config",
    "port_counts",
    "port_processing",
    "render",
    "render_click",
    "unparse",
]

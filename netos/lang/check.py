"""Check: do the ports exist, does push meet push, is everything connected (Click's lib/router.cc)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple

from netos.errors import Diagnostic, Diagnostics
from netos.lang.config import ClassInfo
from netos.lang.flow import CodeError, check_flow, flow_targets, port_counts, port_processing
from netos.lang.graph import Connection, Graph

WORDS = {"h": "push", "l": "pull"}
NEUTRAL = ClassInfo("-/-", "a/a", "x/y")
MAX_UNUSED = 10
MAX_FLOW = 1 << 22


class CheckedElement(NamedTuple):
    """The ports of an element: each letter is h (push) or l (pull)."""

    inputs: str
    outputs: str


class CheckedGraph(NamedTuple):
    """The ports of each element, by index, and what is wrong."""

    elements: list[CheckedElement]
    diagnostics: Diagnostics


class Checker:
    """One check of one graph."""

    def __init__(self, graph: Graph, class_info: Callable[[str], ClassInfo | None]) -> None:
        self.graph = graph
        self.diagnostics = Diagnostics()
        known: dict[str, ClassInfo | None] = {}
        for element in graph.elements:
            if element.class_name not in known:
                known[element.class_name] = class_info(element.class_name)
        self.known = [known[element.class_name] is not None and index not in graph.doubtful
                      for index, element in enumerate(graph.elements)]
        self.infos = [(self.known[index] and known[element.class_name]) or NEUTRAL
                      for index, element in enumerate(graph.elements)]
        self.inputs: list[list[str]] = []
        self.outputs: list[list[str]] = []
        self.connections: list[Connection] = []

    def error(self, message: str, index: int, *hints: str) -> None:
        """Complain about an element."""
        element = self.graph.elements[index]
        length = len(element.name.rpartition("/")[2].partition("@")[0])
        self.diagnostics.append(Diagnostic("error", message, element.location, max(length, 1), hints))

    def element(self, index: int) -> str:
        """An element as messages name it, 'name :: Class'."""
        return f"'{self.graph.elements[index]}'"

    def check(self) -> CheckedGraph:
        """Run all checks, each on what the earlier ones left standing."""
        self.check_classes()
        self.count_ports()
        self.check_range()
        self.spread_processing()
        self.check_completeness()
        return CheckedGraph([CheckedElement("".join(inputs), "".join(outputs))
                             for inputs, outputs in zip(self.inputs, self.outputs)], self.diagnostics)

    def check_classes(self) -> None:
        """Complain about classes that do not exist."""
        for index, known in enumerate(self.known):
            if not known and index not in self.graph.doubtful:
                self.error(f"unknown element class '{self.graph.elements[index].class_name}'", index)

    def count_ports(self) -> None:
        """Give every element its ports, with the processing it was declared with."""
        inputs_used = [0] * len(self.infos)
        outputs_used = [0] * len(self.infos)
        for connection in self.graph.connections:
            outputs_used[connection.source] = max(outputs_used[connection.source], connection.source_port + 1)
            inputs_used[connection.target] = max(inputs_used[connection.target], connection.target_port + 1)
        for index, info in enumerate(self.infos):
            try:
                inputs, outputs = port_counts(info.ports, inputs_used[index], outputs_used[index])
                processing = port_processing(info.processing, inputs, outputs)
                check_flow(info.flow)
            except CodeError as error:
                self.error(f"{self.element(index)}: {error}", index)
                self.infos[index] = NEUTRAL
                processing = port_processing("a/a", inputs_used[index], outputs_used[index])
            self.inputs.append(list(processing[0]))
            self.outputs.append(list(processing[1]))

    def check_range(self) -> None:
        """Complain about connections to ports that do not exist (`check_hookup_range`), and leave them out."""
        for connection in self.graph.connections:
            complaints = []
            if connection.source_port >= len(self.outputs[connection.source]):
                complaints.append((connection.source, "output", connection.source_port))
            if connection.target_port >= len(self.inputs[connection.target]):
                complaints.append((connection.target, "input", connection.target_port))
            for index, what, port in complaints:
                count = len(self.outputs[index] if what == "output" else self.inputs[index])
                self.error(f"{self.element(index)} has no {what} {port}", index,
                           f"it has {count or 'no'} {what}{'s' if count != 1 else ''}; "
                           f"it is connected at {connection.location}")
            if not complaints:
                self.connections.append(connection)

    def spread_processing(self) -> None:
        """Settle agnostic ports from their neighbours, in the order of Click's sweeps (`check_push_and_pull`)."""
        links = self.agnostic_links()
        edges = [*self.connections, *links]
        at_input: dict[tuple[int, int], list[int]] = {}
        at_output: dict[tuple[int, int], list[int]] = {}
        for number, edge in enumerate(edges):
            at_input.setdefault((edge.target, edge.target_port), []).append(number)
            at_output.setdefault((edge.source, edge.source_port), []).append(number)
        pending = [(0, number) for number in range(len(edges))]
        failed: set[int] = set()
        while pending:
            sweep, number = heappop(pending)
            edge = edges[number]
            output = self.outputs[edge.source][edge.source_port]
            input_ = self.inputs[edge.target][edge.target_port]
            if output == input_:
                continue
            if input_ == "a":
                self.inputs[edge.target][edge.target_port] = output
                touched = at_input[edge.target, edge.target_port]
            elif output == "a":
                self.outputs[edge.source][edge.source_port] = input_
                touched = at_output[edge.source, edge.source_port]
            else:
                if number not in failed:
                    failed.add(number)
                    self.complain_of_processing(edge, output, input_, number >= len(self.connections))
                continue
            for neighbour in touched:
                heappush(pending, (sweep if neighbour > number else sweep + 1, neighbour))
        for ports in (*self.inputs, *self.outputs):
            ports[:] = ["h" if letter == "a" else letter for letter in ports]

    def agnostic_links(self) -> list[Connection]:
        """A connection from each agnostic output back to the agnostic inputs of its element that flow to it."""
        links: list[Connection] = []
        for index, info in enumerate(self.infos):
            inputs, outputs = self.inputs[index], self.outputs[index]
            if "a" in inputs and "a" in outputs and len(inputs) * len(outputs) <= MAX_FLOW:
                for port, letter in enumerate(inputs):
                    if letter == "a":
                        links += [Connection(index, way_out, index, port)
                                  for way_out in flow_targets(info.flow, len(inputs), len(outputs), port)
                                  if outputs[way_out] == "a"]
        return links

    def complain_of_processing(self, edge: Connection, output: str, input_: str, agnostic: bool) -> None:
        """Complain about push meeting pull (`processing_error`)."""
        if not (self.known[edge.source] and self.known[edge.target]):
            return
        way_out, way_in = f"{WORDS[output]} output {edge.source_port}", f"{WORDS[input_]} input {edge.target_port}"
        source = self.element(edge.source)
        if agnostic:
            self.error(f"agnostic {source} in mixed context: {way_in}, {way_out}", edge.source)
        else:
            fix = "a Queue turns push into pull" if output == "h" else "an Unqueue turns pull into push"
            self.error(f"{source} {way_out} connected to {self.element(edge.target)} {way_in}", edge.source,
                       f"they are connected at {edge.location}; {fix}")

    def check_completeness(self) -> None:
        """Every port is used, push outputs and pull inputs once (`check_hookup_completeness`)."""
        uses: dict[tuple[str, int, int], list[Connection]] = {}
        for connection in self.graph.connections:
            uses.setdefault(("output", connection.source, connection.source_port), []).append(connection)
            uses.setdefault(("input", connection.target, connection.target_port), []).append(connection)
        for what, all_ports, active in ("input", self.inputs, "l"), ("output", self.outputs, "h"):
            for index, ports in enumerate(all_ports):
                unused = 0
                for port, letter in enumerate(ports):
                    connections = uses.get((what, index, port), [])
                    if not connections and unused < MAX_UNUSED:
                        if self.graph.incomplete or (index, port, what == "output") in self.graph.dangling:
                            continue
                        unused += 1
                        self.error(f"{self.element(index)} {what} {port} unused", index)
                    elif len(connections) > 1 and letter == active and self.known[index]:
                        places = ", ".join(str(connection.location) for connection in connections[:MAX_UNUSED])
                        self.error(f"illegal reuse of {self.element(index)} {WORDS[letter]} {what} {port}", index,
                                   f"it can be connected only once; it is connected at {places}")


def check_graph(graph: Graph, class_info: Callable[[str], ClassInfo | None]) -> CheckedGraph:
    """Check a flat graph and settle which ports push and which pull; never raises for a bad graph."""
    return Checker(graph, class_info).check()

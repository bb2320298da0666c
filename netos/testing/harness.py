"""The element harness: one element between packets pushed in and packets that come out, and nothing lost.

`run_element` runs an element at batch widths 1, 7 and 256, pushed and, where it can be, pulled, in virtual time; all
runs must agree, and every packet must have come home, so that each element test is a leak test too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from netos.lang import Graph
from netos.pyelement import PyElement
from netos.registry import Registry, default_registry
from netos.router import Router

WIDTHS = (1, 7, 256)
START = 10**18                  # virtual time, nanoseconds since 1970
Made = bytes | Callable[[Router], Any]
Show = Callable[[Any], Any]


class HarnessFeed(PyElement):
    """Supplies the packets it is given to a pull input; stands silent before a push input."""

    ports = "0/1"
    processing = "a/a"
    observes = False

    def configure(self) -> None:
        self.waiting: list[Any] = []

    def supply(self, port: int) -> Any:
        """The next packet."""
        return self.waiting.pop(0) if self.waiting else None


class HarnessOutput(PyElement):
    """Records what is pushed out of an output; a pulled output the harness pulls itself."""

    ports = "1/0"
    processing = "a/a"
    observes = False

    def configure(self) -> None:
        self.recorded: list[Any] = []
        self.show: Show = bytes

    def receive(self, port: int, packet: Any) -> None:
        """Record one packet."""
        self.recorded.append(self.show(packet))
        packet.kill()


class HarnessPull(HarnessOutput):
    """Makes an agnostic output a pulled one."""

    processing = "l/l"


OWN = {"HarnessFeed": HarnessFeed, "HarnessOutput": HarnessOutput, "HarnessPull": HarnessPull}


class HarnessRegistry(Registry):
    """All elements, the harness's own, and classes under test that are in no file."""

    def find(self, name: str) -> type[Any] | None:
        return self._classes.get(name) or OWN.get(name) or default_registry.find(name)


class ElementHarness:
    """The element `x` with feeds and recorders on its ports, on a virtual CPU in virtual time; a context manager.

    `inputs` and `outputs` say how many ports to connect (default: as few as the class allows); `others` are more
    elements of the graph, (name, class, configuration), that x refers to by name.
    """

    def __init__(self, class_name: str | type[Any], *arguments: str, inputs: int | None = None,
                 outputs: int | None = None, width: int = 256, pulled: bool = False, show: Show = bytes,
                 others: Sequence[tuple[str, str, str]] = ()) -> None:
        registry = HarnessRegistry()
        if not isinstance(class_name, str):
            class_name = registry.register(class_name).__name__
        element_class = registry.find(class_name)
        assert element_class is not None, f"no element class {class_name}"
        inward, _, outward = element_class.ports.partition("/")
        self.n_inputs = _least(inward) if inputs is None else inputs
        self.n_outputs = outputs if outputs is not None else _least(outward or inward, self.n_inputs)
        self.width = width
        graph = Graph()
        for name, other_class, configuration in others:
            graph.add(name, other_class, configuration)
        x = graph.add("x", class_name, ", ".join(arguments))
        for port in range(self.n_inputs):
            graph.connect(graph.add(f"feed{port}", "HarnessFeed"), 0, x, port)
        for port in range(self.n_outputs):
            sink = "HarnessPull" if pulled and port == 0 else "HarnessOutput"
            graph.connect(x, port, graph.add(f"out{port}", sink), 0)
        graph.sort_connections()
        self.router = Router(graph, registry=registry, simulated=START)
        self.element = self.router["x"]
        self._recorders = [self.router[f"out{port}"] for port in range(self.n_outputs)]
        for recorder in self._recorders:
            recorder.show = show
        self._show = show

    def __enter__(self) -> ElementHarness:
        self.router.initialize()
        self.router.cpu.width = self.width
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        for port in range(self.n_inputs):
            for packet in self.router[f"feed{port}"].waiting:
                packet.kill()
        self.router.close()
        if kind is None:
            balance = self.router.cpu.balance
            assert balance["held"] == 0, f"packets did not come home: {balance}"

    def push(self, port: int, packets: Sequence[Made]) -> None:
        """Give the element packets (bytes, or functions of the router that make a Packet), then pull all there is."""
        made = [packet(self.router) if callable(packet) else self.router.packet(packet) for packet in packets]
        if self.element.input_processing[port] == "h":
            for start in range(0, len(made), self.width):
                self.element.push(port, made[start:start + self.width])
        else:
            self.router[f"feed{port}"].waiting.extend(made)

    def pull(self, port: int = 0, limit: int = 1) -> list[Any]:
        """Pull up to `limit` packets from an output; what they are is shown as `show` says, and they end."""
        shown = []
        for packet in self.element.pull(port, limit):
            shown.append(self._show(packet))
            packet.kill()
        return shown

    def drain(self) -> None:
        """Pull from every pulled output, a batch at a time, until it gives nothing twice and no feed has any left."""
        for port, recorder in enumerate(self._recorders):
            if self.element.output_processing[port] != "l":
                continue
            while True:
                pulled = self.pull(port, self.width) or self.pull(port, self.width)
                recorder.recorded.extend(pulled)
                if not pulled and not any(self.router[f"feed{number}"].waiting for number in range(self.n_inputs)
                                          if self.element.input_processing[number] == "l"):
                    break

    @property
    def outputs(self) -> list[list[Any]]:
        """What has come out, by port."""
        return [recorder.recorded for recorder in self._recorders]

    def read(self, handler: str, argument: str = "") -> str:
        """Read one of the element's handlers."""
        return self.router.read(f"x.{handler}", argument)

    def write(self, handler: str, text: str = "") -> None:
        """Write one of the element's handlers."""
        self.router.write(f"x.{handler}", text)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass and everything happen that falls into it."""
        self.router.cpu.advance(self.router.cpu.now + round(seconds * 1e9))

    @property
    def drops(self) -> dict[str, int]:
        """Packets the element dropped, by reason."""
        counts: dict[str, int] = self.element.drop_counts
        return counts


def run_element(class_name: str | type[Any], *arguments: str, push: Sequence[Made] | Sequence[Sequence[Made]],
                inputs: int | None = None, outputs: int | None = None, show: Show = bytes,
                drops: dict[str, int] | None = None,
                others: Sequence[tuple[str, str, str]] = ()) -> list[list[Any]]:
    """What comes out of each output when these packets go in (a list of packets, or one such list for each input).

    `drops`, if given, is what the element must have dropped, by reason.
    """
    feeds: list[Any] = list(push) if push and isinstance(push[0], list | tuple) else [push]
    results = []
    for pulled in (False, True):
        for width in WIDTHS:
            harness = ElementHarness(class_name, *arguments, inputs=inputs or (len(feeds) if len(feeds) > 1 else None),
                                     outputs=outputs, width=width, pulled=pulled, show=show, others=others)
            with harness:
                for port, packets in enumerate(feeds):
                    harness.push(port, packets)
                harness.drain()
                results.append((harness.outputs, harness.drops))
        if harness.element.output_processing[:1] == "l" or not _can_be_pulled(type(harness.element)):
            break
    for result in results[1:]:
        assert result == results[0], f"widths or processing disagree: {results[0]} and {result}"
    if drops is not None:
        assert results[0][1] == drops, f"dropped {results[0][1]}, expected {drops}"
    return results[0][0]


def _can_be_pulled(element_class: type[Any]) -> bool:
    inward, _, outward = element_class.processing.partition("/")
    return inward[:1] in "aAlL" and (outward or inward)[:1] in "aAlL" and element_class.ports[:1] not in "0"


def _least(text: str, inputs: int = 0) -> int:
    """The least number of ports a port count allows, but at least one where many are allowed."""
    if text.startswith("="):
        return inputs + text.count("+")
    if text == "-":
        return 1
    return int(text.partition("-")[0])


def marked_ip(data: bytes, offset: int = 0) -> Callable[[Router], Any]:
    """A packet whose IPv4 header at `offset` is marked, as CheckIPHeader and MarkIPHeader leave it."""

    def make(router: Router) -> Any:
        packet = router.packet(data)
        packet.set_network_header(offset, 4 * (data[offset] & 15))
        packet.destination = data[offset + 16:offset + 20]
        return packet

    return make

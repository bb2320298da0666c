"""The running graph: built from a configuration, initialised, its handlers called, taken apart (Click's Router)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from netos.args import GraphScope, HandlerReference, NameDatabase, NotedElements, Syntax
from netos.default_handlers import default_handlers
from netos.errors import (
    ConfigError,
    Diagnostics,
    HandlerError,
    NetosError,
    Severity,
)
from netos.global_handlers import GLOBAL_HANDLERS, global_handlers
from netos.handlers import Handler, element_handlers
from netos.lang import Graph, check_graph, flow_sources, parse_config
from netos.lang.quoting import split_arguments
from netos.registry import Registry, default_registry
from netos.run_count import RunCount

if TYPE_CHECKING:
    import logging

    from netos.element import Element
    from netos.kernel.threads import Threads
    from netos.kernel.vcpu import VirtualCpu

OUTPUTS_MAX = 32767         # a sorting element names an output for each packet in sixteen bits


def log() -> logging.Logger:
    """The router's logger; logging is imported when there is something to log, not at every start."""
    import logging

    return logging.getLogger("netos.router")


class Router(RunCount):
    """A graph of elements on one virtual CPU, or on those of `threads`, the first of which is `cpu`.

    Made from a flat graph (see `Router.from_text` for text, `netos.builder` for Python); raises ConfigError with every
    diagnostic. `widen` lets sources and pullers move that many packets a run where their burst says fewer.
    """

    def __init__(self, graph: Graph, *, cpu: VirtualCpu | None = None, registry: Registry = default_registry,
                 diagnostics: Diagnostics | None = None, simulated: int | None = None, widen: int = 0,
                 threads: Threads | None = None) -> None:
        from netos.kernel.vcpu import VirtualCpu

        self.graph: Graph = graph
        self.registry: Registry = registry
        self.diagnostics = diagnostics if diagnostics is not None else Diagnostics()
        self.names = NameDatabase()
        self.elements: dict[str, Element] = {}
        self.order: list[Element] = []
        self.initialized = False
        self._refused: set[Element] = set()
        self.tasks = 0                  # places in the run queue
        RunCount.__init__(self)
        self.signal_calls: dict[int, Callable[[], None]] = {}   # what is called for a signal, by its number
        self.more_handlers: list[Handler] = []      # global ones, of whoever runs the graph
        self.shims: list[Any] = []
        self._handlers: dict[str, dict[str, Handler]] = {}
        self.threads = threads
        self.homes: dict[str, int] = {}         # the threads that StaticThreadSched gives elements to
        self.references: list[tuple[str, Any]] = []     # elements by name, with others that their arguments name
        self.gates: list[Any] = []
        self.cpu = threads.cpus[0] if threads is not None else cpu if cpu is not None else VirtualCpu(simulated)
        try:
            self._build()
            self._observe(widen)
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_text(cls, text: str, filename: str = "config", *, definitions: Mapping[str, str] | None = None,
                  search_path: Sequence[str] = (), registry: Registry = default_registry, **options: Any) -> Router:
        """The router of a configuration text; not yet initialised."""
        graph, diagnostics = parse_config(text, filename, class_info=registry.class_info, class_names=registry.names,
                                          definitions=definitions or {}, search_path=search_path)
        return cls(graph, diagnostics=diagnostics, registry=registry, **options)

    # Building

    def _build(self) -> None:
        """Make, place and connect the elements, then configure them; raise ConfigError with all that is wrong."""
        checked = check_graph(self.graph, self.registry.class_info)
        self.diagnostics.extend(checked.diagnostics)
        unknown = False
        for index, declared in enumerate(self.graph.elements):
            element_class = self.registry.find(declared.class_name)
            if element_class is None:
                unknown = True
                continue
            element: Element = element_class()
            element.bind(self, self.cpu, declared.name, declared.configuration, declared.location,
                         checked.elements[index].inputs, checked.elements[index].outputs)
            self.elements[declared.name] = element
            self.order.append(element)
            if element.n_outputs > OUTPUTS_MAX:
                self._complain("error", element, f"{element.n_outputs} outputs: there can be {OUTPUTS_MAX} at most",
                               "connecting")
        for element in sorted(self.order, key=lambda element: element.phase):
            self.configure(element)
        if unknown or self.diagnostics.has_errors:
            raise ConfigError(self.diagnostics)
        for link in self.graph.connections:
            self.order[link.source].connect(link.source_port, self.order[link.target], link.target_port)

    def configure(self, element: Element) -> None:
        """Call an element's configure() with its converted arguments; what is wrong becomes diagnostics."""
        try:
            args, kwargs = self.bind_arguments(element, element.configuration)
            element.configure(*args, **kwargs)
        except (NetosError, MemoryError) as error:
            self._refused.add(element)
            self._complain("error", element, error, "configuring")

    def bind_arguments(self, element: Element, text: str) -> tuple[list[Any], dict[str, Any]]:
        """Convert a configuration string by the signature of the element's configure()."""
        return Syntax.of(type(element).configure).bind(split_arguments(text), self.scope(element.name))

    def _complain(self, severity: Severity, element: Element, error: NetosError | MemoryError | str,
                  doing: str) -> None:
        from netos.complaints import diagnostics

        index = self.graph.index(element.name)
        declared = self.graph.elements[index] if index is not None else None
        self.diagnostics.extend(diagnostics(severity, element, declared, error, doing))

    def _observe(self, widen: int) -> None:
        observed = any(element.observes for element in self.order) and not widen
        for cpu in self.cpus:
            if observed:
                cpu.width = 1
            cpu.widen = 1 if cpu.simulated else widen

    @property
    def cpus(self) -> list[VirtualCpu]:
        """All virtual CPUs that elements of this graph may work on."""
        return [self.cpu] if self.threads is None else [*self.threads.cpus, self.threads.region]

    def paused(self) -> AbstractContextManager[None]:
        """Hold all threads but the caller's at a batch boundary."""
        return nullcontext() if self.threads is None else self.threads.paused()

    def initialize(self) -> Router:
        """Initialise the elements in order; after the first failure let go of everything and raise ConfigError.

        A router that is initialised already stays as it is.
        """
        if self.initialized:
            return self
        self.tasks = len(self.order)
        for cpu in self.cpus:
            cpu.reserve_tasks(self.tasks)
        if self.threads is not None:
            from netos.placement import go_home, place

            go_home(self, self.threads)
        for element in sorted(self.order, key=lambda element: element.phase):
            try:
                element.initialize()
            except (NetosError, MemoryError) as error:
                self._complain("error", element, error, "initializing")
                self.close()
                raise ConfigError(self.diagnostics) from error
            except BaseException:
                self.close()
                raise
        limited = [element for element in self.order if element.n_inputs and element.offload != "any"]
        if limited:
            from netos.offload_shim import bind_offload

            for element in limited:
                self.shims.extend(bind_offload(element))
        self.initialized = True
        if self.threads is not None:
            self.gates = place(self, self.threads)
        self.cpu.on_stop = self.goes_on
        return self

    def close(self) -> None:
        """Stop all tasks and timers and clean up every element, last first. Harmless when called twice."""
        with self.paused():
            self._close()

    def _close(self) -> None:
        order, self.order = self.order, []
        if self.cpu.on_stop == self.goes_on:
            self.cpu.on_stop = None
        for element in order:
            element.stop()
        for element in reversed(order):
            try:
                element.cleanup()
            except Exception:
                log().exception("%s: cleanup failed", element.name)
        for shim in self.shims:
            shim.close()
        self.shims = []
        for cpu in self.cpus:
            cpu.reserve_tasks(-self.tasks)
        self.tasks = 0

    def __del__(self) -> None:
        """A router that nobody holds any more lets go of its packets and devices, too."""
        if getattr(self, "order", None):
            self.close()

    def suspend(self) -> None:
        """Stand still, so that another graph on the same virtual CPU can take the devices; resume() goes on."""
        for element in self.order:
            element.suspend()

    def resume(self) -> None:
        """Take the devices back and go on."""
        for element in self.order:
            element.resume()

    def take_state(self, old: Router) -> None:
        """Let each element take over from the one of the same name and class in a graph that stands still."""
        for element in self.order:
            before = old.elements.get(element.name)
            if before is not None and type(before) is type(element):
                try:
                    element.take_state(before)
                except Exception as error:
                    self.event_failed(element, error)

    def __enter__(self) -> Router:
        return self if self.initialized else self.initialize()

    def __exit__(self, *_: object) -> None:
        self.close()

    # Looking things up

    def __getitem__(self, name: str) -> Any:
        """The element called `name`; what it can be asked, its class says."""
        try:
            return self.elements[name]
        except KeyError:
            raise NetosError(f"no element '{name}'") from None

    def scope(self, name: str) -> GraphScope:
        """Where the names in the arguments of the element called `name` are looked up."""
        elements = self.elements if self.threads is None else NotedElements(self.elements, name, self.references)
        return GraphScope(self.names, elements, name.rpartition("/")[0], refused=self._refused,
                          warn=lambda message: self._complain("warning", self.elements[name], message, "configuring"))

    def upstream_notifiers(self, element: Element, port: int) -> list[tuple[Element | None, int]]:
        """The outputs upstream of a pull input that may have a notifier, (None, 0) where pulls end without one.

        The search goes on through an element whose class says `notifies = "continue"` or that has no storage: its
        `pull_inputs` for that output are those its flow code connects.
        """
        found: list[tuple[Element | None, int]] = []
        seen: set[tuple[str, int]] = set()
        waiting = [(element, port)]
        while waiting:
            puller, input_port = waiting.pop(0)
            for source, output in self.feeding(puller, input_port):
                if (source.name, output) in seen:
                    continue
                seen.add((source.name, output))
                if source.has_notifier(output):
                    found.append((source, output))
                    continue
                further = [(source, number) for number in self._flow_inputs(source, output)
                           if source.input_processing[number] == "l"]
                if further:
                    waiting.extend(further)
                else:
                    found.append((None, 0))
        return found

    def feeding(self, element: Element, port: int) -> list[tuple[Element, int]]:
        """The outputs that lead to an input."""
        index = self.order.index(element)
        return [(self.order[link.source], link.source_port) for link in self.graph.connections
                if link.target == index and link.target_port == port]

    @staticmethod
    def _flow_inputs(element: Element, output: int) -> list[int]:
        return flow_sources(type(element).flow, element.n_inputs, element.n_outputs, output)

    # Handlers

    def handlers(self, name: str) -> dict[str, Handler]:
        """The handlers of the element called `name` (its own, then Click's default ones), or the global ones for ""."""
        if not name:
            return {**global_handlers(self), **{handler.name: handler for handler in self.more_handlers}}
        if name not in self._handlers:
            element = self[name]
            self._handlers[name] = {**default_handlers(self, element), **element_handlers(element)}
        return self._handlers[name]

    def find_handler(self, element: str, name: str) -> Handler | None:
        """The handler `name` of an element ("" for the global ones), which need not be one that it lists."""
        if element and element not in self.elements:
            return None
        found = self.handlers(element).get(name)
        if found is None and hasattr(self.elements.get(element), "missing_handler"):
            found = self[element].missing_handler(name)
        return found

    def reconfigure(self, element: Element, text: str) -> None:
        """Configure a running element anew; a bad text changes nothing."""
        try:
            args, kwargs = self.bind_arguments(element, text)
            element.configure(*args, **kwargs)
        except NetosError as error:
            from netos.complaints import explain

            lines = explain(element, error, text, everything=True)
            raise HandlerError(f"While configuring '{element.name} :: {type(element).__name__}':\n  {lines}") from None
        element.configuration = text

    def split_handler(self, path: str) -> tuple[str, str]:
        """Split `element.handler`, or `handler` or `.handler` for a global one, into the two names."""
        element, dot, handler = path.partition(".")
        if not dot or (element and element not in self.elements and path in GLOBAL_HANDLERS):
            return "", path
        return element, handler

    def read(self, path: str, argument: str = "") -> str:
        """The value of a read handler, `element.handler` or a global one; raises HandlerError."""
        element, name = self.split_handler(path)
        if element and element not in self.elements:
            raise HandlerError(f"no element '{element}'")
        handler = self.find_handler(element, name)
        if handler is None or handler.read is None:
            raise HandlerError(f"no '{path}' read handler")
        if argument and not handler.read_parameter:
            raise HandlerError(f"read handler '{path}' does not take parameters")
        value: str = self._guard(path, element, handler.read, argument)
        return value

    def write(self, path: str, text: str = "") -> None:
        """Write to a handler; raises HandlerError, and then nothing has changed."""
        element, name = self.split_handler(path)
        if element and element not in self.elements:
            raise HandlerError(f"no element '{element}'")
        handler = self.find_handler(element, name)
        if handler is None or handler.write is None:
            raise HandlerError(f"no '{path}' write handler")
        self._guard(path, element, handler.write, text)
        self.cpu.wake()             # for tasks and timers that this started while the loop slept

    def call(self, reference: HandlerReference) -> None:
        """Write to the handler that an argument named (COUNT_CALL, END_CALL and their like)."""
        element, handler = reference.resolve()
        name = getattr(element, "name", "")
        self.write(f"{name}.{handler}" if name else handler, reference.argument)

    def _guard(self, path: str, element: str, call: Any, text: str) -> Any:
        try:
            with self.paused():
                return call(text)
        except HandlerError:
            raise
        except (NetosError, ValueError) as error:
            from netos.complaints import explain

            lines = explain(self.elements[element], error, text) if element else str(error)
            raise HandlerError(f"{path}: {lines}") from None

    # Running

    def event_failed(self, element: Element, error: Exception) -> None:
        """Python code that the data path called has raised: say so, go on."""
        if isinstance(error, NetosError):
            log().error("%s: %s", element.name, error)
        else:
            log().error("%s: %s: %s", element.name, type(error).__name__, error, exc_info=error)

    @property
    def drops(self) -> dict[str, dict[str, int]]:
        """Packets dropped, by element and reason."""
        return {name: counts for name, element in self.elements.items() if (counts := element.drop_counts)}

    @property
    def offloads(self) -> dict[str, tuple[int, int]]:
        """Done in software, by element that could not take it: (packets segmented, checksums completed)."""
        done: dict[str, tuple[int, int]] = {}
        for shim in self.shims:
            segmented, completed = done.get(shim.element.name, (0, 0))
            done[shim.element.name] = segmented + shim.segmented, completed + shim.completed
        return {name: counts for name, counts in done.items() if any(counts)}

    def packet(self, data: bytes = b"", headroom: int = 64) -> Any:
        """A new packet, on the first of its virtual CPUs."""
        return self.cpu.packet(data, headroom)

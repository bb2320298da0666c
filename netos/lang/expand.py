"""Expand: blocks to the flat graph, compounds after their parents' elements (`Lexer::create_router`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netos.errors import Diagnostic, Location
from netos.lang.blocks import BaseClass, Block, BlockElement, CompoundClass, ElementType, GroupType, Pseudo, signature
from netos.lang.context import Context
from netos.lang.graph import Graph, Origin, Use
from netos.lang.quoting import Mark, split_arguments, substitute
from netos.lang.tunnels import TooManyConnections, Tunnels

MAX_INSTANCES = 250_000
MAX_CHARACTERS = 1 << 27
MAX_COMPLAINTS = 10


class Environment:
    """The variables of an instance of a block, and of the instances around its class."""

    def __init__(self, block: Block, values: Mapping[str, str], parent: Environment | None) -> None:
        self.block = block
        self.values = values
        self.parent = parent

    def lookup(self, name: str) -> str | None:
        """The value of a variable."""
        environment: Environment | None = self
        while environment is not None:
            value = environment.values.get(name)
            if value is not None:
                return value
            environment = environment.parent
        return None

    def around(self, block: Block) -> Environment | None:
        """The environment that an instance of a class with this block starts from: its class's, not its user's."""
        environment: Environment | None = self
        while environment is not None and environment.block is not block.parent:
            environment = environment.parent
        return environment


class Instance(NamedTuple):
    """A block to expand: where its variables are, what its names start with, the tunnel around it, and its use."""

    block: Block
    environment: Environment
    prefix: str
    tunnel: tuple[int, int]
    use: Use | None


class Expander:
    """Makes the flat graph."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.graph = Graph()
        self.graph.source_lines = context.sources
        self.tunnels = Tunnels()
        self.names: dict[str, Location] = {}
        self.instances = 0
        self.characters = 0

    def expand(self, root: Block, definitions: Mapping[str, str]) -> Graph:
        """The flat graph of the top-level block; `definitions` override its own."""
        environment = Environment(root, {**root.variables, **definitions}, None)
        pending = [Instance(root, environment, "", (-1, -1), None)]
        while pending:
            pending += reversed(self.instantiate(pending.pop()))
        try:
            self.graph.connections = self.tunnels.connections()
        except TooManyConnections:
            self.context.error("compound elements multiply connections beyond all bounds", root.location)
            self.context.lossy = True
        self.graph.dangling = self.tunnels.dangling
        self.graph.incomplete = self.context.lossy
        self.graph.requirements = self.context.requirements
        if ("compact_config", "") in self.graph.requirements:
            for element in self.graph.elements:
                element.configuration = ", ".join(split_arguments(element.configuration))
        self.graph.sort_connections()
        return self.graph

    def instantiate(self, instance: Instance) -> list[Instance]:
        """Add the elements and connections of one instance; the compounds in it, which are still to be expanded."""
        targets: list[int | None] = []
        sources: list[int | None] = []
        inner: list[Instance] = []
        for element in instance.block.elements:
            kind = element.type
            target: int | None
            source: int | None
            if isinstance(kind, Pseudo):
                entry, way_out = ((targets[kind.group], sources[kind.group]) if kind.group is not None
                                  else instance.tunnel)
                target, source = (way_out, None) if kind.output else (None, entry)
            elif isinstance(kind, GroupType):
                target, source = self.tunnels.add()
                self.check_ports("<group>", "input", element.inputs_used, kind.inputs, element.location)
                self.check_ports("<group>", "output", element.outputs_used, kind.outputs, element.location)
            else:
                target, source = self.element(element, kind, instance, inner)
            targets.append(target)
            sources.append(source)
        for link in instance.block.links:
            source, target = sources[link.source], targets[link.target]
            if source is not None and target is not None:
                self.tunnels.link(source, link.source_port, target, link.target_port, link.location)
        return inner

    def element(self, element: BlockElement, kind: ElementType, instance: Instance,
                inner: list[Instance]) -> tuple[int, int]:
        """Add an element, or note a compound as still to be expanded; the nodes to enter and to leave it."""
        name = instance.prefix + element.name
        self.check_name(name, element.location)
        text = element.configuration
        configuration = text.text if text is not None else ""
        marks: list[Mark] | tuple[()] = ()
        if "$" in configuration and self.characters <= MAX_CHARACTERS:
            marks = []
            configuration = substitute(configuration, instance.environment.lookup, marks=marks)
        self.check_growth(len(name) + len(configuration), element.location)
        choice = self.resolve(kind, element, configuration)
        if isinstance(choice, BaseClass):
            origin = Origin(element.class_name, text, configuration, marks, instance.use)
            index = self.graph.add(name, choice.name, configuration, element.location, origin)
            if not choice.known:
                self.graph.doubtful.add(index)
            return index, index
        block, values = choice
        self.check_ports(name, "input", element.inputs_used, block.inputs, element.location)
        self.check_ports(name, "output", element.outputs_used, block.outputs, element.location)
        tunnel = self.tunnels.add()
        if self.instances <= MAX_INSTANCES and self.characters <= MAX_CHARACTERS:
            variables = {**block.variables, **{formal.variable: value for formal, value in zip(block.formals, values)}}
            environment = Environment(block, variables, instance.environment.around(block))
            use = Use(name, kind.name, element.location, instance.use)
            inner.append(Instance(block, environment, name + "/", tunnel, use))
        return tunnel

    def resolve(self, kind: ElementType, element: BlockElement, configuration: str
                ) -> BaseClass | tuple[Block, Sequence[str]]:
        """The class or compound alternative, with its arguments, that fits a use (`Compound::resolve`)."""
        if isinstance(kind, BaseClass):
            return kind
        arguments = split_arguments(configuration)
        inputs = max(element.inputs_used, default=-1) + 1
        outputs = max(element.outputs_used, default=-1) + 1
        candidates: list[str] = []
        compound: ElementType | None = kind
        while isinstance(compound, CompoundClass):
            for block in compound.blocks:
                values = block.assign(arguments)
                alone = compound is kind and len(kind.blocks) == 1 and kind.extended is None
                if values is not None and (alone or (block.inputs, block.outputs) == (inputs, outputs)):
                    return block, values
                if len(candidates) < MAX_COMPLAINTS:
                    candidates.append(f"  {block.location.landmark}: '{block.signature()}'")
            compound = compound.extended
        if compound is not None:
            return compound
        wanted = signature(kind.name or "<anonymous>", len(arguments), inputs, outputs)
        self.context.diagnostics.append(Diagnostic(
            "error", f"no match for '{wanted}'", element.location, max(len(kind.name), 1), (),
            ("candidates are:", *candidates)))
        return BaseClass(kind.name, known=False)

    def check_ports(self, name: str, what: str, used: set[int], count: int, location: Location) -> None:
        """Complain where the ports used outside a compound are not those it has inside (`TunnelEnd::expand`)."""
        unused = [port for port in range(count) if port not in used]
        for port in unused[:0 if self.context.lossy else MAX_COMPLAINTS]:
            self.context.error(f"'{name}' {what} {port} unused", location)
        for port in sorted(port for port in used if port >= count)[:MAX_COMPLAINTS]:
            self.context.error(f"'{name}' has no {what} {port}", location)

    def check_name(self, name: str, location: Location) -> None:
        """Complain about a name that a component of a compound and another element share."""
        if name in self.names:
            self.context.error(f"redeclaration of element '{name}'", location)
            self.context.note(f"element '{name}' previously declared here", self.names[name])
        self.names[name] = location

    def check_growth(self, characters: int, location: Location) -> None:
        """Complain once when compounds multiply elements or text beyond all bounds."""
        if self.instances >= MAX_INSTANCES or self.characters > MAX_CHARACTERS:
            self.context.lossy = True
        if self.instances == MAX_INSTANCES:
            self.context.error(f"more than {MAX_INSTANCES} elements", location, 1,
                               ("compound elements multiply elements here",))
        if self.characters <= MAX_CHARACTERS < self.characters + characters:
            self.context.error("configuration strings and names grow beyond all bounds", location, 1,
                               ("compound elements or variables multiply text here",))
        self.instances += 1
        self.characters += characters

"""Reader: the syntax tree to blocks, in reading order, so that a name means what it meant at that place."""

from __future__ import annotations

import os

from netos.errors import Location
from netos.lang import nodes
from netos.lang.archive import ArchiveError, configuration_text
from netos.lang.blocks import BaseClass, Block, CompoundClass, ElementType, GroupType, Link
from netos.lang.context import Context
from netos.lang.links import MAX_LINKS, End, LinkError, pair_ports
from netos.lang.parser import MAX_DEPTH, parse
from netos.lang.requirements import find_library, read_definitions, read_requirements
from netos.lang.scope import Scope

GROUP_NAME = "<group>"


class BlockReader(Scope):
    """Reads statements into a block."""

    def __init__(self, context: Context, block: Block, filename: str) -> None:
        super().__init__(context, block)
        self.filename = filename

    def statements(self, statements: list[nodes.Statement]) -> None:
        """Read statements one after the other."""
        for statement in statements:
            if isinstance(statement, nodes.Chain):
                self.chain(statement)
            elif isinstance(statement, nodes.ElementClass):
                body = statement.body
                self.block.classes[statement.name.text] = (
                    self.need_class(body) if isinstance(body, nodes.Name) else self.compound(statement.name.text, body))
            elif isinstance(statement, nodes.Define):
                self.define(statement.text)
            else:
                self.require(statement.text)

    def chain(self, chain: nodes.Chain) -> None:
        """Declare and connect what stands between two semicolons."""
        if not chain.connectors and self.declaration(chain.stages[0]):
            return
        last = len(chain.stages) - 1
        outputs: list[End] = []
        for position, stage in enumerate(chain.stages):
            inputs, next_outputs = self.stage(stage, position == 0, position == last)
            if position and inputs and outputs:
                self.connect(outputs, inputs, chain.connectors[position - 1])
            outputs = next_outputs

    def declaration(self, elements: list[nodes.Element]) -> bool:
        """Read `a, b :: Class`, which gives its class to the bare names before it; whether it was one."""
        if len(elements) < 2 or any(element.inputs or element.outputs or element.name is None for element in elements):
            return False
        given: nodes.Element | None = None
        for element in reversed(elements):
            if element.body is not None:
                given = element
            elif given is not None and element.configuration is None:
                element.body, element.configuration = given.body, given.configuration
        if given is None:
            return False
        compounds: dict[int, ElementType] = {}
        for element in elements:
            body = element.body
            if element.name is not None and isinstance(body, nodes.Name | nodes.Compound):
                kind = compounds.get(id(body)) or self.element_type(body)
                compounds[id(body)] = kind
                self.declare(element.name, kind, body, element.configuration)
            else:
                self.element(element)
        return True

    def stage(self, elements: list[nodes.Element], first: bool, last: bool) -> tuple[list[End], list[End]]:
        """The ends that the elements between two arrows offer to the arrow before and the arrow after."""
        inputs: list[End] = []
        outputs: list[End] = []
        for node in elements:
            if node.implicit:
                index = self.implicit(node, first, last)
                if index is not None:
                    (outputs if first else inputs).append(End(index, node.inputs))
                continue
            index = self.element(node)
            group = self.block.elements[index].type
            inputs.append(End(index, node.inputs, group.inputs if isinstance(group, GroupType) else None))
            outputs.append(End(index, node.outputs, group.outputs if isinstance(group, GroupType) else None))
            if first and node.inputs:
                self.context.error("input ports ignored at start of chain", node.inputs.location, node.inputs.length)
            if last and node.outputs:
                self.context.error("output ports ignored at end of chain", node.outputs.location, node.outputs.length)
        return inputs, outputs

    def implicit(self, node: nodes.Element, first: bool, last: bool) -> int | None:
        """The pseudo-element that a missing element means."""
        if self.pseudo is None:
            return None
        if first == last:
            message = "stranded port ignored" if first else "implicit ports used in the middle of a chain"
            self.context.error(message, node.location, node.inputs.length if node.inputs else 1)
            self.context.lossy = True
            return None
        return self.pseudo[0 if first else 1]

    def element(self, node: nodes.Element) -> int:
        """The element a node declares, makes or means."""
        if isinstance(node.body, nodes.Group):
            return self.group(node.body)
        if node.body is None:
            assert node.name is not None
            return self.refer(node.name, node.configuration)
        kind = self.element_type(node.body)
        if node.name is not None:
            return self.declare(node.name, kind, node.body, node.configuration)
        return self.block.add_anonymous("", kind, node.location, None, node.configuration)

    def element_type(self, body: nodes.Name | nodes.Compound) -> ElementType:
        """The class a name or a compound means."""
        return self.need_class(body) if isinstance(body, nodes.Name) else self.compound("", body)

    def connect(self, sources: list[End], targets: list[End], connector: nodes.Connector) -> None:
        """Follow one arrow."""
        try:
            pairs = pair_ports(sources, targets, connector.text)
        except LinkError as error:
            self.context.lossy = True
            self.context.error(str(error), connector.location, len(connector.text))
            return
        if self.context.link_count <= MAX_LINKS < self.context.link_count + len(pairs):
            self.context.error(f"more than {MAX_LINKS} connections", connector.location, len(connector.text))
        self.context.link_count += len(pairs)
        if self.context.link_count > MAX_LINKS:
            self.context.lossy = True
            return
        elements = self.block.elements
        for (source, source_port), (target, target_port) in pairs:
            self.block.links.append(Link(source, source_port, target, target_port, connector.location))
            elements[source].outputs_used.add(source_port)
            elements[target].inputs_used.add(target_port)

    def group(self, node: nodes.Group) -> int:
        """Read an element group: statements of this block, with an `input` and `output` of their own."""
        names = self.block.names
        index = self.block.add_anonymous("", GroupType(), node.location)
        outer = self.pseudo
        hidden = {name: names.pop(name, None) for name in ("input", "output")}
        self.pseudo = names["input"], names["output"] = self.add_pseudo(index)
        self.statements(node.statements)
        self.block.elements[index].type = GroupType(*self.check_pseudo(self.pseudo, GROUP_NAME))
        self.pseudo = outer
        for name, hidden_index in hidden.items():
            del names[name]
            if hidden_index is not None:
                names[name] = hidden_index
        return index

    def compound(self, name: str, node: nodes.Compound) -> ElementType:
        """Read a compound class; its own name means the earlier class inside it."""
        blocks = []
        for body in node.bodies:
            block = Block(self.block, node.location, name or "<anonymous>", body.formals)
            reader = BlockReader(self.context, block, self.filename)
            reader.check_formals(body.formals)
            reader.pseudo = block.names["input"], block.names["output"] = reader.add_pseudo(None)
            reader.statements(body.statements)
            block.name_anonymous()
            block.inputs, block.outputs = reader.check_pseudo(reader.pseudo, block.class_name)
            blocks.append(block)
        if not blocks:
            return BaseClass(name, known=False)
        extended = self.find_class(name) if node.extends else None
        if node.extends and extended is None:
            self.context.error(f"cannot extend unknown element class '{name}'", node.location)
        return CompoundClass(name, blocks, extended)

    def define(self, text: nodes.Text) -> None:
        """Read `define($name value, …)`."""
        for definition in read_definitions(text.text):
            if definition is None:
                self.context.error("bad 'define' declaration: not a variable", text.location, 1,
                                   ("write define($NAME VALUE, …)",))
            elif definition[0] in self.block.variables:
                self.context.error(f"parameter '${definition[0]}' multiply defined", text.location)
            else:
                self.block.variables[definition[0]] = definition[1]

    def require(self, text: nodes.Text) -> None:
        """Read `require(…)`."""
        for requirement in read_requirements(text.text):
            if requirement is None:
                self.context.error("syntax error at requirement", text.location, 1,
                                   ("write require(package NAME) or require(library FILE)",))
                continue
            kind, value = requirement
            if kind == "library":
                self.library(value, text.location)
            elif kind == "compact_config" or (kind == "package" and self.context.has_package(value)):
                self.context.requirements.append(requirement)
            else:
                missing = value if kind == "package" else f"{kind} {value}"
                self.context.error(f"requirement '{missing}' not available", text.location)

    def library(self, name: str, location: Location) -> None:
        """Read the statements of a library in this place, unless that was done before."""
        context = self.context
        if self.pseudo is not None:
            context.error(f"require(library {name}) must be used at file scope", location)
            return
        path = find_library(name, self.filename, context.search_path)
        if path is None:
            context.error(f"library '{name}' not found", location, 1,
                          ("libraries are looked for beside this file, then in CLICKPATH and its conf folders",))
            return
        if os.path.realpath(path) in context.libraries:
            return
        context.libraries.add(os.path.realpath(path))
        if context.library_depth >= MAX_DEPTH:
            context.error(f"libraries nested more than {MAX_DEPTH} deep", location)
            return
        try:
            with open(path, "rb") as file:
                library_text = configuration_text(file.read())
        except (OSError, ArchiveError) as error:
            context.error(f"library '{name}' cannot be read: {error}", location)
            return
        context.library_depth += 1
        outer, self.filename = self.filename, path
        errors = len(context.diagnostics.errors)
        statements = parse(context.sources.add(library_text, path), context.diagnostics)
        context.lossy = context.lossy or len(context.diagnostics.errors) > errors
        self.statements(statements)
        self.filename = outer
        context.library_depth -= 1

"""Scope: element names and classes of one block, resolved statement by statement as Click reads them."""

from __future__ import annotations

from netos.lang import nodes
from netos.lang.blocks import REST, BaseClass, Block, BlockElement, ElementType, Pseudo
from netos.lang.context import Context

MAX_MISSING = 10


class Scope:
    """A block that is being filled; `pseudo` are the innermost `input` and `output` by index."""

    def __init__(self, context: Context, block: Block) -> None:
        self.context = context
        self.block = block
        self.pseudo: tuple[int, int] | None = None
        self._undeclared: dict[int, int] = {}

    def find_class(self, name: str) -> ElementType | None:
        """The class of that name, seen from here."""
        return self.block.find_class(name) or self.context.base_class(name)

    def need_class(self, name: nodes.Name) -> ElementType:
        """The class of that name; complain if there is none."""
        found = self.find_class(name.text)
        if found is None:
            if name.text:
                hints = self.context.guesser.suggest(name.text, self._class_names)
                self.context.error(f"unknown element class '{name.text}'", name.location, len(name.text), hints)
            found = BaseClass(name.text, known=False)
        return found

    def _class_names(self) -> list[str]:
        names: list[str] = []
        block: Block | None = self.block
        while block is not None:
            names += block.classes
            block = block.parent
        return [*names, *self.context.class_names()]

    def declare(self, name: nodes.Name, kind: ElementType, body: nodes.Name | nodes.Compound,
                configuration: nodes.Text | None) -> int:
        """Declare an element, whose class is written as `body`; complain if its name cannot be used."""
        class_name = body if isinstance(body, nodes.Name) else None
        text, place, length = name.text, name.location, len(name.text)
        index = self.block.names.get(text)
        if index is not None:
            element = self.block.elements[index]
            complaint = self._undeclared.pop(index, None)
            if complaint is not None:
                self.context.change_hint(complaint, f"'{text}' is declared only later, at {place}: declare it first")
                element.type, element.location = kind, place
                element.class_name, element.configuration = class_name, configuration
            else:
                self.context.error(f"redeclaration of element '{text}'", place, length)
                self.context.note(f"element '{text}' previously declared here", element.location, length)
            return index
        if self.find_class(text) is not None:
            self.context.error(f"class '{text}' used as element name", place, length)
        if any(part.isdigit() for part in text.split("/")):
            self.context.error(f"element name '{text}' has all-digit component", place, length)
        return self.block.add(text, kind, place, class_name, configuration)

    def refer(self, name: nodes.Name, configuration: nodes.Text | None) -> int:
        """The element a bare name means: one declared before, else an anonymous one of that class."""
        text, length = name.text, len(name.text)
        index = self.block.names.get(text)
        if index is not None and configuration is None:
            return index
        kind = self.find_class(text)
        if kind is not None:
            return self.block.add_anonymous(text, kind, name.location, name, configuration)
        if index is not None:
            if index not in self._undeclared:
                self.context.error(f"element '{text}' is configured again", name.location, length,
                                   ("an element has its configuration where it is declared",))
            return index
        message = f"undeclared element '{text}'"
        if configuration is not None:
            message += f" (unknown element class '{text}')"
        hints = self.context.guesser.suggest(text, lambda: [*self.block.names, *self._class_names()])
        complaint = self.context.error(message, name.location, length, hints)
        index = self.block.add(text, BaseClass(text, known=False), name.location)
        self._undeclared[index] = complaint
        return index

    def add_pseudo(self, group: int | None) -> tuple[int, int]:
        """Add the `input` and `output` of a group, or of the compound itself."""
        block = self.block
        location = block.location if group is None else block.elements[group].location
        first = len(block.elements)
        for output in (False, True):
            block.elements.append(BlockElement("output" if output else "input", Pseudo(output, group), location))
        return first, first + 1

    def check_pseudo(self, pseudo: tuple[int, int], name: str) -> tuple[int, int]:
        """Complain about wrong uses of `input` and `output`; how many ports each has (`check_pseudoelement`)."""
        counts = []
        for index, right, wrong in (pseudo[0], "output", "input"), (pseudo[1], "input", "output"):
            element = self.block.elements[index]
            used, misused = ((element.outputs_used, element.inputs_used) if right == "output"
                             else (element.inputs_used, element.outputs_used))
            if misused:
                self.context.error(f"'{name}' pseudoelement '{wrong}' may only be used as {right}", element.location)
                self.context.lossy = True
            count = max(used, default=-1) + 1
            missing = sorted(set(range(count)) - used)
            for port in missing[:MAX_MISSING]:
                self.context.error(f"'{name}' {wrong} {port} missing", element.location, 1,
                                   (f"{wrong}s must be used from 0 on without gaps",))
            counts.append(count)
        return counts[0], counts[1]

    def check_formals(self, formals: list[nodes.Formal]) -> None:
        """Complain about formals that repeat or are out of order (`ycompound_arguments`)."""
        keywords: set[str] = set()
        ordered = True
        for index, formal in enumerate(formals):
            if formal.variable in self.block.variables:
                self.context.error(f"parameter '${formal.variable}' multiply defined", formal.location)
            self.block.variables[formal.variable] = ""
            if formal.keyword == REST:
                ordered = ordered and index == len(formals) - 1
            elif formal.keyword in keywords:
                self.context.error(f"repeated keyword parameter '{formal.keyword}' in compound element",
                                   formal.location, len(formal.keyword))
            elif formal.keyword:
                keywords.add(formal.keyword)
            else:
                ordered = ordered and not keywords
        if not ordered:
            self.context.error("compound element parameters out of order", formals[0].location, 1,
                               ("the correct order is [positional], [keywords], [__REST__]",))



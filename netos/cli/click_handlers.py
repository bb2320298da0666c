"""The -h option of `netos click`: print read handlers after the run, of one element, of a pattern's, of a class's."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from netos.errors import HandlerError
from netos.kernel.console import write_error, write_out

if TYPE_CHECKING:
    from netos.router import Router


def print_handlers(router: Router, wanted: list[str]) -> bool:
    """Print them, with their names where there are several; return whether all could be read."""
    named = len(wanted) > 1
    fine = True
    found: list[tuple[str, str]] = []
    for path in wanted:
        pattern, dot, handler = path.partition(".")
        if not dot or not pattern:
            found.append(("", handler or pattern))
        elif pattern in router.elements:
            found.append((pattern, handler))
        else:
            elements = matching(router, pattern)
            named = named or bool(elements)
            found += [(element, handler) for element in elements if readable(router, element, handler)]
            if not elements:
                kind = "element matching" if is_pattern(pattern) else "element"
                write_error(f"no {kind} '{pattern}'\n")
                fine = False
    for element, handler in found:
        fine = print_handler(router, element, handler, named) and fine
    return fine


def is_pattern(text: str) -> bool:
    """Whether a name is a glob pattern."""
    return any(character in text for character in "*?[")


def matching(router: Router, pattern: str) -> list[str]:
    """The elements a glob pattern or a class name stands for, in the configuration's order."""
    if is_pattern(pattern):
        return [element.name for element in router.order if fnmatchcase(element.name, pattern)]
    return [element.name for element in router.order
            if any(kind.__name__ == pattern for kind in type(element).__mro__)]


def readable(router: Router, element: str, handler: str) -> bool:
    """Whether an element has such a read handler, for all to see."""
    found = router.find_handler(element, handler)
    return found is not None and found.read is not None and not found.private


def print_handler(router: Router, element: str, handler: str, named: bool) -> bool:
    """Print one; return whether it could be read."""
    full_name = f"{element}.{handler}" if element else handler
    found = router.find_handler(element, handler)
    if not readable(router, element, handler):
        visible = found is not None and not found.private
        write_error(f"'{full_name}' is a write handler\n" if visible else f"no '{full_name}' handler\n")
        return False
    try:
        value = router.read(full_name)
    except HandlerError as error:
        write_error(f"{error}\n")
        return False
    if not value.endswith("\n"):
        value += "\n"
    write_out(f"{full_name}:\n{value}\n" if named else value)
    return True

"""The handlers that every element has (Click's Element and Router defaults)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netos.errors import HandlerError
from netos.handlers import Handler

if TYPE_CHECKING:
    from netos.element import Element
    from netos.router import Router


def default_handlers(router: Router, element: Element) -> dict[str, Handler]:
    """class, name, config, ports and handlers; scheduled, tickets and home_thread for an element with a task."""
    found = [
        Handler("class", lambda _: type(element).__name__),
        Handler("name", lambda _: element.name),
        Handler("config", lambda _: element.configuration,
                (lambda text: router.reconfigure(element, text)) if element.live_reconfigure else None),
        Handler("ports", lambda _: ports_text(router, element)),
        Handler("handlers", lambda _: "".join(
            f"{handler.name}\t{handler.flags}\n" for handler in router.handlers(element.name).values()
            if not handler.private)),
    ]
    if element.uses_task:
        found += [Handler("scheduled", lambda _: "true" if element.scheduled else "false"),
                  Handler("tickets", lambda _: str(element.tickets), lambda text: set_tickets(element, text)),
                  Handler("home_thread", lambda _: str(router.homes.get(element.name, 0)))]
    return {handler.name: handler for handler in found}


def set_tickets(element: Element, text: str) -> None:
    """Change an element's share."""
    if not text.strip().isdigit() or not 1 <= int(text) <= 32768:
        raise HandlerError(f"{element.name}.tickets: a number from 1 to 32768 is wanted, not '{text}'")
    element.tickets = int(text)


def ports_text(router: Router, element: Element) -> str:
    """What the `ports` handler prints: how each port is processed, and where it leads."""
    names = [declared.name for declared in router.graph.elements]
    index = router.order.index(element)
    lines = []
    for what, processing in (("input", element.input_processing), ("output", element.output_processing)):
        lines.append(f"{len(processing)} {what}{'' if len(processing) == 1 else 's'}")
        for port, letter in enumerate(processing):
            if what == "input":
                peers = [f"{names[link.source]} [{link.source_port}]" for link in router.graph.connections
                         if (link.target, link.target_port) == (index, port)]
            else:
                peers = [f"[{link.target_port}] {names[link.target]}" for link in router.graph.connections
                         if (link.source, link.source_port) == (index, port)]
            lines.append(f"{'push' if letter == 'h' else 'pull'}\t-\t{', '.join(peers)}")
    return "\n".join(lines) + "\n"

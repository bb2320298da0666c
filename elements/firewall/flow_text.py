"""Connections as handlers print and read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from netos.addresses import IPv4Address, ipv4_number
from netos.args import Seconds
from netos.errors import ArgumentError, HandlerError
from netos.proto.flow_table import PROTOCOLS, SECOND, STATES, TIMEOUTS, FlowTable

NUMBERS = {name: number for number, name in PROTOCOLS.items()}
FLAGS = ("assured", "mapped")


def ends(key: tuple[int, ...]) -> str:
    """A tuple's two ends."""
    _, source, source_port, destination, destination_port = key
    return f"{IPv4Address(source)}:{source_port} > {IPv4Address(destination)}:{destination_port}"


def flow_line(row: Mapping[str, Any]) -> str:
    """One connection (of FlowTable.rows) as a line."""
    flags = [flag for flag in FLAGS if row[flag]]
    flags += [word for flag, word in (("replied", "unreplied"), ("confirmed", "unconfirmed")) if not row[flag]]
    fields = [row["protocol"], row["state"], str(-(-row["expires"] // SECOND)), ends(row["original"]), "reply",
              ends(row["reply"]), "packets", "/".join(map(str, row["packets"])), "bytes",
              "/".join(map(str, row["bytes"])), *flags]
    return " ".join(fields) + "\n"


def total_lines(states: Mapping[str, int], totals: Mapping[str, int]) -> str:
    """Counts, a name and a number a line."""
    return "".join(f"{name} {count}\n" for name, count in [*states.items(), *totals.items()])


def timeout_lines(table: FlowTable) -> str:
    """The timeout of each state in seconds."""
    return "".join(f"{state} {table.timeout(state) / SECOND:.12g}\n" for state in TIMEOUTS)


def flow_timeout(text: str) -> tuple[str, int]:
    """A state and its timeout in nanoseconds, from `STATE TIME`."""
    state, _, time = text.strip().partition(" ")
    if state not in TIMEOUTS:
        raise HandlerError(f"'{state}' is no state of a connection; use one of {', '.join(STATES[1:])}")
    try:
        return state, Seconds().parse(time.strip())
    except ArgumentError as error:
        raise HandlerError(str(error)) from None


def flow_key(text: str, kill: Callable[[tuple[int, ...]], bool]) -> None:
    """Call `kill` with the tuple in `PROTOCOL SRC:PORT DST:PORT`, as `flows` prints it; say so when there is none."""
    words = text.replace(">", " ").split()
    try:
        protocol, *addresses = words
        number = NUMBERS[protocol] if protocol in NUMBERS else int(protocol)
        (source, source_port), (destination, destination_port) = (end.rsplit(":", 1) for end in addresses)
        key = (number, ipv4_number(source), int(source_port), ipv4_number(destination), int(destination_port))
        if not (0 <= number < 256 and all(0 <= port < 65536 for port in (key[2], key[4]))):
            raise ValueError
    except ValueError:
        raise HandlerError(f"'{text.strip()}' is not a connection: write PROTOCOL SRC:PORT DST:PORT, "
                           "as tcp 10.0.0.2:1234 192.0.2.1:80") from None
    if not kill(key):
        raise HandlerError(f"there is no connection {text.strip()}")

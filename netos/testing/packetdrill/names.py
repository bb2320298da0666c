"""Names that scripts use: of ICMP types and codes (RFC 792, RFC 1122), of C's constants."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
from difflib import get_close_matches

ICMP_TYPES = {"echo_reply": 0, "unreachable": 3, "source_quench": 4, "redirect": 5, "echo_request": 8,
              "time_exceeded": 11, "parameter_problem": 12}
ICMP_CODES = {
    3: {"net_unreachable": 0, "host_unreachable": 1, "protocol_unreachable": 2, "port_unreachable": 3, "frag_needed": 4,
        "source_route_failed": 5, "net_unknown": 6, "host_unknown": 7, "source_host_isolated": 8, "net_prohibited": 9,
        "host_prohibited": 10, "net_tos": 11, "host_tos": 12, "packet_filtered": 13, "precedence_violation": 14,
        "precedence_cutoff": 15},
    11: {"ttl_exceeded": 0, "reassembly_exceeded": 1},
}
TCP_STATES = ("ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
              "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING")           # Linux's numbers, from 1 on

CONSTANTS: dict[str, int] = {
    "SIOCINQ": 0x541B, "FIONREAD": 0x541B, "SIOCOUTQ": 0x5411, "SOL_TCP": 6, "SOL_UDP": 17, "SOL_IP": 0,
    "TCP_ESTABLISHED": 1, "TCP_SYN_SENT": 2, "TCP_SYN_RECV": 3, "TCP_FIN_WAIT1": 4, "TCP_FIN_WAIT2": 5,
    "TCP_TIME_WAIT": 6, "TCP_CLOSE": 7, "TCP_CLOSE_WAIT": 8, "TCP_LAST_ACK": 9, "TCP_LISTEN": 10, "TCP_CLOSING": 11,
    "POLLRDHUP": 0x2000, "TCPI_OPT_TIMESTAMPS": 1, "TCPI_OPT_SACK": 2, "TCPI_OPT_WSCALE": 4, "TCPI_OPT_ECN": 8,
}


def constant(name: str) -> int | None:
    """A constant's value, None when there is none of that name."""
    if name in CONSTANTS:
        return CONSTANTS[name]
    for module in (socket, select, fcntl, os, errno):
        value = getattr(module, name, None)
        if isinstance(value, int) and name.isupper():
            return int(value)
    return None


def near(name: str) -> str:
    """A hint at a constant that is written nearly so."""
    known = [*CONSTANTS, *(word for module in (socket, select, fcntl, os, errno) for word in dir(module)
                           if word.isupper())]
    found = get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""

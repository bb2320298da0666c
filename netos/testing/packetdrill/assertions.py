"""%{ assert tcpi_snd_cwnd == 10 }%: what TCP knows of a connection, by the names of Linux's tcp_info."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from difflib import get_close_matches
from textwrap import dedent
from typing import Any

from netos.proto.endpoints import TcpEndpoint
from netos.testing.packetdrill.names import TCP_STATES, constant
from netos.testing.packetdrill.sockets import Refused

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitAnd: operator.and_, ast.BitOr: operator.or_}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge}


def tcp_info(endpoint: TcpEndpoint) -> dict[str, int]:
    """Linux's names: windows in segments, times in microseconds, bytes where the name says so."""
    facts = endpoint.facts
    mss = max(facts["mss"], 1)
    unlimited = facts["ssthresh"] >= 0x7FFFFFFF
    send_scale, receive_scale = facts["scales"] or (0, 0)
    options = ((constant("TCPI_OPT_TIMESTAMPS"), facts["timestamps"]), (constant("TCPI_OPT_SACK"), facts["sack"]),
               (constant("TCPI_OPT_WSCALE"), facts["scales"] is not None), (constant("TCPI_OPT_ECN"), facts["ecn"]))
    return {
        "tcpi_state": TCP_STATES.index(facts["state"]) + 1,
        "tcpi_options": sum(bit or 0 for bit, agreed in options if agreed),
        "tcpi_snd_wscale": send_scale,
        "tcpi_rcv_wscale": receive_scale,
        "tcpi_snd_mss": facts["mss"],
        "tcpi_snd_cwnd": facts["cwnd"] // mss,
        "tcpi_snd_ssthresh": 0x7FFFFFFF if unlimited else facts["ssthresh"] // mss,
        "tcpi_rtt": round(facts["rtt"] * 1e6),
        "tcpi_rttvar": round(facts["rttvar"] * 1e6),
        "tcpi_rto": round(facts["rto"] * 1e6),
        "tcpi_snd_wnd": facts["snd_wnd"],
        "tcpi_unacked": -(-facts["flight"] // mss),
        "tcpi_total_retrans": facts["retransmitted"],
        "tcpi_bytes_received": facts["bytes_in"],
        "tcpi_bytes_sent": facts["bytes_out"],
    }


def check(text: str, values: dict[str, int], say: Callable[[str], object]) -> str:
    """Evaluate `assert` and `print` lines; what the first that is wrong says, or nothing. Raises Refused."""
    try:
        return check_lines(text, values, say)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise error if isinstance(error, Refused) else Refused(f"this cannot be computed: {error}") from None


def check_lines(text: str, values: dict[str, int], say: Callable[[str], object]) -> str:
    try:
        first, _, others = text.partition("\n")
        lines = ast.parse(f"{first.strip()}\n{dedent(others)}").body
    except SyntaxError as error:
        raise Refused(f"this is not Python: {error.msg}") from None
    for line in lines:
        if isinstance(line, ast.Assert):
            if evaluate(line.test, values):
                continue
            used = sorted({node.id for node in ast.walk(line.test) if isinstance(node, ast.Name) and node.id in values})
            said = f" ({evaluate(line.msg, values)})" if line.msg is not None else ""
            known = ", ".join(f"{name} is {values[name]}" for name in used)
            return f"'{ast.unparse(line.test)}' is not so{said}: {known}"
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) and (
                isinstance(line.value.func, ast.Name) and line.value.func.id == "print" and not line.value.keywords):
            say(" ".join(str(evaluate(part, values)) for part in line.value.args))
        else:
            raise Refused(f"'{ast.unparse(line)}': only 'assert' and 'print(…)' are understood here")
    return ""


def evaluate(node: ast.expr, values: dict[str, int]) -> Any:
    """Arithmetic, comparisons and logic on the names there are."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        found = values.get(node.id, constant(node.id))
        if found is None and not values:
            raise Refused(f"there is no open connection that '{node.id}' could be of")
        if found is None:
            hint = get_close_matches(node.id, values, n=1)
            raise Refused(f"'{node.id}' is not known; " + (f"did you mean {hint[0]}?" if hint else
                                                           f"there are {', '.join(values)}"))
        return found
    if isinstance(node, ast.Tuple):
        return tuple(evaluate(part, values) for part in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        value = evaluate(node.operand, values)
        return not value if isinstance(node.op, ast.Not) else -value
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        return BINARY[type(node.op)](evaluate(node.left, values), evaluate(node.right, values))
    if isinstance(node, ast.BoolOp):
        parts = (bool(evaluate(part, values)) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare) and all(type(one) in COMPARISONS for one in node.ops):
        sides = [evaluate(part, values) for part in (node.left, *node.comparators)]
        return all(COMPARISONS[type(one)](a, b) for one, a, b in zip(node.ops, sides, sides[1:]))
    raise Refused(f"'{ast.unparse(node)}' is not understood: there are numbers, names, arithmetic and comparisons")

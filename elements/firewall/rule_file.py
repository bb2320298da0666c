"""Files of IPFilter's rules, one a line; and rules as RuleTuples takes them: bits of words with a certain value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from elements.firewall.rule_tuples import RuleTuples
from elements.ip.filter_compile import action
from elements.ip.filter_names import Resolve, Vocabulary
from elements.ip.filter_parser import Parser
from elements.standard.classification import Program
from elements.standard.decision import All, Always, AnyOf, Condition, Equal, Greater, Not, Present, compile_program
from elements.standard.decision_graph import ANNOTATION
from netos.errors import NetosError

SHOWN = 20
ALTERNATIVES = 256      # that one rule may fall into
WORDS = 8

Bits = dict[int, tuple[int, int]]       # mask and value of words, by offset
Shapes = dict[tuple[tuple[int, int, int], ...], dict[tuple[int, ...], int]]


class Rules:
    """Rules compiled: those that are alternatives of fixed bits in `tuples`, the others in `program`, by number.

    `outputs` is what each rule says: an output, or -1 to drop.
    """

    def __init__(self, conditions: Sequence[Condition], outputs: Sequence[int]) -> None:
        shapes: Shapes = {}
        others: list[tuple[Condition, int | None]] = []
        for number, condition in enumerate(conditions):
            found = alternatives(condition)
            if found is None:
                others.append((condition, number))
                continue
            for bits in found:
                words = tuple((*place(offset), mask) for offset, (mask, _) in sorted(bits.items()))
                values = tuple(value for _, (_, value) in sorted(bits.items()))
                shapes.setdefault(words, {}).setdefault(values, number)
        self.outputs = list(outputs)
        self.tuples = RuleTuples(shapes)
        self.program: Program | None = compile_program(others, headers=True) if others else None
        self.shapes = {words: len(rules) for words, rules in shapes.items()}

    def match_headers(self, packet: bytes, network: int, transport: int, annotations: bytes = bytes(48)) -> int | None:
        """The output for a packet with headers at these offsets; None if it is dropped."""
        found = [number for number in (
            self.tuples.match_headers(packet, network, transport, annotations),
            self.program.match_headers(packet, network, transport, annotations=annotations) if self.program else None)
            if number is not None]
        output = self.outputs[min(found)] if found else -1
        return None if output < 0 else output


def place(offset: int) -> tuple[int, int]:
    """Space and offset in it."""
    if offset >= ANNOTATION:
        return 3, offset - ANNOTATION
    space = min(offset >> 8, 2)
    return space, offset - 256 * space


def alternatives(condition: Condition) -> list[Bits] | None:
    """The condition as alternatives of fixed bits; None if it is not made like that, or of too many."""
    match condition:
        case Always(value):
            return [{}] if value else []
        case Equal(offset, mask, value):
            return [{offset: (mask, value)} if mask else {}]
        case Greater(offset, mask, value):
            return [{offset: found} for found in above(mask, value)]
        case Present(All((Greater(offset, mask, low), Not(Greater(other, other_mask, high))))) \
                if (offset, mask) == (other, other_mask) and contiguous(mask):
            return [{offset: found} for found in between(mask, low, high)]
        case Present(inner):
            return alternatives(inner) if positive(inner) else None
        case AnyOf(conditions):
            found: list[Bits] = []
            for inner in conditions:
                more = alternatives(inner)
                if more is None or len(found) + len(more) > ALTERNATIVES:
                    return None
                found += more
            return found
        case All(conditions):
            parts = [alternatives(inner) for inner in conditions]
            count = 1
            for part in parts:
                if part is None:
                    return None
                count *= len(part)
            if count > ALTERNATIVES:
                return None
            both = [merge(choice) for choice in product(*(part for part in parts if part is not None))]
            merged = [bits for bits in both if bits is not None]
            return None if any(len(bits) > WORDS for bits in merged) else merged
    return None


def positive(condition: Condition) -> bool:
    """Whether nothing in the condition is negated."""
    match condition:
        case Equal() | Greater() | Always():
            return True
        case All(conditions) | AnyOf(conditions):
            return all(map(positive, conditions))
    return False


def merge(choice: Sequence[Bits]) -> Bits | None:
    """All of some fixed bits; None if they contradict each other."""
    merged: Bits = {}
    for bits in choice:
        for offset, (mask, value) in bits.items():
            known_mask, known = merged.get(offset, (0, 0))
            if (known ^ value) & known_mask & mask:
                return None
            merged[offset] = known_mask | mask, known | value
    return merged


def above(mask: int, value: int) -> list[tuple[int, int]]:
    """Masks and values of the fields under a mask that are greater than a value."""
    found = []
    for bit in (1 << position for position in range(32)):
        if mask & bit and not value & bit:
            higher = mask & ~(2 * bit - 1)
            found.append((higher | bit, value & higher | bit))
    return found


def contiguous(mask: int) -> bool:
    """Whether the ones in a mask follow each other."""
    ones = mask // (mask & -mask) if mask else 0
    return ones != 0 and ones & (ones + 1) == 0


def between(mask: int, low: int, high: int) -> list[tuple[int, int]]:
    """Masks and values of a contiguous field that is greater than `low`, and not greater than `high`."""
    shift = (mask & -mask).bit_length() - 1
    at, end, full = (low >> shift) + 1, (high >> shift) + 1, mask >> shift
    found = []
    while at < end:
        size = at & -at or full + 1
        while at + size > end:
            size >>= 1
        found.append(((full & ~(size - 1)) << shift, at << shift))
        at += size
    return found


def compile_rules(lines: Sequence[tuple[str, str]], outputs: int, resolve: Resolve,
                  warn: Callable[[str], None]) -> Rules:
    """Compile rules, each given with the place it is from; NetosError lists the mistakes with their places."""
    vocabulary = Vocabulary(resolve)
    conditions, actions, wrong = [], [], []
    for where, line in lines:
        parser = Parser(line, vocabulary)
        number = action(parser, outputs)
        conditions.append(parser.parse())
        actions.append(-1 if number is None else number)
        wrong += [f"{where}: {complaint.message}" for complaint in parser.complaints]
        for warning in parser.warnings:
            warn(f"{where}: {warning.message}")
    if wrong:
        more = [f"and {len(wrong) - SHOWN} mistakes more"] if len(wrong) > SHOWN else []
        raise NetosError("\n".join([*wrong[:SHOWN], *more]))
    return Rules(conditions, actions)


def compile_rule_file(path: str, outputs: int, resolve: Resolve, warn: Callable[[str], None]) -> Rules:
    """Compile the rules of a file; `#` begins a comment."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [(f"{path}:{number}", line.partition("#")[0].strip()) for number, line in enumerate(file, 1)]
    except OSError as error:
        raise NetosError(f"cannot read {path}: {error.strerror}") from None
    return compile_rules([(where, line) for where, line in lines if line], outputs, resolve, warn)

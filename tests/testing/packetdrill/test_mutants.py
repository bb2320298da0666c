"""Scripts gone wrong: whatever stands in one, it runs or is refused with its line; no traceback, no hang."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from netos.testing.packetdrill import Runner, ScriptError, parse
from netos.testing.packetdrill.lexer import tokens

SCRIPTS = [path.read_text() for path in sorted((Path(__file__).parents[2] / "proto" / "scripts").glob("*.pkt"))]
STRANGE = ["-1", "0", "70000", "4294967296", "99999999999999999999", "...", "{", "}", "[", "]", "(", ")", "<", ">", "|",
           '"x"', "-", "=", "ack", "win", "mss", "SOCK_DGRAM", "O_NONBLOCK", "%{ assert 1/0 }%", "%{ x }%", "`ls`",
           "+1", "*"]


def mutant(chance):
    """A script with a few words taken out, doubled, swapped, or replaced by another script's or a strange one."""
    text = chance.choice(SCRIPTS)
    found = tokens(text, "x")
    words = [text[before.end:word.end] for before, word in pairwise(found[:-1])]
    others = tokens(chance.choice(SCRIPTS), "y")[:-1]
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(words))
        words[at:at + 1] = chance.choice(([], [words[at]] * 2, [chance.choice(STRANGE)], [chance.choice(others).text]))
    return "".join([text[:found[0].end], *words])


@pytest.mark.parametrize("seed", range(20))
def test_mutants(seed):
    """A mutated script raises something else than ScriptError, or loses a packet."""
    chance = random.Random(seed)
    for _ in range(20):
        text = mutant(chance)
        try:
            runner = Runner(parse(text, "x"), echo=lambda said: None)
        except ScriptError:
            continue
        try:
            runner.run()
        except ScriptError:
            pass
        assert runner.cpu.balance["held"] == 0, text

"""Configurations gone wrong: seeded changes of characters, tokens, arguments, connections and names in Click text."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

TOKEN = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|->|::|[A-Za-z_$][\w$]*(?:/[\w$]+)*|\d[\w.:/-]*|\s+|.', re.DOTALL)
NUMBER = re.compile(r"\d[\w.:/-]*")
WORD = re.compile(r"[A-Za-z_$][\w$]*(?:/[\w$]+)*")
CLASS = re.compile(r"[A-Z]\w+")
CHARACTERS = "(){}[]<>->::;,.$\"'\\|/*% \n\t\0\x7f\xe9x0Q_-"
NUMBERS = ("0", "1", "-1", "2", "255", "256", "65535", "65536", "4294967295", "4294967296", "18446744073709551616",
           "1.5", "0x10", "1e9", "0/0", "10.0.1.1", "10.0.2.0/24", "255.255.255.255", "ff:ff:ff:ff:ff:ff", "")
# What a class may become besides those of the same text: nothing that ends a run, reads files or makes interfaces.
CLASSES = ("Null", "Counter", "Idle", "Discard", "Queue", "Unqueue", "Strip", "Unstrip", "Paint", "CheckPaint", "Tee",
           "EtherEncap", "EtherMirror", "Classifier", "IPClassifier", "IPFilter", "CheckIPHeader", "MarkIPHeader",
           "DecIPTTL", "SimpleQueue", "RoundRobinSched", "PrioSched", "Switch", "PullSwitch", "Suppressor", "Nonesuch")
PASSING = ("Null", "Counter", "Queue(3) -> Unqueue", "Paint(2)", "Strip(1) -> Unstrip(1)", "added :: Counter",
           "IPFilter(allow all)", "CheckPaint(1)", "Print(x, ACTIVE false)", "Suppressor", "Tee -> Switch(0)")
KEYWORDS = ("BURST 1", "TIMEOUT 1", "CAPACITY 0", "ACTIVE false", "NONESUCH 1", "RATE 0", "1", "", "a b", "\"x", "$Z")


def pieces(text: str) -> list[str]:
    """The tokens of a text, space included: joined they are the text."""
    return TOKEN.findall(text)


def places(tokens: list[str], pattern: re.Pattern[str]) -> list[int]:
    """Where tokens like that are; the first one where there are none."""
    return [at for at, token in enumerate(tokens) if pattern.fullmatch(token)] or [0]


def character(text: str, random: Random) -> str:
    """One character more, less, or another."""
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(("", random.choice(CHARACTERS))) + text[at + random.randrange(2):]


def token(text: str, random: Random) -> str:
    """A token left out, doubled, swapped with another, or replaced by another."""
    tokens = pieces(text)
    solid = [at for at, token in enumerate(tokens) if not token.isspace()] or [0]
    one, other = random.choice(solid), random.choice(solid)
    way = random.randrange(4)
    if way == 0:
        tokens[one] = ""
    elif way == 1:
        tokens[one] *= 2
    elif way == 2:
        tokens[one], tokens[other] = tokens[other], tokens[one]
    else:
        tokens[one] = tokens[other]
    return "".join(tokens)


def argument(text: str, random: Random) -> str:
    """Another number or address, one argument more, or one less."""
    tokens = pieces(text)
    way = random.randrange(3)
    if way == 0:
        tokens[random.choice(places(tokens, NUMBER))] = random.choice(NUMBERS)
    elif way == 1:
        at = random.choice(places(tokens, re.compile(r"[(,]")))
        tokens[at] += f"{random.choice(KEYWORDS)}, "
    else:
        at = random.choice(places(tokens, re.compile(r"[(,]")))
        end = at + 1
        while end < len(tokens) and tokens[end] not in (",", ")"):
            end += 1
        del tokens[at + 1:end]
    return "".join(tokens)


def connection(text: str, random: Random) -> str:
    """A connection cut, turned round, led to another port, or one more."""
    tokens = pieces(text)
    arrows = places(tokens, re.compile("->"))
    way = random.randrange(4)
    if way == 0:
        tokens[random.choice(arrows)] = ";"
    elif way == 1:
        tokens[random.choice(arrows)] += f" [{random.choice((0, 1, 2, 7, 99))}] "
    elif way == 2:
        words = places(tokens, WORD)
        tokens.append(f"\n{tokens[random.choice(words)]} -> {tokens[random.choice(words)]};")
    else:
        one, other = random.choice(arrows), random.choice(arrows)
        tokens[one] = f"-> {tokens[min(other + 2, len(tokens) - 1)]} ->"
    return "".join(tokens)


def name(text: str, random: Random) -> str:
    """An element of another class, or called otherwise."""
    tokens = pieces(text)
    if random.randrange(2):
        classes = places(tokens, CLASS)
        tokens[random.choice(classes)] = random.choice((*CLASSES, tokens[random.choice(classes)]))
    else:
        words = places(tokens, WORD)
        tokens[random.choice(words)] = random.choice((tokens[random.choice(words)], "other", "output", "input", "x/y"))
    return "".join(tokens)


def plausible(text: str, random: Random) -> str:
    """A change that somebody might have meant: an element more in a connection, another number, a statement less."""
    tokens = pieces(text)
    way = random.randrange(4)
    if way == 0:
        tokens[random.choice(places(tokens, re.compile("->")))] = f"-> {random.choice(PASSING)} ->"
    elif way == 1:
        at = random.choice(places(tokens, re.compile(r"\d+")))
        tokens[at] = str(max(int(tokens[at]) + random.choice((-1, 1, 10)), 0)) if tokens[at].isdecimal() else tokens[at]
    elif way == 2:
        ends = [-1, *places(tokens, re.compile(";"))]
        at = random.randrange(len(ends) - 1) if len(ends) > 1 else 0
        del tokens[ends[at] + 1:ends[min(at + 1, len(ends) - 1)] + 1]
    else:
        tokens.append(f"\nIdle -> {random.choice(PASSING)} -> Discard;")
    return "".join(tokens)


WAYS: tuple[Callable[[str, Random], str], ...] = (character, token, argument, connection, name, plausible,
                                                      plausible)


def mutated(text: str, random: Random) -> str:
    """The text, changed in one to four ways; sometimes it is still right."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = random.choice(WAYS)(text, random)
    return text

"""Ten thousand elements are read in about a second of processor time: nothing is quadratic."""

import time

import pytest

COUNT = 10_000
FEW = 2_000
SHAPES = {
    "declarations": "".join(f"n{i} :: Null({i}, $x);\n" for i in range(COUNT))
    + "".join(f"n{i} -> n{i + 1};\n" for i in range(COUNT - 1)),
    "one chain": "Idle " + "-> Null " * COUNT + "-> Discard",
    "backwards": ";".join(f"n{i} :: Null" for i in range(COUNT)) + "; Idle -> Queue -> "
    + " -> ".join(f"n{i}" for i in reversed(range(COUNT))) + " -> Unqueue -> Discard",
    "compounds": "elementclass C { $a | -> Paint($a) -> Null -> } Idle " + "-> C(1) " * (FEW) + "-> Discard",
    "anonymous compounds": "Idle " + "-> { -> Null -> } " * FEW + "-> Discard",
    "groups": "Idle " + "-> ( -> Null -> ) " * FEW + "-> Discard",
    "undeclared": ";".join(f"x{i} -> y{i}" for i in range(FEW)),
    "redeclared": ";".join(["x :: Null"] * FEW),
    "syntax errors": "} %\n" * FEW,
    "line directives": '# 5 "f"\na :: Idle;\n' * FEW,
    "a long configuration string": f"x :: Idle({'1.2.3.4/5 6, ' * FEW * 5})",
    "a wide connection": "t :: Tee; Idle -> t; t => " + ", ".join(["Discard"] * FEW),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_thousands_of_anything(read, shape: str) -> None:
    start = time.process_time()
    read(SHAPES[shape])
    assert time.process_time() - start < 5

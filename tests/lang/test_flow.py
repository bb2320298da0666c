"""Port counts, processing codes and flow codes of section 7."""

import pytest

from netos.lang.flow import CodeError, check_flow, flow_matrix, flow_sources, flow_targets, port_counts, port_processing


@pytest.mark.parametrize(("code", "used", "counts"), [
    ("1/1", (0, 0), (1, 1)), ("1/1", (5, 5), (1, 1)), ("2", (0, 0), (2, 2)), ("0/0", (1, 1), (0, 0)),
    ("1-/0", (3, 0), (3, 0)), ("1-/0", (0, 0), (1, 0)), ("1/1-2", (1, 0), (1, 1)), ("1/1-2", (1, 2), (1, 2)),
    ("1/1-2", (1, 3), (1, 2)), ("-/-", (0, 7), (0, 7)), ("-", (2, 0), (2, 0)), ("0-3/0", (9, 9), (3, 0)),
    ("1-/=", (3, 1), (3, 3)), ("1-/=", (0, 4), (4, 4)), ("1/=", (1, 3), (1, 1)), ("-/=+", (2, 0), (2, 3)),
    ("-/=++", (0, 5), (3, 5)), ("-/=", (0, 0), (0, 0)),
])
def test_port_counts(code: str, used: tuple[int, int], counts: tuple[int, int]) -> None:
    assert port_counts(code, *used) == counts


@pytest.mark.parametrize("code", ["", "x/1", "1/", "/1", "1-2-3/1", "1/=-", "=/1", "1 /1"])
def test_bad_port_counts(code: str) -> None:
    with pytest.raises(CodeError):
        port_counts(code, 0, 0)


@pytest.mark.parametrize(("code", "letters"), [
    ("h/l", ("hh", "lll")), ("a", ("aa", "aaa")), ("hl/ah", ("hl", "ahh")), ("L/HLA", ("ll", "hla")),
    ("lh", ("lh", "lhh")),
])
def test_processing_codes_repeat_their_last_letter(code: str, letters: tuple[str, str]) -> None:
    assert port_processing(code, 2, 3) == letters
    assert port_processing(code, 0, 0) == ("", "")


@pytest.mark.parametrize("code", ["", "/h", "h/", "x/h", "h/h/h"])
def test_bad_processing_codes(code: str) -> None:
    with pytest.raises(CodeError):
        port_processing(code, 1, 1)


@pytest.mark.parametrize(("code", "matrix"), [
    ("x/x", ["111", "111", "111"]),
    ("xy/x", ["111", "000", "000"]),
    ("x/y", ["000", "000", "000"]),
    ("#/#", ["100", "010", "001"]),
    ("#/[^#]", ["011", "101", "110"]),
    ("xy/[xy]x", ["111", "100", "100"]),
    ("xyz/zyx", ["001", "010", "100"]),
    ("[xy]z/xyz", ["110", "001", "001"]),
    ("[^x]/xy", ["011", "011", "011"]),
    ("X/x", ["000", "000", "000"]),
    ("x#/#x", ["011", "000", "000"]),
])
def test_flow_codes(code: str, matrix: list[str]) -> None:
    assert flow_matrix(code, 3, 3) == [[cell == "1" for cell in row] for row in matrix]


def test_flow_targets_and_sources_are_the_rows_and_columns_of_the_matrix() -> None:
    for code in "x/x", "xy/[xy]x", "#/[^#]", "[^x]/xy":
        matrix = flow_matrix(code, 4, 3)
        assert [flow_targets(code, 4, 3, port) for port in range(4)] == [
            [way for way in range(3) if matrix[port][way]] for port in range(4)]
        assert [flow_sources(code, 4, 3, port) for port in range(3)] == [
            [way for way in range(4) if matrix[way][port]] for port in range(3)]


@pytest.mark.parametrize("code", ["", "x", "x/", "/x", "x/!", "x/[x", "[x/x", "x/x/x", "1/x"])
def test_bad_flow_codes(code: str) -> None:
    with pytest.raises(CodeError):
        check_flow(code)

"""Quoting: arguments, words, quotes and variables of configuration strings come out as Click's confparse has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.lang.quoting import quote, shift_word, split_arguments, split_words, substitute, unquote

latin1 = st.text(st.characters(max_codepoint=255), max_size=40)
tricky = st.text(st.sampled_from("ab ,$\"'\\<>/*\n\r{}()[]-0x"), max_size=30)


@pytest.mark.parametrize(("text", "arguments"), [
    ("", []),
    ("  ", []),
    ("a", ["a"]),
    (" a , b ", ["a", "b"]),
    ("a,", ["a"]),
    (",", [""]),
    (",,", ["", ""]),
    (",a", ["", "a"]),
    ("a b  c", ["a b  c"]),
    ("a /* x, y */ b, c", ["a b", "c"]),
    ("a/**/b", ["a b"]),
    ("/* x */ a // y, z\n, b /* end */", ["a", "b"]),
    ("a // to the end", ["a"]),
    ('"a, b", \'c, "d\', \\<00, 01>', ['"a, b"', "'c, \"d'", "\\<00, 01>"]),
    ('"a\\", b", c', ['"a\\", b"', "c"]),
    ("'a\\', b", ["'a\\'", "b"]),
    ('"\\<22,>"', ['"\\<22,>"']),
    ("\\<00 /* > , */ 01>, b", ["\\<00 /* > , */ 01>", "b"]),
    ("/* open, comment", []),
    ('"open, quote', ['"open, quote']),
    ("a\\, b", ["a\\", "b"]),
    ("10.0.0.0/8 0, 1/2", ["10.0.0.0/8 0", "1/2"]),
])
def test_split_arguments(text: str, arguments: list[str]) -> None:
    assert split_arguments(text) == arguments


@pytest.mark.parametrize(("text", "words"), [
    ("", []),
    (" a  b\tc\n", ["a", "b", "c"]),
    ("a/*x*/b //y\n c", ["a", "b", "c"]),
    ("\"a b\"c 'd e' \\<0 1> f", ['"a b"c', "'d e'", "\\<0 1>", "f"]),
    ("a,b 1/2 / c", ["a,b", "1/2", "/", "c"]),
    ("a\xa0b \x1c c", ["a\xa0b", "\x1c", "c"]),
])
def test_split_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_shift_word() -> None:
    assert shift_word(" KEY  a b ") == ("KEY", "a b ")
    assert shift_word('"a b" /* x */ c') == ('"a b"', "c")
    assert shift_word(" // nothing") == ("", "")


@pytest.mark.parametrize(("text", "plain"), [
    ("a b", "a b"),
    ("\"a\"b'c'", "abc"),
    ("'a\\n\"'", 'a\\n"'),
    ("\"it's\"", "it's"),
    ("a\\nb", "a\\nb"),
    (r'"\a\b\f\n\r\t\v"', "\a\b\f\n\r\t\v"),
    (r'"\1\12\1234"', "\1\nS4"),
    (r'"\777"', "\xff"),
    (r'"\x41\x1234g\xg"', "A4g\0g"),
    ('"a\\\nb\\\r\nc\\\rd"', "abcd"),
    (r'"\q\"\\\$"', 'q"\\$'),
    (r'"\<41 4/* 2 */2 z4 3 4>"', "ABC"),
    (r"x\<41 42>y", "xABy"),
    (r"'\<41>'", r"\<41>"),
    ("\\<41 // 42 >\n 43", "AC"),
    ('"open', "open"),
    ("'open", "open"),
    ('"open\\', "open\\"),
    ("\\", "\\"),
])
def test_unquote(text: str, plain: str) -> None:
    assert unquote(text) == plain


@pytest.mark.parametrize(("plain", "text"), [
    ("", '""'),
    ("a b", '"a b"'),
    ('\\"$', r'"\\\"\$"'),
    ("\t\r\n", r'"\t\r\n"'),
    ("\0\x1f\x7f\xff", r'"\000\037\177\377"'),
    ("'", '"\'"'),
])
def test_quote(plain: str, text: str) -> None:
    assert quote(plain) == text


@given(latin1)
def test_a_quoted_text_is_one_argument_one_word_and_unquotes_to_itself(text: str) -> None:
    assert unquote(quote(text)) == text
    assert split_arguments(quote(text)) == [quote(text)]
    assert split_words(quote(text)) == [quote(text)]
    assert substitute(quote(text), lambda name: "replaced") == quote(text)


@given(st.lists(latin1, min_size=1, max_size=5))
def test_joined_arguments_come_apart_again(texts: list[str]) -> None:
    quoted = [quote(text) for text in texts]
    assert split_arguments(", ".join(quoted)) == quoted
    assert split_words(" ".join(quoted)) == quoted


@given(tricky)
def test_any_text_is_split_unquoted_and_substituted_without_an_exception(text: str) -> None:
    for argument in split_arguments(text):
        for word in split_words(argument):
            unquote(word)
    word, rest = shift_word(text)
    assert [word, *split_words(rest)] == (split_words(text) or [""])
    assert substitute(text, {}.get) == text or "-" in text
    substitute(text, lambda name: text)


VALUES = {"x": "1", "two": "a b", "q": '"a, b"', "n": "7", "chain": "$x", "list": "10 '20 21' 30", "empty": ""}


@pytest.mark.parametrize(("text", "result"), [
    ("$x", "1"),
    ("$x+${x}$n", "1+17"),
    ("$x1", "$x1"),
    ("$unknown ${unknown}", "$unknown ${unknown}"),
    ("${unknown-5} ${x-5} ${empty-5}", "5 1 "),
    ("${unknown-$x} ${unknown-${x}}", "1 1"),
    ("${unknown-}.", "."),
    ("${list[0]} ${list[1]} ${list[3]}.", "10 '20 21' ."),
    ("'$x'", "'$x'"),
    ('"$x"', '"1"'),
    ('"<$q>"', '"<a, b>"'),
    ('"it\'s $x"', '"it\'s 1"'),
    (r'"\$x"', r'"\$x"'),
    ("\"it's\" '$x' $x", "\"it's\" '$x' 1"),
    ("$q", '"a, b"'),
    ("$chain", "1"),
    ("$x /* $x */ $x // $x\n$x", "1 /* $x */ 1 // $x\n1"),
    ("$$ $? $# $", "$$ $? $# $"),
    ("${x", "${x"),
    ("$(c.count)", "$(c.count)"),
    ("$", "$"),
    ("100$", "100$"),
])
def test_substitute(text: str, result: str) -> None:
    assert substitute(text, VALUES.get) == result


def test_special_names_are_looked_up() -> None:
    assert substitute("$$ $? $#", {"$": "123", "?": "0", "#": "2"}.get) == "123 0 2"


def test_values_that_name_themselves_end_at_the_depth_limit() -> None:
    assert substitute("$a", {"a": "$a"}.get) == "$a"
    assert substitute("$a", {"a": "($a)"}.get).count("(") == 11


def test_values_that_multiply_do_not_grow_without_bounds() -> None:
    values = {name: f"${following}" * 10 for name, following in zip("abcdefghij", "bcdefghija")}
    assert len(substitute("$a", values.get)) < 10_000_000


def test_values_are_left_alone_when_not_recursive() -> None:
    assert substitute("$chain ${chain}", VALUES.get, recursive=False) == "$x $x"


def test_calls_are_made_only_when_asked_for() -> None:
    assert substitute('a$(f "(" (b))c', VALUES.get, call=lambda inside: f"[{inside}]") == 'a[f "(" (b)]c'
    assert substitute("\"$(f)\"", VALUES.get, call=lambda inside: '"\n"') == '"\\n"'
    assert substitute("$(f", VALUES.get, call=lambda inside: "no") == "$(f"


def test_scanning_is_linear() -> None:
    for unit in ("a, ", "'", '"\\', "/*", "\\<", "/* */", "$x", "${", "$(", "//\n"):
        text = unit * 20_000
        split_arguments(text)
        split_words(text)
        unquote(text)
        substitute(text, {}.get, call=lambda inside: None)
    text = "$x, " * 20_000
    assert substitute(text, VALUES.get).count("1") == 20_000

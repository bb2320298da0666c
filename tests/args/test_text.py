"""Text arguments: what must be quoted, what quoting yields, and what is written back."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.args import Byte, Data, FileName, Keyword, ListOf, OneOf, Raw, Remaining, Text, Word
from netos.errors import ArgumentError
from netos.lang.quoting import split_arguments

LATIN_1 = st.text(st.characters(max_codepoint=255))


@pytest.mark.parametrize(("text", "value"), [
    ("abc", "abc"), ('"a b"', "a b"), ("'a b'", "a b"), ('a"b c"d', "ab cd"), ('""', ""), ("''", ""),
    (r'"\t\x41\101"', "\tAA"), (r"\<41 42>", "AB"), ("a,b", "a,b")])
def test_strings(text, value):
    assert Text().parse(text) == value
    assert Data().parse(text) == value.encode("latin-1")


@pytest.mark.parametrize("text", ["", "a b", '"a" "b"', "a /* c */ b"])
def test_a_string_is_one_word(text):
    for kind in (Text(), Data()):
        with pytest.raises(ArgumentError, match=r"parse error: .*double quotes"):
            kind.parse(text)


def test_data_has_any_byte():
    assert Data().parse(r"\<00 ff 8>") == b"\x00\xff"
    assert Data().parse('"\xe9"') == b"\xe9"


@given(LATIN_1)
def test_strings_read_back_as_one_argument(value):
    [argument] = split_arguments(Text().unparse(value))
    assert Text().parse(argument) == value


@given(st.binary())
def test_data_reads_back_as_one_argument(value):
    [argument] = split_arguments(Data().unparse(value))
    assert Data().parse(argument) == value


def test_text_that_needs_no_quotes_gets_none():
    assert [Text().unparse(value) for value in ("abc", "a.b/c-1", "", "a b", "a//b", "$x", "a,b")] == [
        "abc", "a.b/c-1", '""', '"a b"', '"a//b"', r'"\$x"', '"a,b"']


def test_words():
    assert [Word().parse(text) for text in ("abc", "a-b!$()", '"abc"', "[0-9]~")] == ["abc", "a-b!$()", "abc", "[0-9]~"]


@pytest.mark.parametrize("text", ["", '"a b"', "a b", '"a,b"', r"a\b", "caf\xe9", "'\"'", '"a\nb"'])
def test_what_is_no_word(text):
    with pytest.raises(ArgumentError, match=r"parse error: .*is not a word"):
        Word().parse(text)


def test_keywords():
    assert Keyword().parse("IP_src:1.x?!") == "IP_src:1.x?!"
    for text in ("a/b", "a b", "$a", ""):
        with pytest.raises(ArgumentError, match="is not a keyword"):
            Keyword().parse(text)


@given(LATIN_1)
def test_raw_text_is_untouched(text):
    for kind in (Raw(), Remaining()):
        assert kind.parse(text) == text
        assert kind.unparse(text) == text


def test_choices():
    contents = OneOf("NONE", "HEX", "ASCII")
    assert contents.name == "NONE | HEX | ASCII"
    assert contents.parse("HEX") == contents.parse('"HEX"') == "HEX"
    with pytest.raises(ArgumentError, match=r"parse error: 'ASCI' is none of NONE, HEX, ASCII; did you mean ASCII\?$"):
        contents.parse("ASCI")
    with pytest.raises(ArgumentError, match="did you mean HEX"):
        contents.parse("hex")
    with pytest.raises(ArgumentError, match=r"is none of NONE, HEX, ASCII$"):
        contents.parse("zzz")


def test_lists_are_of_words():
    numbers = ListOf(Byte)
    assert numbers.name == "list of byte"
    assert numbers.parse("1 2\t0x3") == (1, 2, 3)
    assert numbers.parse("") == ()
    assert numbers.unparse((1, 2)) == "1 2"
    with pytest.raises(ArgumentError, match="out of range, bound 255"):
        numbers.parse("1 256")


@given(st.lists(LATIN_1))
def test_lists_read_back(values):
    assert ListOf(Text()).parse(ListOf(Text()).unparse(tuple(values))) == tuple(values)


def test_file_names(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    names = ["a.txt", "-", "~/a", "a//b///c", '"a b"', "~no_such_user_here/x"]
    assert [FileName().parse(name) for name in names] == [
        "a.txt", "-", "/home/somebody/a", "a/b/c", "a b", "~no_such_user_here/x"]


@pytest.mark.parametrize("text", ["", '""', "a b", r"a\<00>"])
def test_what_is_no_file_name(text):
    with pytest.raises(ArgumentError, match=r"parse error: .*is not a file name"):
        FileName().parse(text)


@given(st.binary(min_size=1).filter(lambda name: not {b"~", b"\0", b"/"} & {name[i:i + 1] for i in range(len(name))}))
def test_file_names_of_any_bytes_read_back(name):
    path = os.fsdecode(name)
    assert FileName().parse(FileName().unparse(path)) == path

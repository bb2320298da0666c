"""Lexing: section 1 of the Click language, bullet by bullet."""

import pytest

from netos.errors import Diagnostics
from netos.lang.lexer import END, Lexer
from netos.lang.sources import Source


def lex(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The tokens of a text and the complaints about it."""
    diagnostics = Diagnostics()
    lexer = Lexer(Source(text, "f"), diagnostics)
    tokens = []
    while (token := lexer.next()).kind != END:
        tokens.append((token.kind, token.text))
    return tokens, [entry.message for entry in diagnostics]


def kinds(text: str) -> list[str]:
    """The kinds of the tokens of a text."""
    return [kind for kind, _ in lex(text)[0]]


def words(text: str) -> list[str]:
    """The tokens of a text as written."""
    return [word for _, word in lex(text)[0]]


def test_identifiers_have_components_between_single_slashes() -> None:
    assert words("a/b_1@2 /c/ d//e") == ["a/b_1@2", "/", "c", "/", "d"]
    assert words("12 Aa aA") == ["12", "Aa", "aA"]
    assert set(kinds("a 0 @ _x A/9")) == {"identifier"}


@pytest.mark.parametrize("word", ["elementclass", "require", "define", "provide"])
def test_keywords(word: str) -> None:
    assert kinds(word) == [word]
    assert kinds(word + "s") == ["identifier"]


def test_variables() -> None:
    assert lex("$a_1 $ $x/y")[0] == [("variable", "$a_1"), ("variable", "$"), ("variable", "$x"), ("/", "/"),
                                     ("identifier", "y")]


def test_punctuation_takes_the_longest_token() -> None:
    assert words("->=>::||...|:-.=") == ["->", "=>", "::", "||", "...", "|", ":", "-", ".", "="]
    assert words("==>~>") == ["=", "=>", "~", ">"]


def test_comments_end_an_identifier() -> None:
    assert words("a/*x*/b//c\nd/**/e /* // */ f") == ["a", "b", "d", "e", "f"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_all_three_line_ends_count_as_one(end: str) -> None:
    source = Source(f"a{end}{end} b", "f")
    assert str(source.location(source.text.index("b"))) == "f:3:2"
    assert words(f"a // x{end}b") == ["a", "b"]


def test_columns_and_lines_start_at_one() -> None:
    assert str(Source("a", "f").location(0)) == "f:1:1"
    assert Source("a", "f").location(0).landmark == "f:1"


@pytest.mark.parametrize(("directive", "landmark"), [
    ('# 7 "g"', "g:7"),
    ('#line 7 "g"', "g:7"),
    ("# 7", "f:7"),
    ('#7 "g" 2 3', "g:7"),
    ('# 7 ""', "f:7"),
    ('# 7 "a\\"b"', 'a"b:7'),
])
def test_line_directives_rename_what_follows(read, directive: str, landmark: str) -> None:
    errors = read(f"{directive}\nx;", "f").diagnostics.errors
    assert [error.location.landmark for error in errors] == [landmark]


def test_an_empty_file_name_restores_the_original_one(read) -> None:
    result = read('# 7 "g"\nx;\n# 9 ""\ny;\n', "f")
    assert [error.location.landmark for error in result.diagnostics.errors] == ["g:7", "f:9"]


def test_line_directives_work_inside_configuration_strings(read) -> None:
    result = read('a :: Paint(1,\n# 20 "g"\n2); x', "f")
    assert result.configuration("a") == "1,\n\n2"
    assert [error.location.landmark for error in result.diagnostics.errors] == ["g:20"]


def test_line_directives_are_nothing_special_elsewhere(read) -> None:
    assert read("x :: Idle; # 5").complaints() == ["syntax error near '#'", "undeclared element '5'"]
    assert read("x :: Paint('\n# 5 \"g\"\n', a # b)").configuration("x") == "'\n# 5 \"g\"\n', a # b"


def test_other_directives_are_errors(read) -> None:
    assert read("#include <x>\n").complaints() == ["unknown preprocessor directive"]
    assert read("x :: Idle(\n#pragma\n)").complaints() == ["unknown preprocessor directive"]


@pytest.mark.parametrize("text", [
    "a, (b), ((c) d)",
    "')', \")\", \\<29 ) 29>",
    '"\\")", \'\\\'',
    "/* ) */ a // )\n",
    '"\\<22 " )>"',
    "a\\, b / c",
    "",
    "\n a \n",
])
def test_a_configuration_string_goes_to_the_matching_parenthesis(read, text: str) -> None:
    result = read(f"x :: Idle({text}); y :: Idle")
    assert result.complaints() == []
    assert result.configuration("x") == text
    assert result.names() == ["x", "y"]


@pytest.mark.parametrize(("text", "column"), [("x :: Idle(a", 10), ("x :: Idle((a)", 10), ("x :: Idle(\\<00)", 10)])
def test_an_unclosed_parenthesis_is_shown_where_it_opens(read, text: str, column: int) -> None:
    errors = read(text).diagnostics.errors
    assert [(error.message, error.location.column) for error in errors] == [("syntax error: missing ')'", column)]


def test_an_unclosed_quote_is_shown_where_it_opens(read) -> None:
    errors = read("x :: Idle('a)").diagnostics.errors
    assert errors[0].message == "syntax error: missing ' to end the quoted text"
    assert errors[0].location.column == 11


def test_all_digit_components_are_no_names(read) -> None:
    assert read("1/x :: Idle").complaints() == ["element name '1/x' has all-digit component"]
    assert read("x/12 :: Idle; 1 :: Idle; x1 :: Idle").complaints() == [
        "element name 'x/12' has all-digit component", "element name '1' has all-digit component"]


def test_provide_is_reserved(read) -> None:
    assert read("provide(x); a :: Idle").complaints() == ["syntax error near 'provide'"]


def test_there_is_no_long_double_arrow(read) -> None:
    complaints = read("a, b :: Idle; a ==> b").complaints()
    assert complaints == ["syntax error near '='", "syntax error near '=>'"]

"""define and require: variables, packages and libraries (section 2)."""

from pathlib import Path

import pytest


def test_definitions_are_simultaneous_in_a_scope(read) -> None:
    result = read("x :: Idle($a, $c); define($a $b, $b 2) define($c $a)")
    assert (result.complaints(), result.configuration("x")) == ([], "2, 2")


def test_definitions_keep_their_quotes_and_may_be_empty(read) -> None:
    result = read("""define($a "x, y" z, $b) x :: Idle($a, <$b>, "$a")""")
    assert result.configuration("x") == '"x, y" z, <>, "x, y z"'


def test_definitions_in_a_group_belong_to_the_scope_around(read) -> None:
    assert read("( define($a 1) ); x :: Idle($a)").configuration("x") == "1"


def test_a_parameter_is_defined_once(read) -> None:
    assert read("define($x 1, $x 2)").complaints() == ["parameter '$x' multiply defined"]
    assert read("define($x 1) { define($x 2) a :: Idle($x) }").configuration("@1/a") == "2"


@pytest.mark.parametrize("text", ["define(x 1)", "define($ 1)", "define($x-y 1)"])
def test_only_variables_are_defined(read, text: str) -> None:
    assert read(text).complaints() == ["bad 'define' declaration: not a variable"]


def test_the_command_line_overrides_the_top_level_only(read) -> None:
    text = "define($x 1) a :: Idle($x, $y); { define($x 3) b :: Idle($x) }"
    result = read(text, definitions={"x": "2", "y": "9"})
    assert (result.configuration("a"), result.configuration("@2/b")) == ("2, 9", "3")


def test_packages(read) -> None:
    assert read("require(package userlevel, click)").graph.requirements == [
        ("package", "userlevel"), ("package", "click")]
    assert read("require(nosuch)").complaints() == ["requirement 'nosuch' not available"]
    assert read("require(package nosuch, package other)").complaints() == [
        "requirement 'nosuch' not available", "requirement 'other' not available"]


def test_malformed_requirements(read) -> None:
    assert read("require(package a b)").complaints() == ["syntax error at requirement"]
    assert read("require()").complaints() == []


def test_compact_config(read) -> None:
    result = read("require(compact_config) x :: Idle( 1 ,/*c*/ 2, )")
    assert (result.graph.requirements, result.configuration("x")) == ([("compact_config", "")], "1, 2")
    assert result.text.startswith("require(compact_config);\n\n")


def test_libraries_are_read_in_place_and_once(read, tmp_path: Path) -> None:
    (tmp_path / "lib.click").write_text("elementclass C { a :: Idle }\nx :: C")
    result = read("require(library lib.click) require(library ./lib.click) y :: C", str(tmp_path / "main.click"))
    assert (result.complaints(), result.names()) == ([], ["x/a", "y/a"])


def test_libraries_are_looked_for_beside_the_requiring_file_then_on_the_path(read, tmp_path: Path) -> None:
    for folder, name in (("a", "x"), ("path", "y"), ("path/conf", "z"), ("path", "x")):
        (tmp_path / folder).mkdir(exist_ok=True, parents=True)
        (tmp_path / folder / f"{name}.click").write_text(f"{folder.replace('/', '_')}_{name} :: Idle;")
    result = read("require(library x.click, library y.click, library z.click)", str(tmp_path / "a" / "main.click"),
                  search_path=[str(tmp_path / "path")])
    assert (result.complaints(), result.names()) == ([], ["a_x", "path_y", "path_conf_z"])


def test_libraries_require_relative_to_themselves(read, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.click").write_text("require(library two.click)")
    (tmp_path / "sub" / "two.click").write_text("require(library one.click) x :: Idle")
    assert read("require(library sub/one.click)", str(tmp_path / "main.click")).names() == ["x"]


def test_errors_in_libraries_say_so(read, tmp_path: Path) -> None:
    (tmp_path / "lib.click").write_bytes(b"\n x :: Nil; // \xff")
    result = read("require(library lib.click)", str(tmp_path / "main.click"))
    error = result.diagnostics.errors[0]
    assert str(error.location) == f"{tmp_path}/lib.click:2:7"
    assert result.graph.source_lines.line(error.location) == " x :: Nil; // \xff"


def test_libraries_are_for_the_file_scope(read, tmp_path: Path) -> None:
    (tmp_path / "lib.click").write_text("x :: Idle")
    for text in "{ require(library lib.click) }", "( require(library lib.click) )":
        assert read(text, str(tmp_path / "main.click")).complaints() == [
            "require(library lib.click) must be used at file scope"]


def test_missing_and_unreadable_libraries(read, tmp_path: Path) -> None:
    assert read("require(library nosuch.click)").complaints() == ["library 'nosuch.click' not found"]
    assert read("require(library 'a\0b')").complaints() == ["library 'a\0b' not found"]
    (tmp_path / "lib.click").write_text("!<arch>\n")
    complaints = read("require(library lib.click)", str(tmp_path / "main.click")).complaints()
    assert complaints == ["library 'lib.click' cannot be read: archive has no 'config' section"]


def test_libraries_nest_only_so_deep(read, tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}").write_text(f"require(library {number + 1}) x{number} :: Idle")
    result = read("require(library 0)", str(tmp_path / "main.click"))
    assert result.complaints() == ["libraries nested more than 50 deep"]

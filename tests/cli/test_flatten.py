"""netos flatten: the flat form, and that flattening it again changes nothing."""

from netos.cli.flatten import main
from netos.cli.main import main as command

TEXT = """require(package netos);
elementclass Pair { $a, $b | input -> x :: Paint($a) -> Paint($b) -> output }
define($v 7)
src :: Idle -> p :: Pair(1, $v) -> q :: Queue(5) -> Discard;
"""


def flatten(capfd, file, *arguments):
    status = main([str(file), *arguments])
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def test_compounds_and_variables_are_gone(capfd, tmp_path):
    (tmp_path / "x").write_text(TEXT)
    status, out, error = flatten(capfd, tmp_path / "x")
    assert (status, error) == (0, "")
    assert out == """require(package netos);

src :: Idle;
q :: Queue(5);
Discard@4 :: Discard;
p/x :: Paint(1);
p/Paint@2 :: Paint(7);

src -> p/x
    -> p/Paint@2
    -> q
    -> Discard@4;
"""
    (tmp_path / "y").write_text(out)
    assert flatten(capfd, tmp_path / "y") == (0, out, "")


def test_definitions_and_output_files(capfd, tmp_path):
    (tmp_path / "x").write_text(TEXT)
    assert flatten(capfd, tmp_path / "x", "v=9", "-o", str(tmp_path / "out")) == (0, "", "")
    assert "Paint(9)" in (tmp_path / "out").read_text()


def test_errors(capfd, tmp_path):
    (tmp_path / "x").write_text("Idle -> [3] Discard")
    status, out, error = flatten(capfd, tmp_path / "x")
    assert (status, out) == (3, "")
    assert "has no input 3" in error
    assert command(["flatten", "a", "b"]) == 2

"""The registry finds an element class by its file, and says so when something else has that name."""

import sys

import pytest

from netos.errors import NetosError
from netos.lang import ClassInfo
from netos.registry import Registry, default_registry

ELEMENT = """
class {name}:
    ports = "1/1"
    processing = "a/a"
    flow = "x/x"
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that makes files of a package called `orchard` and has it imported afresh."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(**files):
        for stem, text in {"__init__": "", **files}.items():
            family = tmp_path / "orchard" / "fruit"
            family.mkdir(parents=True, exist_ok=True)
            (tmp_path / "orchard" / "__init__.py").touch()
            (family / f"{stem}.py").write_text(text)
        return "orchard"

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "orchard"]:
        del sys.modules[name]


def test_netos_own_elements_are_found_by_name():
    found = default_registry.find("Counter")
    assert found.__name__ == "Counter"
    assert default_registry.class_info("Counter") == ClassInfo("1/1", "a/a", "x/x")
    assert "Counter" in default_registry.names()


@pytest.mark.parametrize("name", ["counter", "COUNTER", "Nonsense", "", "Decision", "Program", "__init__", "PyElement"])
def test_other_names_are_no_elements(name):
    assert default_registry.find(name) is None
    assert default_registry.class_info(name) is None


def test_every_name_is_found_and_is_an_element():
    for name in default_registry.names():
        info = default_registry.class_info(name)
        assert all(isinstance(code, str) for code in info)


def test_elements_of_another_package_are_found_even_if_they_were_asked_for_before(package):
    registry = Registry()
    assert registry.find("Apple") is None
    registry.add_package(package(apple=ELEMENT.format(name="Apple")))
    assert registry.find("Apple").__module__ == "orchard.fruit.apple"
    assert {"Apple", "Counter"} <= set(registry.names())


def test_a_class_that_is_no_element_is_not_found(package):
    registry = Registry((package(apple="class Apple: pass", pear="Pear = 3"),))
    assert registry.find("Apple") is None
    assert registry.find("Pear") is None
    assert registry.names() == []


def test_a_module_that_cannot_be_imported_is_said_when_it_is_needed(package):
    registry = Registry((package(apple="import no_such_thing", pear=ELEMENT.format(name="Pear")),))
    with pytest.raises(NetosError, match=r"Apple is in orchard\.fruit\.apple.*no_such_thing"):
        registry.find("Apple")
    assert registry.names() == ["Pear"]


def test_a_package_that_is_not_there_is_said():
    with pytest.raises(NetosError, match="'no_such_package' cannot be imported"):
        Registry(("no_such_package",)).find("Apple")


def test_somebody_elses_package_called_elements_is_told_from_ours(monkeypatch):
    import elements

    monkeypatch.delattr(elements, "NETOS_ELEMENTS")
    with pytest.raises(NetosError, match=r"is not netos's: uninstall"):
        Registry().find("Counter")


def test_a_registered_class_goes_before_a_file_and_may_have_another_name():
    registry = Registry()

    @registry.register
    class Counter:
        ports = processing = flow = "1"

    registry.register(Counter, "Tally")
    assert registry.find("Counter") is Counter
    assert registry.find("Tally") is Counter
    registry.names()
    assert registry.find("Counter") is Counter
    assert default_registry.find("Counter") is not Counter

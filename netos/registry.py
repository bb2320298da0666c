"""The registry: which class an element name of a configuration means. It finds them by file name."""

from __future__ import annotations

import importlib
import os
from typing import Any, TypeGuard

from netos.errors import NetosError
from netos.lang import ClassInfo


def is_element_class(found: object) -> TypeGuard[type[Any]]:
    """Whether something that has the name of an element class is one."""
    return (isinstance(found, type) and hasattr(found, "ports") and hasattr(found, "processing")
            and not found.__dict__.get("abstract"))


class Registry:
    """Element classes by name: those registered, then one file a class under each package's family folders."""

    def __init__(self, packages: tuple[str, ...] = ("elements",)) -> None:
        self._packages = list(packages)
        self._classes: dict[str, type[Any] | None] = {}
        self._files: dict[str, str] | None = None

    def register(self, element_class: type[Any], name: str | None = None) -> type[Any]:
        """Make a class known under its own name, or another; usable as a decorator."""
        self._classes[name or element_class.__name__] = element_class
        return element_class

    def add_package(self, package: str) -> None:
        """Look for elements in another package of the same layout: PACKAGE/FAMILY/lowercaseclass.py or .pyx."""
        if package not in self._packages:
            self._packages.append(package)
            self._files = None
            self._classes = {name: found for name, found in self._classes.items() if found}

    def find(self, name: str) -> type[Any] | None:
        """The class called `name`; None when there is none."""
        if name not in self._classes:
            module = self.files.get(name.lower())
            found = getattr(self._load(name, module), name, None) if module else None
            self._classes[name] = found if is_element_class(found) else None
        return self._classes[name]

    @staticmethod
    def _load(name: str, module: str) -> Any:
        try:
            return importlib.import_module(module)
        except ImportError as error:
            raise NetosError(f"the element class {name} is in {module}, which cannot be imported: {error} "
                             "(if netos was built for another Python, build it anew)") from error

    def class_info(self, name: str) -> ClassInfo | None:
        """What the language needs to know about a class."""
        found = self.find(name)
        return ClassInfo(found.ports, found.processing, found.flow) if found else None

    def names(self) -> list[str]:
        """Every class name there is, sorted; imports all of them, except what cannot be imported."""
        for stem, module in self.files.items():
            try:
                found = vars(importlib.import_module(module))
            except ImportError:
                continue
            for name, value in found.items():
                if name.lower() == stem and is_element_class(value):
                    self._classes.setdefault(name, value)
        return sorted(name for name, found in self._classes.items() if found)

    @property
    def files(self) -> dict[str, str]:
        """Module names by lower-case class name."""
        if self._files is None:
            self._files = {}
            for package in self._packages:
                self._files.update(self._scan(package))
        return self._files

    @staticmethod
    def _scan(package: str) -> dict[str, str]:
        try:
            root = importlib.import_module(package)
        except ImportError as error:
            raise NetosError(f"the element package {package!r} cannot be imported: {error}") from error
        if package == "elements" and not getattr(root, "NETOS_ELEMENTS", False):
            raise NetosError(f"the package `elements` at {root.__file__} is not netos's: uninstall the other package "
                             "called elements, or put netos before it on the Python path")
        found = {}
        for folder in root.__path__:
            for family in sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()):
                for entry in os.scandir(os.path.join(folder, family)):
                    stem, _, suffix = entry.name.partition(".")
                    if not stem.startswith("_") and (suffix == "py" or suffix.endswith("so")):
                        found[stem] = f"{package}.{family}.{stem}"
        return found


default_registry = Registry()

"""The registry: which class an element name of a configuration means. It finds them by file name."""

from __future__ import annotations

import importlib
import os
from typing import Any

from netos.errors import NetosError
from netos.lang import ClassInfo


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

    def find(self, name: str) -> type[Any] | None:
        """The class called `name`; None when there is none."""
        if name not in self._classes:
            module = self.files.get(name.lower())
            found = getattr(importlib.import_module(module), name, None) if module else None
            self._classes[name] = found if isinstance(found, type) else None
        return self._classes[name]

    def class_info(self, name: str) -> ClassInfo | None:
        """What the language needs to know about a class."""
        found = self.find(name)
        return ClassInfo(found.ports, found.processing, found.flow) if found else None

    def names(self) -> list[str]:
        """Every class name there is, sorted; imports all of them."""
        for stem, module in self.files.items():
            for name, value in vars(importlib.import_module(module)).items():
                if isinstance(value, type) and name.lower() == stem and hasattr(value, "ports"):
                    self._classes[name] = value
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
                    if suffix == "py" or suffix.endswith("so"):
                        found[stem] = f"{package}.{family}.{stem}"
        return found


default_registry = Registry()

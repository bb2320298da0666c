"""Coverage of .pyx files: Cython's coverage plugin, told that the C files are in build/coverage/cython."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from Cython.Coverage import Plugin

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "build" / "coverage" / "cython"


class TreePlugin(Plugin):  # type: ignore[misc]
    """Finds the C file of a source of this tree; Cython looks beside the source."""

    # Cython's own name for it; there is no other way to say where the C files are.
    def _find_source_files(self, filename: str) -> tuple[str | None, str | None]:
        path = Path(filename)
        generated = GENERATED / path.relative_to(ROOT).with_suffix(".c") if path.is_relative_to(ROOT) else None
        return (str(generated), None) if generated is not None and generated.exists() else (None, None)


def coverage_init(registry: Any, options: dict[str, str]) -> None:
    """What coverage calls a plugin by."""
    plugin = TreePlugin()
    registry.add_configurer(plugin)
    registry.add_file_tracer(plugin)

"""The names of `import netos`: there when asked for, and the import costs nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

import netos


def test_the_public_names_are_there():
    from netos import Builder, Packet, PyElement, Router

    assert [name.__module__ for name in (Builder, Packet, PyElement, Router)] == [
        "netos.builder", "netos.packet_handle", "netos.pyelement", "netos.router"]
    assert isinstance(netos.__version__, str)
    assert set(netos.__all__) <= set(dir(netos))


def test_there_are_no_other_names():
    with pytest.raises(AttributeError, match="module 'netos' has no attribute 'Ruoter'"):
        netos.Ruoter  # noqa: B018
    with pytest.raises(ImportError):
        from netos import Ruoter  # noqa: F401


def test_importing_netos_imports_nothing():
    script = "import sys; before = set(sys.modules); import netos; print(*sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True,
                            cwd=Path(netos.__file__).parent.parent)
    assert result.stdout.split() == ["netos"]

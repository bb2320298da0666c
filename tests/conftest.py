"""Make sure that the build under test is the one that is meant (NETOS_EXPECT_BUILD, which `make asan` sets)."""

import os

import pytest


def pytest_configure(config):
    """Refuse to test the in-place build where another is asked for."""
    expected = os.environ.get("NETOS_EXPECT_BUILD")
    if expected is None:
        return
    import elements.standard.counter
    import netos.packet

    for module in (netos.packet, elements.standard.counter):
        if not os.path.realpath(module.__file__).startswith(os.path.realpath(expected) + os.sep):
            raise pytest.UsageError(f"{module.__name__} comes from {module.__file__}, not from {expected}")

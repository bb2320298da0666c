"""Errors: they carry what a front end needs, and read well as they are."""

import pytest

from netos.errors import ArgumentError, ConfigError, DeviceError, Diagnostic, Diagnostics, Location, NetosError


@pytest.mark.parametrize(("location", "text", "landmark"), [
    (Location("f", 3, 4), "f:3:4", "f:3"), (Location("f", 3), "f:3", "f:3"), (Location("f"), "f", "f"),
])
def test_locations_know_clicks_landmark(location: Location, text: str, landmark: str) -> None:
    assert (str(location), location.landmark) == (text, landmark)


def test_diagnostics_sort_errors_from_warnings() -> None:
    warning = Diagnostic("warning", "w", Location("f", 1, 1))
    error = Diagnostic("error", "e", Location("f", 2, 1))
    diagnostics = Diagnostics([warning])
    assert not diagnostics.has_errors
    diagnostics.append(error)
    diagnostics.extend([warning])
    assert diagnostics.has_errors
    assert (diagnostics.errors, diagnostics.warnings, len(diagnostics)) == ([error], [warning, warning], 3)
    assert list(diagnostics) == [warning, error, warning]


def test_config_errors_name_every_error_and_no_warning() -> None:
    entries = [Diagnostic("error", "one", Location("f", 1, 2)), Diagnostic("warning", "no", Location("f", 2)),
               Diagnostic("error", "two", Location("f", 3))]
    error = ConfigError(Diagnostics(entries))
    assert str(error) == "f:1:2: one\nf:3: two"
    assert list(error.diagnostics) == entries
    assert isinstance(error, NetosError)


def test_argument_and_device_errors_read_well() -> None:
    assert str(ArgumentError("parse error", "LIMIT")) == "LIMIT: parse error"
    assert str(ArgumentError("too many arguments")) == "too many arguments"
    assert str(DeviceError("no such device 'tap9'", "make it with ip tuntap add")) == (
        "no such device 'tap9' (make it with ip tuntap add)")
    assert str(DeviceError("gone")) == "gone"

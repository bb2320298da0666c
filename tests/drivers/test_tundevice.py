"""Spare descriptors of the tun device: used up when it can no longer be opened, closed when it can."""

import errno
import os

import pytest

from netos.drivers import tundevice
from netos.errors import DeviceError


@pytest.fixture
def device(tmp_path, monkeypatch):
    """A file in the place of /dev/net/tun; a function that makes it refuse to be opened."""
    (tmp_path / "tun").write_text("")
    monkeypatch.setattr(tundevice, "PATH", str(tmp_path / "tun"))
    monkeypatch.setattr(tundevice, "spares", [])

    def close(code):
        def refuse(*_arguments):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(tundevice.os, "open", refuse)
        monkeypatch.setattr(tundevice.os, "access", lambda *_arguments: False)

    yield close
    for descriptor in tundevice.spares:
        os.close(descriptor)


def test_spares_are_used_when_the_device_is_closed_to_us_each_once(device):
    tundevice.keep_spares(2)
    kept = list(tundevice.spares)
    device(errno.EACCES)
    assert tundevice.drop_needless_spares() == 2
    got = [tundevice.open_tun(), tundevice.open_tun()]
    assert sorted(got) == sorted(kept)
    with pytest.raises(DeviceError, match=r"Permission denied.*chmod 666"):
        tundevice.open_tun()
    for descriptor in got:
        os.close(descriptor)


def test_as_long_as_it_can_be_opened_no_spare_is_kept(device):
    tundevice.keep_spares(3)
    kept = list(tundevice.spares)
    assert tundevice.drop_needless_spares() == 0
    for descriptor in kept:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_a_device_that_is_missing_is_no_matter_of_rights(device):
    """A spare would make a queue of a driver that has been unloaded meanwhile."""
    tundevice.keep_spares(1)
    device(errno.ENOENT)
    with pytest.raises(DeviceError, match="modprobe tun"):
        tundevice.open_tun()
    assert len(tundevice.spares) == 1


def test_as_many_as_can_be_had(device):
    device(errno.ENOENT)
    tundevice.keep_spares(4)
    assert tundevice.spares == []

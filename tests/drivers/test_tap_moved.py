"""A tap whose interface somebody moved to another namespace is still a tap: it must not count as gone for ever."""

import pytest

from netos.drivers.tap import Tap
from netos.errors import DeviceError
from netos.testing.namespace import NetworkNamespace

pytestmark = pytest.mark.root


@pytest.fixture
def tap(namespace):
    made = Tap("nt-moved", namespace=namespace.fd, up=True)
    made.open()
    yield made
    made.close()


def test_it_is_tried_again_where_it_is(namespace, tap):
    with NetworkNamespace() as other:
        namespace.ip(f"link set nt-moved netns {other.holder.pid}")
        tap.recover()
        assert "nt-moved" in other.ip("link show dev nt-moved")
        assert "nt-moved" not in namespace.ip("link show")


def test_one_that_is_down_at_home_has_to_be_taken_up(namespace, tap):
    namespace.ip("link set nt-moved down")
    with pytest.raises(DeviceError, match="is down"):
        tap.recover()

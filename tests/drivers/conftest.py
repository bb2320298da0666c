"""What tests of devices share: a namespace with nothing but its loopback, or the reason why there is none."""

import os

import pytest

from netos.testing.namespace import NetworkNamespace, has_capability


def reason_against_taps():
    if os.geteuid() != 0 or not has_capability(21):
        return "needs root: tap devices and network namespaces"
    return "" if os.path.exists("/dev/net/tun") else "/dev/net/tun is missing: modprobe tun"


@pytest.fixture
def namespace():
    if reason_against_taps():
        pytest.skip(reason_against_taps())
    with NetworkNamespace() as made:
        yield made

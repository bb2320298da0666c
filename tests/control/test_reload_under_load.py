"""Reloads of `netos run` between taps under a stream of numbered packets: none is lost, none out of order."""

import os

import pytest

from netos.testing.namespace import namespaces_refused

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces and taps"),
    pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun"),
    pytest.mark.skipif(bool(os.geteuid() == 0 and namespaces_refused()), reason="network namespaces are refused here"),
]


@pytest.mark.parametrize("form", [(), ("--threaded",)], ids=["inline", "threaded"])
def test_packets_neighbours_and_flows_survive_reloads(form):
    """The benchmark r in small, slow enough for a machine that does something else as well."""
    from bench.reload_path import FLOWS, reloads

    result = reloads(5, 20000, *form)
    assert (result.lost, result.disordered) == (0, 0), result.losses
    assert result.sent > 1000
    assert result.kept == {"neighbours": ("1", "1"), "flows": (str(FLOWS), str(FLOWS))}
    assert len(result.switches) == 5

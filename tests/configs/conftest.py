"""Appliances on memory devices in virtual time: frames in, frames out, and every packet accounted for."""

from pathlib import Path

import pytest

from netos.lang import parse_config
from netos.registry import default_registry
from netos.testing.appliance import Appliance

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(params=[1, 7, 256, "threaded"])
def appliance(request):
    """A function that starts an appliance, at each batch width and on a thread; at the end all packets are at home."""
    started = []

    def start(file, devices, offload=False, **definitions):
        graph, diagnostics = parse_config((CONFIGS / file).read_text(), file, definitions=definitions,
                                          class_info=default_registry.class_info, class_names=default_registry.names)
        threaded = request.param == "threaded"
        made = Appliance(graph, diagnostics=diagnostics, width=256 if threaded else request.param, offload=offload,
                         threaded=threaded)
        started.append(made)
        assert set(made.ends) == set(devices)
        return made

    yield start
    for made in started:
        balance = made.cpu.balance
        ways_out = balance["sent"] + balance["consumed"] + balance["dropped"] + balance["held"]
        assert balance["received"] + balance["created"] == ways_out
        dropped_by_reason = sum(count for reasons in made.drops.values() for count in reasons.values())
        made.close()
        assert made.cpu.balance["held"] == 0, made.cpu.balance
        assert dropped_by_reason <= made.cpu.balance["dropped"]

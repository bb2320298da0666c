"""Appliances on memory devices in virtual time: frames in, frames out, and every packet accounted for."""

from pathlib import Path

import pytest

from netos.drivers.devices import give_device
from netos.drivers.memory import memory_pair
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

CONFIGS = Path(__file__).parents[2] / "configs"
START = 10**18


class Appliance:
    """A configuration with a cable at each device; what we hold is the other end."""

    def __init__(self, file, devices, definitions, width, offload):
        self.cpu = VirtualCpu(START)
        self.ends = {}
        for device in devices:
            offloads = device in offload if isinstance(offload, list) else offload
            ours, theirs = memory_pair(f"{device}-outside", device, 4096, offload=offloads)
            give_device(self.cpu, theirs)
            self.ends[device] = ours
        self.router = Router.from_text((CONFIGS / file).read_text(), file, cpu=self.cpu, definitions=definitions)
        self.router.initialize()
        self.cpu.width = width

    def send(self, device, *frames, **options):
        """Put frames on a device's cable and let the appliance do what it does in a millisecond of virtual time."""
        for frame in frames:
            self.ends[device].send(bytes(frame), **options)
        self.wait(0.001)

    def wait(self, seconds):
        """Let virtual time pass."""
        self.cpu.advance(self.cpu.now + round(seconds * 1e9))

    def received(self, device):
        """The frames that have come out of a device since the last call."""
        return self.ends[device].receive()

    @property
    def drops(self):
        """Drop counts by element and reason."""
        return self.router.drops


@pytest.fixture(params=[1, 7, 256])
def appliance(request):
    """A function that starts an appliance, at each batch width; at the end all packets must have come home."""
    started = []

    def start(file, devices, offload=False, **definitions):
        made = Appliance(file, devices, definitions, request.param, offload)
        started.append(made)
        return made

    yield start
    for made in started:
        balance = made.cpu.balance
        ways_out = balance["sent"] + balance["consumed"] + balance["dropped"] + balance["held"]
        assert balance["received"] + balance["created"] == ways_out
        dropped_by_reason = sum(count for reasons in made.drops.values() for count in reasons.values())
        made.router.close()
        assert made.cpu.balance["held"] == 0, made.cpu.balance
        assert dropped_by_reason <= made.cpu.balance["dropped"]

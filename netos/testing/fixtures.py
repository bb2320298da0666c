"""pytest fixtures for programs and protocols on netos's stack; `pytest_plugins = ["netos.testing.fixtures"]` has them.

virtual_cpu   a virtual CPU in virtual time
link          two stacks, link.left (10.0.0.1) and link.right (10.0.0.2); indirect parameters are Link's arguments
stack         a stack with the interface eth0, 02:00:00:00:00:02, 10.0.0.2/24
scapy_port    a ScapyPort on that stack, 10.0.0.1; skipped without scapy
netos_host    the host that event loops are on in this test: 127.0.0.1 alone
netos_loop    an event loop on it, for run_until_complete()
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from netos.aio.host import Host
    from netos.kernel.vcpu import VirtualCpu
    from netos.proto.stack import Stack
    from netos.testing.link import Link
    from netos.testing.scapy_port import ScapyPort

ETHER, ADDRESS = "02:00:00:00:00:02", "10.0.0.2/24"


@pytest.fixture
def virtual_cpu() -> VirtualCpu:
    """A virtual CPU in virtual time, which begins at 0."""
    from netos.kernel.vcpu import VirtualCpu

    return VirtualCpu(0)


@pytest.fixture
def link(request: pytest.FixtureRequest, virtual_cpu: VirtualCpu) -> Iterator[Link]:
    """Two stacks on a link in virtual time; bad ones by @pytest.mark.parametrize("link", [{…}], indirect=True)."""
    from netos.testing.link import Link

    made = Link(**{"cpu": virtual_cpu, **getattr(request, "param", {})})
    yield made
    made.close()


@pytest.fixture
def stack(virtual_cpu: VirtualCpu) -> Stack:
    """A stack with one Ethernet interface; its time is whatever receive() and poll() say."""
    from netos.proto.stack import Stack

    made = Stack(virtual_cpu)
    made.now = 1_000_000_000
    made.set_interface("eth0", ether=ETHER)
    made.set_addresses("eth0", [ADDRESS])
    return made


@pytest.fixture
def scapy_port(stack: Stack) -> Iterator[ScapyPort]:
    """scapy's end of the stack's cable."""
    pytest.importorskip("scapy", reason="needs scapy: pip install 'netos[scapy]'")
    from netos.testing.scapy_port import ScapyPort

    port = ScapyPort(stack)
    yield port
    port.close()


@pytest.fixture
def netos_host() -> Iterator[Host]:
    """A host with 127.0.0.1, the current one as long as the test lasts: asyncio programs never reach the network."""
    from netos.aio.host import Host

    with Host() as host:
        yield host


@pytest.fixture
def netos_loop(netos_host: Host) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop on that host; what still runs when the test ends is cancelled."""
    from netos.aio.loop import EventLoop

    loop = EventLoop(host=netos_host)
    yield loop
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()

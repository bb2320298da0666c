"""The lab in network namespaces: client and server are the host's kernel; between them are taps and netos."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import ExitStack
from typing import Any

import uvloop

from netos.cli.configuration import REFUSED, load_router, read_configuration
from netos.cli.lab_plan import Host, Plan, make_plan
from netos.cli.lab_report import Report, device_lines, drop_lines, latencies, rate
from netos.drivers.devices import give_device
from netos.drivers.tap import Tap
from netos.errors import DeviceError
from netos.kernel.boot import BootChart
from netos.kernel.inline import InlineRunner
from netos.router import Router
from netos.testing.namespace import NetworkNamespace

PORT = 5001


class NamespaceLab:
    """Makes the namespaces, runs the configuration, the tests and the report; leaves nothing behind."""

    def __init__(self, file: str, definitions: dict[str, str], seconds: float) -> None:
        self.file = file
        self.definitions = definitions
        self.seconds = seconds
        self.report = Report()
        self.signal = 0                 # the one that ended the tests
        self.namespaces: dict[str, NetworkNamespace] = {}

    def run(self) -> int:
        """The exit status: 0 when every test passed."""
        text, _ = read_configuration(self.file)
        plan = make_plan(text, self.definitions)
        from netos.kernel.vcpu import VirtualCpu

        with ExitStack() as stack:
            cpu = VirtualCpu()
            for host in plan.hosts:
                stack.callback(self.add_host(host, stack, cpu).close)
            loaded = load_router(self.file, self.definitions, chart=BootChart(), widen=256, cpu=cpu)
            if isinstance(loaded, int):
                return REFUSED
            stack.callback(loaded.close)
            self.show(plan, loaded)
            runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
            try:
                runner.run(self.tests(plan, loaded))
            except asyncio.CancelledError:
                sys.exit(128 + self.signal)
            self.report.heading("Devices")
            print("\n".join(device_lines(loaded)))
            self.report.heading("Drops")
            print("\n".join(drop_lines(loaded)))
        print("\nnetos lab: namespaces, taps and processes are gone again")
        return 1 if self.report.failed else 0

    def add_host(self, host: Host, stack: ExitStack, cpu: Any) -> Tap:
        """A namespace for the host, with a tap whose other end netos has."""
        namespace = stack.enter_context(NetworkNamespace())
        self.namespaces[host.name] = namespace
        namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        tap = Tap(host.device, prefix=host.address, up=True, offload=True, namespace=namespace.fd)
        try:
            tap.open()
        except DeviceError:
            tap.close()
            raise
        if host.gateway:
            namespace.ip(f"route add default via {host.gateway}")
        give_device(cpu, tap)
        return tap

    def show(self, plan: Plan, router: Router) -> None:
        """The picture: who is connected to whom, and the graph."""
        from netos.cli.picture import picture

        ends = [f"{host.name} {host.address.ip} -- {host.device}" for host in plan.hosts]
        line = f"{ends[0]} -- [ netos {self.file} ]"
        if len(plan.hosts) > 1:
            server = plan.hosts[1]
            line += f" -- {server.device} -- {server.name} {server.address.ip}"
        print(f"netos lab\n\n  {line}\n")
        print(picture(router.graph), flush=True)

    async def probe(self, host: str, *arguments: object) -> dict[str, Any]:
        """Run a probe on a host; its result, {} when it failed."""
        command = self.namespaces[host].command(sys.executable, "-m", "netos.testing.probe", *map(str, arguments))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE,
                                                       stderr=asyncio.subprocess.PIPE)
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return json.loads(output) if process.returncode == 0 and output.strip() else {}

    async def tests(self, plan: Plan, router: Router) -> None:
        """All that the lab tries, in order."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.interrupt, number, task)
        runner = InlineRunner(router.cpu, loop)
        runner.start()
        try:
            self.report.heading("Tests")
            for size in (56, 3000):
                result = await self.probe("client", "ping", plan.target, 20, size)
                answered = result.get("answered", 0)
                self.report.test(f"ping {plan.target}, {size} bytes", answered == 20,
                                 f"{answered} of 20 answered, {latencies(result.get('milliseconds', []))}")
            hops = (await self.probe("client", "traceroute", plan.target)).get("hops", [])
            self.report.test("traceroute", tuple(hops) == plan.hops, " -> ".join(hop or "*" for hop in hops))
            if "server" in self.namespaces:
                await self.transfer("client", "server", plan.target)
                await self.transfer("server", "client", str(plan.hosts[0].address.ip))
        finally:
            runner.close()

    def interrupt(self, number: int, tests: asyncio.Task[None]) -> None:
        """A signal has come: leave the tests, each of which puts its own things away."""
        self.signal = number
        tests.cancel()

    async def transfer(self, sender: str, receiver: str, address: str) -> None:
        """A TCP transfer between the hosts' kernels, every byte compared."""
        command = self.namespaces[receiver].command(sys.executable, "-m", "netos.testing.probe", "receive", str(PORT))
        server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert server.stdout is not None
        line = b""
        try:
            await server.stdout.readline()
            sent = await self.probe(sender, "send", address, PORT, self.seconds)
            line = await asyncio.wait_for(server.stdout.readline(), 20) if sent else b""
        except TimeoutError:
            pass
        finally:
            if server.returncode is None and not line:
                server.kill()
            await server.wait()
        result = json.loads(line) if line else {"bytes": 0, "seconds": 0, "equal": False}
        equal = bool(result["equal"]) and result["bytes"] == sent.get("bytes")
        self.report.test(f"TCP {sender} -> {receiver}", equal,
                         f"{rate(8 * result['bytes'], result['seconds'], 'b/s')}, {result['bytes'] >> 20} MiB, "
                         f"{'every byte equal' if equal else 'bytes DIFFER or are missing'}")

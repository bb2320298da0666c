"""The lab over memory devices, where namespaces cannot be had: the hosts are graphs too, and they make the traffic."""

from __future__ import annotations

import re
import struct
import time
from ipaddress import IPv4Address

from netos.cli.configuration import REFUSED, load_router, read_configuration
from netos.cli.lab_plan import Host, Plan, make_plan
from netos.cli.lab_report import Report, device_lines, drop_lines, rate
from netos.cli.picture import picture
from netos.drivers.devices import give_device
from netos.drivers.memory import memory_pair
from netos.kernel.boot import BootChart
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router
from netos.testing.probe import checksum

PINGS = 20
DATAGRAMS = 200_000
HOST = """
define($DEV {device}, $IP {ip}, $ETH {ether});
out :: Queue(2000) -> [0] turn :: PrioSched -> ToDevice($DEV);
arp :: ARPQuerier($IP, $ETH) -> out;
FromDevice($DEV) -> HostEtherFilter($ETH) -> kinds :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
kinds[0] -> ARPResponder($IP $ETH) -> out;
kinds[1] -> [1] arp;
kinds[2] -> Strip(14) -> CheckIPHeader -> ip :: IPClassifier(icmp type echo-reply, icmp type echo, udp, -);
ip[1] -> ICMPPingResponder -> next :: {next_hop} -> arp;
ip[2] -> got :: Counter -> Discard;
ip[3] -> Discard;
"""
CLIENT = """
ip[0] -> pings :: ICMPPingSource($IP, {target}, INTERVAL 0.01, LIMIT {pings}, ACTIVE false, VERBOSE false) -> next;
source :: InfiniteSource({datagram}, LIMIT {datagrams}, ACTIVE false)
    -> encap :: EtherEncap(0x0800, $ETH, 00:00:00:00:00:00) -> [1] turn;
"""
SERVER = "ip[0] -> Discard;"
ARP_LINE = re.compile(r"^\S+\s+\S+\s+((?:[0-9A-F]{2}-){5}[0-9A-F]{2})", re.MULTILINE)


def datagram(source: IPv4Address, target: IPv4Address) -> bytes:
    """A UDP datagram of 64 bytes, IP header first."""
    header = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 64, 0, 0, 64, 17, 0, source.packed, target.packed))
    header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return bytes(header) + struct.pack("!HHHH", 9, 9, 44, 0) + bytes(36)


class MemoryLab:
    """Runs the configuration between two graphs that play host, on one virtual CPU; it needs no privileges."""

    def __init__(self, file: str, definitions: dict[str, str]) -> None:
        self.file = file
        self.definitions = definitions
        self.report = Report()
        self.cpu = VirtualCpu()

    def run(self) -> int:
        """The exit status: 0 when every test passed."""
        text, _ = read_configuration(self.file)
        plan = make_plan(text, self.definitions)
        for host in plan.hosts:
            ends = memory_pair(host.device, f"lab-{host.name}", 2048)
            for end in ends:
                give_device(self.cpu, end)
        loaded = load_router(self.file, self.definitions, chart=BootChart(), widen=256, cpu=self.cpu)
        if isinstance(loaded, int):
            return REFUSED
        hosts = [self.host(number, host, plan) for number, host in enumerate(plan.hosts)]
        try:
            print(f"\n{picture(loaded.graph)}", flush=True)
            self.tests(plan, hosts)
            self.report.heading("Devices")
            print("\n".join(device_lines(loaded)))
            self.report.heading("Drops")
            print("\n".join(drop_lines(loaded)))
        finally:
            for router in [*hosts, loaded]:
                router.close()
        return 1 if self.report.failed else 0

    def host(self, number: int, host: Host, plan: Plan) -> Router:
        """A host as a graph: it answers ARP and pings; the client has the sources as well."""
        next_hop = f"SetIPAddress({host.gateway})" if host.gateway else "Null"
        text = HOST.format(device=f"lab-{host.name}", ip=host.address.ip, ether=f"02:00:00:00:09:{number:02x}",
                           next_hop=next_hop)
        made = datagram(host.address.ip, IPv4Address(plan.target)).hex()
        text += SERVER if number else CLIENT.format(target=plan.target, pings=PINGS, datagram=f"\\<{made}>",
                                                    datagrams=DATAGRAMS)
        return Router.from_text(text, f"<{host.name}>", cpu=self.cpu, widen=256).initialize()

    def spin(self, seconds: float, done: object = None) -> float:
        """Run until a condition holds, at most that long; the seconds it took."""
        start = time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds and not (callable(done) and done()):
            if not self.cpu.run():
                self.cpu.wait(0.005)
        return passed

    def tests(self, plan: Plan, hosts: list[Router]) -> None:
        """Ping through the appliance, then datagrams as fast as they go."""
        client = hosts[0]
        self.report.heading("Tests")
        client.write("pings.active", "true")
        self.spin(0.01 * PINGS + 1.0, lambda: client.read("pings.count") == str(PINGS))
        self.spin(0.05)
        summary = client.read("pings.summary").strip().splitlines()
        answered = next((line for line in summary if "received" in line), "")
        complete = f"{PINGS} received" in answered or f"{PINGS} packets received" in answered
        self.report.test(f"ping {plan.target}", complete, "; ".join(summary[-2:]))
        if len(hosts) > 1:
            server = hosts[1]
            known = ARP_LINE.search(client.read("arp.table"))
            client.write("encap.dst", known[1] if known else "ff:ff:ff:ff:ff:ff")
            client.write("source.active", "true")
            seconds = self.spin(5.0, lambda: int(server.read("got.count")) >= DATAGRAMS)
            got = int(server.read("got.count"))
            self.report.test("UDP client -> server", got == DATAGRAMS, f"{got} of {DATAGRAMS} datagrams of 64 bytes, "
                                                              f"{rate(got, seconds, 'packets/s')}")

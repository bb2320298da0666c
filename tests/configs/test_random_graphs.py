"""Random Click graphs under random packets: what goes in comes out, is counted as dropped, or waits in a queue."""

import gc
from ipaddress import IPv4Address

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netos.kernel.memory import arena
from netos.router import Router
from netos.testing.ip_packets import icmp_packet, tcp_packet, udp_packet

START = 10**18
PASSING = (
    "Counter", "Null", "Strip({0})", "Unstrip({0})", "Truncate({0})", "Paint({1})", "SetTimestamp", "CheckPaint({1})",
    "MarkIPHeader({1})", "CheckIPHeader", "CheckIPHeader({0})", "SetIPChecksum", "DecIPTTL", "GetIPAddress(16)",
    "DropBroadcasts", "StripIPHeader", "UnstripIPHeader", "AverageCounter", "EtherMirror", "IPGWOptions(1.2.3.4)",
    "CheckICMPHeader", "CheckUDPHeader", "CheckTCPHeader", "SetUDPChecksum", "SetTCPChecksum", "ICMPPingResponder",
    "FixIPSrc(1.2.3.4)", "EtherEncap(0x800, 1:1:1:1:1:1, 2:2:2:2:2:2)", "ICMPError(1.2.3.4, unreachable, net)",
    "ARPResponder(10.0.0.0/8 1:1:1:1:1:1)", "HostEtherFilter(1:1:1:1:1:1)",
)
PUSHING = ("PushNull", "IPFragmenter(68)", "IPFragmenter(576, HONOR_DF false)")
PULLING = ("PullNull", "Shaper({0}000)", "BandwidthShaper({0}00)")
SORTING = {
    "Tee": (2, 3), "Switch({1})": (3, 3), "PaintSwitch": (2, 3), "RoundRobinSwitch": (2, 3), "PaintTee({1})": (2, 2),
    "Classifier(0/45, 9/06%3f, -)": (3, 3), "Classifier(12/0800 14/4?, 3/00)": (2, 2), "CheckIPHeader": (2, 2),
    "IPClassifier(tcp and ip ttl < 9, dst host 10.0.0.2, -)": (3, 3), "IPFilter(1 udp, 0 all)": (2, 2),
    "StaticIPLookup(10.0.0.0/8 0, 0.0.0.0/0 1)": (2, 2), "RadixIPLookup(10.0.0.2/32 1, 10.0.0.0/30 0)": (2, 2),
    "DecIPTTL": (2, 2), "EtherSwitch": (2, 2), "Script(TYPE PACKET, return {1})": (2, 2),
}
ENDS = ("Discard", "Idle")


class Maker:
    """Draws a graph from its entry on: every port it makes, it connects."""

    def __init__(self, draw):
        self.draw = draw
        self.lines = []
        self.number = 0
        self.copies = False         # a loop through an element that copies would grow without end
        self.targets = []           # push inputs, for connections that join or loop
        self.queues = []

    def one_of(self, *choices):
        return self.draw(st.sampled_from(choices))

    def text(self, template):
        return template.format(self.draw(st.integers(0, 40)), self.draw(st.integers(0, 2)))

    def make(self, template, *, inputs=0):
        name = f"e{self.number}"
        self.number += 1
        self.lines.append(f"{name} :: {self.text(template)};")
        if inputs:
            self.targets.append(name)
        self.copies = self.copies or "Tee" in template
        return name

    def join(self, source, target):
        self.lines.append(f"{source} -> {target};")

    def push(self, source, depth):
        """Connect a push output."""
        kind = self.one_of("pass", "pass", "sort", "queue", "end", "join") if depth else self.one_of("end", "join")
        if kind == "join" and self.targets and not self.copies:
            self.join(source, self.one_of(*self.targets))
        elif kind == "pass":
            name = self.make(self.one_of(*PASSING, *PUSHING), inputs=1)
            self.join(source, name)
            self.push(name, depth - 1)
        elif kind == "sort":
            template = self.one_of(*SORTING)
            name = self.make(template, inputs=template != "EtherSwitch")
            if template == "EtherSwitch":
                self.join(source, f"[0]{name}")
                self.lines.append(f"Idle -> [1]{name};")
            else:
                self.join(source, name)
            for port in range(self.draw(st.integers(*SORTING[template]))):
                self.push(f"{name}[{port}]", depth - 1)
        elif kind == "queue":
            self.join(source, self.queue(depth))
        else:
            self.join(source, self.make(self.one_of(*ENDS)))

    def queue(self, depth):
        name = self.make("Queue({1}1)", inputs=1)
        self.queues.append(name)
        self.pull(name, depth - 1)
        return name

    def pull(self, source, depth):
        """Connect a pull output."""
        kind = self.one_of("pass", "tee", "schedule", "unqueue", "end") if depth > 0 else "end"
        if kind == "pass":
            name = self.make(self.one_of(*PASSING, *PULLING))
            self.join(source, name)
            self.pull(name, depth - 1)
        elif kind == "tee":
            name = self.make("PullTee")
            self.join(source, name)
            self.pull(f"{name}[0]", depth - 1)
            self.push(f"{name}[1]", depth - 1)
        elif kind == "schedule":
            name = self.make(self.one_of("RoundRobinSched", "PrioSched", "StrideSched(1, {1}1)", "PullSwitch(1)"))
            self.join(source, f"[0]{name}")
            other = self.make("Queue({1}1)")
            self.queues.append(other)
            self.lines.append(f"InfiniteSource(LIMIT {self.draw(st.integers(0, 9))}, BURST 2) -> {other} -> [1]{name};")
            self.pull(name, depth - 1)
        elif kind == "unqueue":
            name = self.make("Unqueue(BURST {0}1)")
            self.join(source, name)
            self.push(name, depth - 1)
        else:
            self.join(source, self.make(self.one_of(*ENDS)))


@st.composite
def graphs(draw):
    """(the configuration, its queues)."""
    maker = Maker(draw)
    maker.push("entry", draw(st.integers(1, 7)))
    return "Idle -> entry :: PushNull;\n" + "\n".join(maker.lines), maker.queues


def some_packet(kind, size, ttl):
    """Bytes that are more or less a packet."""
    payload = bytes(range(size & 255))
    whole = (udp_packet(payload), tcp_packet(payload), icmp_packet(payload=payload, ttl=ttl), bytes(size),
             b"\1" * 12 + b"\x08\0" + udp_packet(payload))[kind]
    return whole[:size]


packets = st.lists(st.builds(some_packet, st.integers(0, 4), st.integers(0, 300), st.integers(0, 3)), max_size=40)


def waiting(router, queues):
    """Packets in the queues; nothing else may hold any when the router is at rest."""
    return sum(int(router.read(f"{name}.length")) for name in queues)


def run_graph(text, queues, bursts, width):
    """Push the bursts in, let the tasks run, close: at every step nothing is lost."""
    router = Router.from_text(text, simulated=START)
    with router:
        router.cpu.width = width
        for burst in bursts:
            made = [router.packet(data) for data in burst]
            for index, packet in enumerate(made):
                packet.paint = index % 4
                if len(packet) >= 20:
                    packet.set_network_header(0, 20)
                    packet.destination = IPv4Address("10.0.0.2").packed
            copies = [packet.clone() for packet in made[::3]]
            router["entry"].push(0, made + copies)
            assert router.cpu.balance["held"] == waiting(router, queues)
            router.cpu.run_tasks_once(100)          # not until nothing is left: a loop through a queue never ends
            assert router.cpu.balance["held"] == waiting(router, queues)
        dropped = sum(sum(reasons.values()) for reasons in router.drops.values())
        assert dropped == router.cpu.balance["dropped"]
    assert router.cpu.balance["held"] == 0


def free_memory():
    gc.collect()
    facts = arena()
    return facts["small_free"], facts["large_free"], facts["descriptors_free"]


def test_a_random_graph_loses_no_packet_and_no_buffer():
    """The counters balance, and when all is closed every buffer and descriptor is back in the shared pools."""
    before = free_memory()

    @settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(graphs(), st.lists(packets, min_size=1, max_size=3), st.sampled_from((1, 7, 256)))
    def some(graph, bursts, width):
        run_graph(*graph, bursts, width)

    some()
    assert free_memory() == before

"""Replicas of a NAT choose different ports, and packets that reach the wrong one get to that which knows them."""

from contextlib import contextmanager

import pytest

from elements.firewall.nat_arguments import share_of
from netos.control.replicas import Replicas
from netos.errors import ConfigError, HandlerError
from netos.kernel.group import VcpuGroup
from netos.lang import parse_config
from netos.registry import default_registry
from netos.testing.ip_packets import icmp_packet, ip_packet, tcp_packet, udp_packet

NAT, PEER = "192.0.2.1", "198.51.100.9"
GRAPH = """
    Idle -> inside :: Paint(0) -> MarkIPHeader -> track :: ConnTrack(1000);
    Idle -> outside :: Paint(1) -> MarkIPHeader -> track;
    track -> side :: PaintSwitch;
    side[0] -> nat :: SourceNat(track, 192.0.2.1, PORTS 5000-5009) -> out :: Queue -> Idle;
    side[1] -> IPFilter(allow state established or related, drop all) -> DestinationNat(track) -> in :: Queue -> Idle;
"""
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


class Running:
    """Replicas in virtual time."""

    def __init__(self, count, text=GRAPH):
        self.group = VcpuGroup(count, simulated=0)
        graph, diagnostics = parse_config(text, "x", class_info=default_registry.class_info,
                                          class_names=default_registry.names)
        self.replicas = Replicas.build(graph, self.group.cpus, registry=default_registry, diagnostics=diagnostics)
        self.replicas.initialize()

    def send(self, replica, way, packet):
        router = self.replicas.routers[replica]
        router[way].push(0, [router.packet(packet)])

    def got(self, queue):
        """By replica, what has come out, once all have had their turns."""
        for _ in self.group.cpus:
            for cpu in self.group.cpus:
                cpu.advance(cpu.now + 1000)
        return [[bytes(packet) for packet in router[queue].pull(0, 100)] for router in self.replicas.routers]

    def port_of(self, replica, source_port):
        """The port that a new connection of a replica leaves from."""
        self.send(replica, "inside", tcp_packet(flags=SYN, source="10.0.0.2", source_port=source_port,
                                                destination=PEER, destination_port=80))
        (packet,) = self.got("out")[replica]
        return int.from_bytes(packet[20:22], "big")


@contextmanager
def running(count=2, text=GRAPH):
    made = Running(count, text)
    try:
        yield made
    finally:
        made.replicas.close()
        assert [cpu.balance["held"] for cpu in made.group.cpus] == [0] * count


def test_replicas_choose_different_ports_until_they_have_none():
    with running() as made:
        ports = [{made.port_of(replica, 1000 + number) for number in range(5)} for replica in range(2)]
        assert ports == [set(range(5000, 5005)), set(range(5005, 5010))]
        made.send(1, "inside", tcp_packet(flags=SYN, source="10.0.0.2", source_port=9, destination=PEER,
                                          destination_port=80))
        assert made.replicas.routers[1].drops == {"nat": {"no-mapping": 1}}


def test_a_packet_keeps_its_port_only_where_that_is_the_replicas_own():
    with running() as made:
        assert made.port_of(0, 5001) == 5001
        assert made.port_of(1, 5002) >= 5005


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("arrives", [0, 1])
def test_an_answer_reaches_the_replica_whose_port_it_is_for(count, arrives):
    with running(count) as made:
        for replica in range(count):
            port = made.port_of(replica, 1000)
            made.send(arrives, "outside", tcp_packet(flags=SYN_ACK, source=PEER, source_port=80, destination=NAT,
                                                     destination_port=port))
            got = made.got("in")
            assert [len(packets) for packets in got] == [number == replica for number in range(count)]
            assert got[replica][0][16:20] == bytes([10, 0, 0, 2])
        assert int(made.replicas.read("track.handed_over")) == count - 1


def test_errors_and_echo_replies_do_so_too():
    with running() as made:
        port = made.port_of(1, 1000)
        quoted = tcp_packet(flags=SYN, source=NAT, source_port=port, destination=PEER, destination_port=80)
        made.send(0, "outside", icmp_packet(3, 1, bytes(4), quoted[:28], source="203.0.113.5", destination=NAT))
        assert list(map(len, made.got("in"))) == [0, 1]
        made.send(1, "inside", icmp_packet(8, rest=b"\0\1\0\1", source="10.0.0.2", destination=PEER))
        (echo,) = made.got("out")[1]
        assert echo[24:26] >= b"\x80\0"
        made.send(0, "outside", icmp_packet(0, rest=echo[24:26] + b"\0\1", source=PEER, destination=NAT))
        assert list(map(len, made.got("in"))) == [0, 1]


PLAIN = "Idle -> i :: MarkIPHeader -> track :: ConnTrack(1000) -> out :: Queue -> Idle;"
THERE = {"source": "10.0.0.2", "destination": PEER, "source_port": 7, "destination_port": 80}
BACK = {"source": PEER, "destination": "10.0.0.2", "source_port": 80, "destination_port": 7}


@pytest.mark.parametrize("arrives", range(4))
def test_a_packet_in_the_middle_of_a_connection_is_passed_on_until_somebody_knows_it(arrives):
    """As after the kernel has forgotten where a flow went."""
    with running(4, PLAIN) as made:
        made.send(2, "i", tcp_packet(flags=SYN, **THERE))
        made.got("out")
        for flags in (SYN_ACK, ACK):
            made.send(arrives, "i", tcp_packet(flags=flags, **BACK))
            assert list(map(len, made.got("out"))) == [0, 0, 1, 0]
        assert int(made.replicas.read("track.handed_over")) == 2 * ((2 - arrives) % 4)


def test_what_nobody_knows_is_seen_by_all_once_and_what_may_begin_a_connection_stays():
    with running(4, PLAIN) as made:
        made.send(3, "i", tcp_packet(flags=ACK, **BACK))
        assert list(map(len, made.got("out"))) == [0, 0, 1, 0]
        assert int(made.replicas.read("track.handed_over")) == 3
        made.send(3, "i", tcp_packet(flags=SYN, **BACK))
        made.send(3, "i", udp_packet(source=PEER, destination="10.0.0.2"))
        made.send(3, "i", ip_packet(b"x" * 20, source=PEER, destination="10.0.0.2", protocol=47))
        assert list(map(len, made.got("out"))) == [0, 0, 0, 3]
        assert int(made.replicas.read("track.handed_over")) == 3


@pytest.mark.parametrize("replica", [0, 1])
def test_a_connection_is_killed_wherever_it_is(replica):
    with running() as made:
        made.port_of(replica, 1000)
        made.replicas.write("track.kill", f"tcp 10.0.0.2:1000 {PEER}:80")
        assert made.replicas.read("track.count") == "0"
        with pytest.raises(HandlerError, match="there is no connection"):
            made.replicas.write("track.kill", f"tcp 10.0.0.2:1000 {PEER}:80")


def test_fewer_ports_than_replicas_are_refused():
    with pytest.raises(ConfigError) as caught:
        Running(3, "Idle -> t :: ConnTrack -> SourceNat(t, 192.0.2.1, PORTS 80-81) -> Discard;")
    assert "fewer than there are virtual CPUs (3)" in str(caught.value)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
@pytest.mark.parametrize(("first", "last"), [(1024, 65535), (0, 65535), (1, 64), (5000, 5099)])
def test_parts_of_a_range_are_the_range(count, first, last):
    class Cpu:
        replicas = count

    parts = []
    for number in range(count):
        Cpu.replica = number
        parts += range(*[end + at for at, end in enumerate(share_of(first, last, Cpu))])
    assert parts == list(range(first, last + 1))


def test_rewriters_choose_from_parts_too():
    text = "Idle -> Paint(0) -> i :: MarkIPHeader -> r :: IPRewriter(pattern 192.0.2.1 6000-6003# - - 0 0) " \
           "-> out :: Queue -> Idle;"
    with running(2, text) as made:
        for replica in range(2):
            for number in range(2):
                made.send(replica, "i", udp_packet(source_port=1000 + number))
        ports = [[int.from_bytes(packet[20:22], "big") for packet in packets] for packets in made.got("out")]
        assert ports == [[6000, 6001], [6002, 6003]]
        assert len(made.replicas.read("r.table").splitlines()) == 4

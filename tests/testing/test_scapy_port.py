"""ScapyPort: scapy's functions against a stack, an appliance and a router of this process, in virtual time."""

import time
from pathlib import Path

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, ARP_am, Ether
from scapy.sendrecv import AsyncSniffer, send, sendp, sndrcv, sniff

from netos.drivers.memory import memory_pair
from netos.kernel.vcpu import VirtualCpu
from netos.lang import parse_config
from netos.proto.endpoints import TcpListener
from netos.proto.udp_endpoint import UdpEndpoint
from netos.registry import default_registry
from netos.router import Router
from netos.testing.appliance import Appliance
from netos.testing.scapy_port import ScapyPort

pytest_plugins = ["netos.testing.fixtures"]
SECOND = 10**9


def test_ping(scapy_port):
    """sr1(IP()/ICMP()) finds no address, or the answer is not taken for one."""
    answer = scapy_port.sr1(IP() / ICMP(id=7, seq=3) / b"data")
    assert (answer[ICMP].type, answer[ICMP].id, answer[ICMP].seq, bytes(answer[ICMP].payload)) == (0, 7, 3, b"data")


def test_frames_are_answered_as_frames(scapy_port):
    """srp1()'s packets get an IP packet for an answer, which scapy does not match."""
    answer = scapy_port.sr1(Ether() / IP() / ICMP())
    assert answer[Ether].src == "02:00:00:00:00:02"
    assert answer[ICMP].type == 0


def test_port_scan(stack, scapy_port):
    """Open and closed ports look alike, or an answer is lost."""
    listeners = [TcpListener(stack, ("0.0.0.0", port)) for port in (22, 80)]
    answered, unanswered = scapy_port.sr(IP() / TCP(sport=4000, dport=list(range(20, 90)), flags="S"), timeout=1)
    assert len(answered) == 70
    assert not unanswered
    assert [sent.dport for sent, got in answered if got[TCP].flags == "SA"] == [22, 80]
    assert {str(got[TCP].flags) for sent, got in answered} == {"SA", "RA"}
    for listener in listeners:
        listener.close()


def test_the_pause_between_packets_is_virtual(scapy_port):
    """`inter` sleeps in real time while the stack's stands still: what is rated by time is tried at one moment."""
    began, start = time.monotonic(), scapy_port.now
    answered, unanswered = scapy_port.sr([IP() / ICMP(seq=number) for number in range(3)], timeout=1, inter=100)
    assert (len(answered), len(unanswered)) == (3, 0)
    assert [round(sent.sent_time - start / SECOND) for sent, got in answered] == [0, 100, 200]
    assert scapy_port.sr(IP(dst="10.0.0.77") / ICMP(), timeout=1, inter=100)[0].res == []
    assert time.monotonic() - began < 50


def test_who_has(scapy_port):
    """A question by ARP is not answered, or sent to nobody."""
    for question in (ARP(pdst="10.0.0.2"), Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(pdst="10.0.0.2")):
        assert scapy_port.sr1(question)[ARP].hwsrc == "02:00:00:00:00:02"
    assert scapy_port.sr1(ARP(pdst="10.0.0.3"), timeout=1) is None


def test_dns_query_to_a_program(stack, scapy_port):
    """A program on the stack has no turn while scapy waits, or its answer is not matched with the query."""
    server = UdpEndpoint(stack, ("0.0.0.0", 53))

    def serve():
        while (got := server.receive()) is not None:
            query, found = DNS(got[0]), DNSRR(rrname="a.example", rdata="192.0.2.5")
            server.send(bytes(DNS(id=query.id, qr=1, qd=query.qd, an=found)), got[1])

    scapy_port.each = serve
    answer = scapy_port.sr1(IP() / UDP(sport=5000, dport=53) / DNS(id=9, qd=DNSQR(qname="a.example")))
    assert answer[DNS].an[0].rdata == "192.0.2.5"


def test_timeouts_are_virtual_and_exact(stack, scapy_port):
    """A timeout takes real time, ends late or early, or ends the port."""
    began, real = stack.now, time.monotonic()
    assert scapy_port.sr1(IP() / UDP(sport=1, dport=0) / ICMP(), timeout=0) is None
    assert scapy_port.sr1(IP(dst="10.0.0.2", proto=1) / ICMP(type=13), timeout=50) is None
    assert stack.now == began + 50 * SECOND
    assert len(sniff(opened_socket=scapy_port, timeout=100)) == 0
    assert stack.now == pytest.approx(began + 150 * SECOND, abs=SECOND // 100)
    assert time.monotonic() - real < 5
    assert scapy_port.sr1(IP() / ICMP())[ICMP].type == 0


def test_sniff_sees_retransmissions_at_their_times(stack, scapy_port):
    """Packets have the time of the machine, or time does not go on while scapy sniffs."""
    listener = TcpListener(stack, ("0.0.0.0", 80))
    scapy_port.send(IP() / TCP(sport=99, dport=80, flags="S"))
    began = stack.now / SECOND
    got = scapy_port.sniff(timeout=8, lfilter=lambda packet: TCP in packet)
    assert [round(float(packet.time) - began, 3) for packet in got] == [0, 1, 3, 7]
    listener.close()


def test_functions_of_scapy_take_the_port(scapy_port):
    """send(), sendp(), sndrcv() and sniff() of scapy's own do not work with the port."""
    send(IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(seq=1), socket=scapy_port, verbose=0)
    sendp(Ether(src=scapy_port.ether, dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(seq=2),
          socket=scapy_port, verbose=0)
    got = sniff(opened_socket=scapy_port, timeout=1, lfilter=lambda packet: ICMP in packet)
    assert [packet[ICMP].seq for packet in got] == [1, 2]
    frame = Ether(src=scapy_port.ether, dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(seq=3)
    answered, _ = sndrcv(scapy_port, frame, timeout=1, verbose=0, threaded=False)
    assert answered[0][1][ICMP].seq == 3


def test_answering_machines(stack, scapy_port):
    """A machine of scapy's does not answer the stack, all along or while it runs."""
    scapy_port.answer(ARP_am(IP_addr="10.0.0.50", ARP_addr="02:00:00:00:00:50", verbose=False))
    sender = UdpEndpoint(stack, None, ("10.0.0.50", 9))
    sender.send(b"one")
    got = scapy_port.sniff(timeout=1, lfilter=lambda packet: UDP in packet)
    assert (got[0].dst, bytes(got[0][UDP].payload)) == ("02:00:00:00:00:50", b"one")
    other = UdpEndpoint(stack, None, ("10.0.0.60", 9))
    other.send(b"two")
    scapy_port.am(ARP_am, IP_addr="10.0.0.60", ARP_addr="02:00:00:00:00:60", verbose=False)(count=1)
    got = scapy_port.sniff(timeout=1, lfilter=lambda packet: UDP in packet)
    assert [packet.dst for packet in got] == ["02:00:00:00:00:60"]


def test_sniffer_beside(scapy_port):
    """An AsyncSniffer misses frames, or takes those that the port itself waits for."""
    with scapy_port.sniffing(lfilter=lambda packet: ICMP in packet) as sniffer:
        for number in range(20):
            assert scapy_port.sr1(IP() / ICMP(seq=number)) is not None
    assert [(packet[ICMP].type, packet[ICMP].seq) for packet in sniffer.results] == [
        (kind, number) for number in range(20) for kind in (8, 0)]
    assert len(scapy_port.sockets) == 2


def test_async_sniffer_of_scapy(scapy_port):
    """AsyncSniffer on a tap() does not see what happens meanwhile."""
    tap = scapy_port.tap()
    sniffer = AsyncSniffer(opened_socket=tap, count=2, lfilter=lambda packet: ICMP in packet)
    sniffer.start()
    scapy_port.sr1(IP() / ICMP())
    sniffer.join(5)
    assert [packet[ICMP].type for packet in sniffer.results] == [8, 0]
    tap.close()


def test_real_time(stack):
    """With real_time a timeout passes at once."""
    port = ScapyPort(stack, real_time=True)
    began = time.monotonic()
    assert port.sr1(IP() / ICMP())[ICMP].type == 0
    assert port.sr1(IP(dst="10.0.0.2") / ICMP(type=13), timeout=0.03) is None
    assert 0.03 <= time.monotonic() - began < 5


def test_without_ethernet(virtual_cpu):
    """An interface without Ethernet gets frames."""
    from netos.proto.stack import Stack

    stack = Stack(virtual_cpu)
    stack.set_interface("tun0")
    stack.set_addresses("tun0", ["10.0.0.2/24"])
    port = ScapyPort(stack, "tun0", ethernet=False)
    assert port.sr1(IP() / ICMP())[ICMP].type == 0


RESPONDER = "FromDevice(tap0) -> ARPResponder(10.0.1.1 02:00:00:00:01:01) -> ToDevice(tap0);"


def test_appliance():
    """A port on an appliance's device gets no answer."""
    graph, diagnostics = parse_config(RESPONDER, "x", class_info=default_registry.class_info,
                                      class_names=default_registry.names)
    appliance = Appliance(graph, diagnostics=diagnostics)
    port = ScapyPort(appliance, "tap0", address="10.0.1.9/24")
    assert port.sr1(ARP(pdst="10.0.1.1"))[ARP].hwsrc == "02:00:00:00:01:01"
    with pytest.raises(ValueError, match="no device tap9: there are tap0"):
        ScapyPort(appliance, "tap9")
    appliance.close()


def test_router():
    """A port at the far end of a memory device gets nothing, or the router's timers do not run while scapy waits."""
    outside, inside = memory_pair("sp-outside", "sp-inside")
    config = r"TimedSource(2, \<ffffffffffff 020000000001 0806>) -> Queue -> ToDevice(mem:sp-inside)"
    router = Router.from_text(config, simulated=10**18).initialize()
    port = ScapyPort(router, outside)
    got = port.sniff(count=3, timeout=60)
    assert [round(float(packet.time) - 10**9) for packet in got] == [2, 4, 6]
    router.close()
    assert inside.name == "sp-inside"
    with pytest.raises(ValueError, match="in virtual time"):
        ScapyPort(Router.from_text("Idle -> Discard", cpu=VirtualCpu()), outside)


def test_mistakes(stack):
    """A port on something else, or in no time, says nothing of use."""
    with pytest.raises(TypeError, match="a Stack, an Appliance or a Router"):
        ScapyPort(3)
    with pytest.raises(ValueError, match="there is no interface eth9"):
        ScapyPort(stack, "eth9")
    with pytest.raises(OSError, match="no file descriptor"):
        ScapyPort(stack).fileno()


def test_two_ports_at_one_router():
    """The port that does not wait answers no ARP: nothing comes through a router that has to ask."""
    text = (Path(__file__).parents[2] / "configs" / "router.click").read_text()
    graph, diagnostics = parse_config(text, "router.click", class_info=default_registry.class_info,
                                      class_names=default_registry.names)
    appliance = Appliance(graph, diagnostics=diagnostics)
    inner = ScapyPort(appliance, "tap1", address="10.0.2.9/24", gateway="10.0.2.1")
    port = ScapyPort(appliance, "tap0", address="10.0.1.9/24", gateway="10.0.1.1", each=inner.run)
    assert port.sr1(IP(dst="10.0.2.9") / ICMP(), timeout=2) is None
    asked = inner.sniff(timeout=1, lfilter=lambda frame: ICMP in frame)
    assert [(frame[IP].src, frame[IP].dst, frame[IP].ttl) for frame in asked] == [("10.0.1.9", "10.0.2.9", 63)]
    appliance.close()

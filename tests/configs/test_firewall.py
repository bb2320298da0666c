"""configs/firewall.click: the inside may begin, the outside may answer, and nobody may pretend."""

import sys
from pathlib import Path

import pytest

scapy = pytest.importorskip("scapy.all")
sys.path.insert(0, str(Path(__file__).parent))

from hosts import Hosts  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP, defragment, fragment  # noqa: E402

INSIDE, OUTSIDE, ALLOWED = "10.0.1.2", "10.0.2.2", "10.0.1.80"


class Firewall:
    def __init__(self, made):
        self.made = made
        self.inside = Hosts(made, "tap0", "02:00:00:00:01:01", "02:aa:00:00:00:01")
        self.outside = Hosts(made, "tap1", "02:00:00:00:02:01", "02:aa:00:00:00:02")

    def out(self, *packets):
        """What arrives outside of packets from the inside."""
        self.inside.put(*packets)
        return self.outside.take()

    def into(self, *packets):
        """What arrives inside of packets from the outside."""
        self.outside.put(*packets)
        return self.inside.take()

    def connect(self, sport=4000, dport=80):
        """Shake hands from the inside."""
        to = {"sport": sport, "dport": dport}
        back = {"sport": dport, "dport": sport}
        assert self.out(IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=100, flags="S"))
        assert self.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=500, ack=101, flags="SA"))
        assert self.out(IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=101, ack=501, flags="A"))
        return to, back

    def read(self, handler):
        return self.made.router.read(f"track.{handler}")


@pytest.fixture
def firewall(appliance):
    return Firewall(appliance("firewall.click", ["tap0", "tap1"]))


def test_a_connection_from_the_inside_passes_both_ways(firewall):
    to, back = firewall.connect()
    (sent,) = firewall.out(IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=101, ack=501, flags="PA") / b"get")
    assert bytes(sent[TCP].payload) == b"get"
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, ack=104, flags="PA") / b"got")
    assert " established " in firewall.read("flows")


@pytest.mark.parametrize("packet", [
    TCP(sport=80, dport=4000, flags="S"), TCP(sport=80, dport=4000, flags="SA"), TCP(sport=80, dport=4000, flags="A"),
    TCP(sport=80, dport=4000, flags="R"), UDP(sport=53, dport=4000) / b"x", ICMP(type=8), ICMP(type=0),
    ICMP(type=3, code=1) / IP(src=INSIDE, dst=OUTSIDE) / UDP(sport=1, dport=2),
], ids=lambda packet: packet.summary())
def test_what_nobody_asked_for_does_not_get_in(firewall, packet):
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / packet) == []
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / packet) == []


def test_what_a_rule_allows_gets_in_and_is_answered(firewall):
    assert firewall.into(IP(src=OUTSIDE, dst=ALLOWED) / TCP(sport=9, dport=80, seq=1, flags="S"))
    assert firewall.out(IP(src=ALLOWED, dst=OUTSIDE) / TCP(sport=80, dport=9, seq=7, ack=2, flags="SA"))
    assert firewall.into(IP(src=OUTSIDE, dst=ALLOWED) / TCP(sport=9, dport=22, seq=1, flags="S")) == []


def test_a_refused_packet_opens_no_way_for_an_answer_to_it(firewall):
    """The outside tries; then the inside sends what would be the answer: a connection of its own, that is new."""
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / UDP(sport=53, dport=4000)) == []
    assert firewall.out(IP(src=INSIDE, dst=OUTSIDE) / UDP(sport=4000, dport=53))
    assert f"udp-unreplied 30 {INSIDE}:4000 > {OUTSIDE}:53" in firewall.read("flows")


def test_udp_answers_pass_until_the_timeout(firewall):
    assert firewall.out(IP(src=INSIDE, dst=OUTSIDE) / UDP(sport=4000, dport=53) / b"q")
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / UDP(sport=53, dport=4000) / b"a")
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / UDP(sport=54, dport=4000) / b"a") == []
    firewall.made.wait(119)
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / UDP(sport=53, dport=4000) / b"a")
    firewall.made.wait(121)
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / UDP(sport=53, dport=4000) / b"a") == []


def test_pings_from_the_inside(firewall):
    assert firewall.out(IP(src=INSIDE, dst=OUTSIDE) / ICMP(type=8, id=7, seq=1))
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / ICMP(type=0, id=7, seq=1))
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / ICMP(type=0, id=8, seq=1)) == []
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / ICMP(type=8, id=7, seq=1)) == []


def test_errors_about_a_connection_pass(firewall):
    to, _ = firewall.connect()
    about = IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=101, flags="A")
    assert firewall.into(IP(src="10.0.2.99", dst=INSIDE) / ICMP(type=3, code=4, nexthopmtu=1400) / about)
    other = IP(src=INSIDE, dst=OUTSIDE) / TCP(sport=4001, dport=80, seq=101, flags="A")
    assert firewall.into(IP(src="10.0.2.99", dst=INSIDE) / ICMP(type=3, code=4, nexthopmtu=1400) / other) == []


@pytest.mark.parametrize("packet", [UDP(sport=53, dport=4000) / b"12345678", TCP(sport=9, dport=22, seq=1, flags="S"),
                                    ICMP(type=8, id=7)], ids=lambda packet: packet.summary())
def test_an_error_about_what_was_refused_does_not_get_in(firewall, packet):
    """The outside tries, and then tells an inside host that its answer, which it never gave, did not arrive."""
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / packet) == []
    answer = packet.copy()
    if ICMP in packet:
        answer.type = 0
    else:
        answer.sport, answer.dport = packet.dport, packet.sport
    about = IP(src=INSIDE, dst=OUTSIDE) / answer
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / ICMP(type=3, code=4, nexthopmtu=68) / about) == []
    assert firewall.made.drops["rules_outside"] == {"filtered": 1}


def test_a_forged_reset_does_not_end_a_connection(firewall):
    to, back = firewall.connect()
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=900_000_000, flags="R")) == []
    assert " established " in firewall.read("flows")
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, flags="R"))
    assert " closed " in firewall.read("flows")
    firewall.made.wait(11)
    assert firewall.out(IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=101, ack=501, flags="A")) == []


def test_a_connection_that_ends_and_one_that_reuses_its_ports(firewall):
    to, back = firewall.connect()
    assert firewall.out(IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=101, ack=501, flags="FA"))
    assert " fin-wait " in firewall.read("flows")
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, ack=102, flags="A"))
    assert " close-wait " in firewall.read("flows")
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, ack=102, flags="FA"))
    assert " last-ack " in firewall.read("flows")
    assert firewall.out(IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=102, ack=502, flags="A"))
    assert " time-wait " in firewall.read("flows")
    firewall.connect()
    assert firewall.read("count") == "1"


def test_a_segment_out_of_the_window_is_dropped(firewall):
    _, back = firewall.connect()
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=2_000_000, ack=101, flags="A") / b"x") == []
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, ack=90_000_000, flags="A") / b"x") == []
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, ack=101, flags="A") / b"x")


def test_an_inside_source_address_does_not_come_from_outside(firewall):
    assert firewall.into(IP(src="10.0.1.7", dst=INSIDE) / UDP(sport=1, dport=2)) == []
    assert firewall.into(IP(src="10.0.1.7", dst=ALLOWED) / TCP(sport=9, dport=80, flags="S")) == []


def test_a_flood_of_handshakes_leaves_the_established_alone(appliance):
    """Half-open connections give way to each other: the count stays at the limit, old connections go on."""
    firewall = Firewall(appliance("firewall.click", ["tap0", "tap1"], FLOWS="300", HALFOPEN="100", NEWRATE="100000"))
    memory = firewall.read("memory")
    to, back = firewall.connect()
    for port in range(1000, 3000, 500):
        firewall.outside.put(*[IP(src=OUTSIDE, dst=ALLOWED) / TCP(sport=port + i, dport=80, flags="S")
                               for i in range(500)])
        firewall.inside.take()
    assert int(firewall.read("count")) <= 101
    assert firewall.read("memory") == memory
    assert "early-drop 1900" in firewall.read("stats")
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, ack=101, flags="PA") / b"still here")
    assert firewall.out(IP(src=INSIDE, dst=OUTSIDE) / TCP(**to, seq=101, ack=511, flags="PA") / b"and here")


def test_a_killed_connection_is_no_more(firewall):
    _, back = firewall.connect()
    firewall.made.router.write("track.kill", f"tcp {OUTSIDE}:80 > {INSIDE}:4000")
    assert firewall.into(IP(src=OUTSIDE, dst=INSIDE) / TCP(**back, seq=501, ack=101, flags="PA")) == []
    assert firewall.read("count") == "0"


def test_the_firewall_answers_pings_from_both_sides_and_nothing_else(firewall):
    for hosts, source, own in ((firewall.inside, INSIDE, "10.0.1.1"), (firewall.outside, OUTSIDE, "10.0.2.1")):
        hosts.put(IP(src=source, dst=own) / ICMP(type=8, id=3, seq=1))
        assert [answer[ICMP].type for answer in hosts.take()] == [0]
        hosts.put(IP(src=source, dst=own) / TCP(dport=22, flags="S"))
        assert hosts.take() == []


def test_fragmented_datagrams_pass_whole_and_go_on_in_fragments(firewall):
    """Both ways, the last fragment first; and no fragment of what the rules refuse gets in."""
    data = bytes(range(250)) * 20
    asked = IP(src=INSIDE, dst=OUTSIDE, id=1) / UDP(sport=4000, dport=53) / data
    answer = IP(src=OUTSIDE, dst=INSIDE, id=2) / UDP(sport=53, dport=4000) / data
    other = IP(src=OUTSIDE, dst=INSIDE, id=3) / UDP(sport=53, dport=4001) / data
    for send, datagram in ((firewall.out, asked), (firewall.into, answer)):
        sent = send(*reversed(fragment(datagram, fragsize=1480)))
        assert len(sent) == 4
        assert all(len(piece) <= 1500 for piece in sent)
        (whole,) = defragment(sent)
        assert bytes(whole[UDP].payload) == data
    assert firewall.into(*fragment(other, fragsize=1480)) == []
    assert "outside/whole" not in firewall.made.drops


@pytest.mark.parametrize("begin", ["outside", "inside"])
def test_protected_services_hear_only_of_clients_that_are_there(appliance, begin):
    """A SYN from outside is answered with a cookie and leaves nothing behind; the inside begins as ever."""
    firewall = Firewall(appliance("firewall.click", ["tap0", "tap1"], PROTECT="dst host 10.0.1.80 and tcp dst port 80"))
    if begin == "inside":
        firewall.connect()
        return
    syn = IP(src=OUTSIDE, dst=ALLOWED) / TCP(sport=9, dport=80, seq=1, flags="S")
    assert firewall.into(syn) == []
    (answer,) = firewall.outside.take()
    assert (answer.src, answer[TCP].flags, answer[TCP].ack) == (ALLOWED, "SA", 2)
    assert firewall.read("count") == "0"
    assert firewall.into(IP(src=OUTSIDE, dst=ALLOWED) / TCP(sport=9, dport=80, seq=2, ack=77, flags="A")) == []
    proof = IP(src=OUTSIDE, dst=ALLOWED) / TCP(sport=9, dport=80, seq=2, ack=answer[TCP].seq + 1, flags="A")
    (opened,) = firewall.into(proof)
    assert (opened.dst, opened[TCP].flags, opened[TCP].seq) == (ALLOWED, "S", 1)
    (told,) = firewall.out(IP(src=ALLOWED, dst=OUTSIDE) / TCP(sport=80, dport=9, seq=500, ack=2, flags="SA"))
    assert (told[TCP].flags, told[TCP].seq) == ("A", answer[TCP].seq + 1)
    assert firewall.inside.take()[0][TCP].ack == 501
    (data,) = firewall.out(IP(src=ALLOWED, dst=OUTSIDE) / TCP(sport=80, dport=9, seq=501, ack=2, flags="PA") / b"hello")
    assert data[TCP].seq == answer[TCP].seq + 1
    assert " established " in firewall.read("flows")
    assert firewall.made.drops["rules_outside"] == {"filtered": 1}

"""ConnTrack as an element: its handlers, its timer, fragments, the swap of graphs, and segments that make no sense."""

import pytest

scapy = pytest.importorskip("scapy.all")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment  # noqa: E402

from netos.errors import NetosError  # noqa: E402
from netos.router import Router  # noqa: E402
from netos.testing.harness import ElementHarness, marked_ip, run_element  # noqa: E402

A, B = "10.0.0.1", "10.0.0.2"


def made(*packets):
    return [marked_ip(bytes(packet)) for packet in packets]


def there(flags="S", **fields):
    return IP(src=A, dst=B) / TCP(sport=1, dport=2, flags=flags, **fields)


def back(flags="SA", **fields):
    return IP(src=B, dst=A) / TCP(sport=2, dport=1, flags=flags, **fields)


def flow_line(harness):
    return harness.read("flows").split()


@pytest.mark.parametrize(("segments", "expected"), [
    ([there()], "syn-sent"), ([there(), back()], "syn-received"), ([there(), there()], "syn-sent"),
    ([there(seq=9), back("RA", ack=10)], "closed"), ([there(seq=9), back("RA", ack=11)], "syn-sent"),
    ([there(seq=9), back("S", seq=5)], "syn-crossed"),
    ([there(seq=9), back(seq=4, ack=10), there("A", seq=10, ack=5)], "established"),
    ([there(seq=9), back(seq=4, ack=10), there("FA", seq=10, ack=5)], "fin-wait"),
    ([there(seq=9), back(seq=4, ack=10), there("A", seq=10, ack=5), there("FA", seq=10, ack=5),
      back("FA", seq=5, ack=11), there("A", seq=11, ack=6)], "time-wait"),
    ([there(seq=9), back(seq=4, ack=10), there("A", seq=10, ack=5), there("R", seq=10)], "closed"),
    ([there(seq=9), back(seq=4, ack=10), there("A", seq=10, ack=5), there("R", seq=100)], "established"),
])
def test_states_of_tcp(segments, expected):
    with ElementHarness("ConnTrack") as harness:
        harness.push(0, made(*segments))
        assert flow_line(harness)[1] == expected


@pytest.mark.parametrize("flags", ["A", "SA", "F", "FA", "R", "RA", "SF", "SR", "", "P", "U", "FPU"])
def test_segments_that_begin_nothing(flags):
    with ElementHarness("ConnTrack") as harness:
        harness.push(0, made(there(flags)))
        assert harness.read("count") == "0"


def test_a_connection_can_be_taken_up_in_the_middle():
    with ElementHarness("ConnTrack", "LOOSE true") as harness:
        harness.push(0, made(there("A", seq=1000, ack=500), back("A", seq=500, ack=1000),
                             there("PA", seq=1000, ack=500)))
        assert flow_line(harness)[1] == "established"
        assert "assured" in flow_line(harness)


def test_counts_and_timeouts():
    with ElementHarness("ConnTrack", "100", "UDP 20", "ICMP 5") as harness:
        harness.push(0, made(IP(src=A, dst=B) / UDP(sport=5, dport=6) / b"123", IP(src=A, dst=B) / ICMP(id=3),
                             IP(src=A, dst=B, proto=47) / b"gre"))
        assert harness.read("count") == "3"
        assert "packets 1/0 bytes 31/0" in harness.read("flows")
        assert "udp-unreplied 1\n" in harness.read("stats")
        harness.advance(6)
        assert harness.read("count") == "2"
        harness.advance(100)
        assert harness.read("count") == "0"
        harness.write("timeout", "udp-unreplied 1h")
        assert "udp-unreplied 3600\n" in harness.read("timeouts")


def test_handlers_say_what_is_wrong_and_change_nothing():
    with ElementHarness("ConnTrack") as harness:
        harness.push(0, made(there()))
        for handler, text in (("kill", "tcp"), ("kill", f"tcp {A}:1 {B}:3"), ("kill", f"tcp {A}:99999 {B}:2"),
                              ("kill", "tcp a:b c:d"), ("timeout", "sleepy 3"), ("timeout", "closed soon")):
            with pytest.raises(NetosError):
                harness.write(handler, text)
        assert harness.read("count") == "1"
        harness.write("clear")
        assert harness.read("count") == "0"


def test_full_of_assured_connections_it_drops_what_is_new():
    with ElementHarness("ConnTrack", "2") as harness:
        for port in (1, 2):
            asked = IP(src=A, dst=B) / UDP(sport=port, dport=9)
            harness.push(0, made(asked, IP(src=B, dst=A) / UDP(sport=9, dport=port), asked))
        harness.push(0, made(IP(src=A, dst=B) / UDP(sport=3, dport=9)))
        assert harness.drops == {"table-full": 1}
        assert len(harness.outputs[0]) == 6


def test_fragments():
    pieces = fragment(IP(src=A, dst=B) / UDP(sport=1, dport=2) / bytes(1000), fragsize=400)
    with ElementHarness("ConnTrack") as harness:
        harness.push(0, made(*pieces))
        assert harness.read("count") == "1"
        assert "packets 1/0" in harness.read("flows")


def test_the_swap_of_graphs_takes_the_connections_along():
    """Also into a table of another size: what does not fit is left out, assured connections last of all."""
    text = "feed :: Idle -> x :: ConnTrack({}) -> Discard;"
    old = Router.from_text(text.format(100), simulated=10**18).initialize()
    for port in range(50):
        old["x"].push(0, [make(old) for make in made(IP(src=A, dst=B) / UDP(sport=port + 1, dport=9))])
    for size, left in ((100, 50), (60, 50), (20, 20)):
        new = Router.from_text(text.format(size), simulated=10**18).initialize()
        new["x"].take_state(old["x"])
        assert new.read("x.count") == str(left)
        assert old.read("x.count") == "0"
        old.close()
        old = new
    old.close()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(min_size=20, max_size=90), min_size=1, max_size=20))
def test_any_bytes_are_survived(datagrams):
    """Behind an IP header that says nothing but lies: lengths, quotes, options. Nothing is read that is not there."""
    frames = [bytes([0x45 + data[0] % 4]) + data[1:9] + [b"\1", b"\6", b"\x11"][data[9] % 3] + data[10:]
              for data in datagrams]
    marked = [marked_ip(frame) for frame in frames if len(frame) >= 4 * (frame[0] & 15)]
    run_element("ConnTrack", "8", push=marked)


def test_handshakes_with_one_destination_are_limited_and_others_are_not():
    def syns(destination, ports):
        return made(*(IP(src=A, dst=destination) / TCP(sport=port, dport=80, flags="S") for port in ports))

    with ElementHarness("ConnTrack", "HALF_OPEN_EACH 3") as harness:
        harness.push(0, syns(B, range(1, 6)))
        assert harness.drops == {"half-open": 2}
        assert "half-open-refused 2" in harness.read("stats")
        harness.push(0, syns("10.0.0.77", range(1, 4)))
        harness.push(0, made(IP(src=B, dst=A) / TCP(sport=80, dport=1, flags="SA", ack=1),
                             IP(src=A, dst=B) / TCP(sport=1, dport=80, flags="A", seq=1, ack=1)))
        harness.push(0, syns(B, [9, 10]))           # one has shaken hands
        assert harness.drops == {"half-open": 3}
        harness.write("kill", f"tcp {A}:2 {B}:80")
        harness.advance(130)
        harness.push(0, syns(B, range(20, 24)))     # the others have expired
        assert harness.drops == {"half-open": 4}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["S", "SA", "A", "R", "FA"])), max_size=40))
def test_half_open_handshakes_are_counted_right(segments):
    """After any segments, as many new handshakes begin as are missing to the limit."""
    with ElementHarness("ConnTrack", "HALF_OPEN_EACH 8") as harness:
        for port, flags in segments:
            there = flags in ("S", "A", "FA")
            ends = {"src": A, "dst": B} if there else {"src": B, "dst": A}
            ports = {"sport": port, "dport": 80} if there else {"sport": 80, "dport": port}
            harness.push(0, made(IP(**ends) / TCP(**ports, flags=flags, seq=0 if "S" in flags else 1, ack=1)))
        states = dict(line.split() for line in harness.read("stats").splitlines())
        under_way = sum(int(states.get(state, 0)) for state in ("syn-sent", "syn-crossed", "syn-received"))
        harness.push(0, made(*(IP(src=A, dst=B) / TCP(sport=port, dport=80, flags="S") for port in range(100, 120))))
        assert harness.drops == {"half-open": 20 - (8 - under_way)}

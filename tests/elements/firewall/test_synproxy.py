"""SynProxy: nothing is kept of a SYN, only a valid cookie opens a connection, and both ends understand each other."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP

from elements.firewall.syn_cookie import check_cookie, make_cookie
from netos.router import Router
from netos.testing.harness import ElementHarness, marked_ip

C, S = "198.51.100.7", "10.0.1.80"
NOW, SECOND = 10**18, 10**9
WRAP = 1 << 32
RICH = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (1000, 0)), ("NOP", None), ("WScale", 5)]


def right(data):
    """The packet, whose checksums are right."""
    packet = IP(data)
    again = IP(data)
    del again.chksum
    if TCP in again:
        del again[TCP].chksum
    assert bytes(again) == data
    return packet


class Talk:
    """A client, a SynProxy and a server; what each of them gets is checked and returned."""

    def __init__(self, *arguments, outputs=2, width=256):
        self.harness = ElementHarness("SynProxy", *arguments, inputs=2, outputs=outputs, width=width)
        self.sequence, self.server_sequence = WRAP - 3, 5
        self.cookie = None

    def __enter__(self):
        self.harness.__enter__()
        return self

    def __exit__(self, *error):
        self.harness.__exit__(*error)

    def put(self, port, *packets):
        before = [len(output) for output in self.harness.outputs]
        self.harness.push(port, [marked_ip(bytes(packet)) for packet in packets])
        return [[right(data) for data in output[start:]]
                for start, output in zip(before, self.harness.outputs, strict=True)]

    def client(self, payload=b"", flags="A", seq=1, ack=1, **fields):
        """A segment of the client; numbers count from its SYN and the cookie."""
        layer = TCP(**{"sport": 4000, "dport": 80, "flags": flags, "seq": (self.sequence + seq) % WRAP, "window": 100,
                       "ack": (self.cookie + ack) % WRAP if "A" in flags else 0, **fields})
        return self.put(0, IP(src=C, dst=S) / layer / payload)

    def server(self, payload=b"", flags="A", seq=1, ack=1, **fields):
        layer = TCP(**{"sport": 80, "dport": 4000, "flags": flags, "seq": (self.server_sequence + seq) % WRAP,
                       "ack": (self.sequence + ack) % WRAP, "window": 300, **fields})
        return self.put(1, IP(src=S, dst=C) / layer / payload)

    def syn(self, options=()):
        self.cookie = 0
        to_server, to_client, *own = self.client(flags="S", seq=0, options=list(options))
        (answer,) = own[0] if own else to_client
        assert to_server == []
        assert (answer.src, answer.dst, answer[TCP].flags, answer[TCP].window) == (S, C, "SA", 0)
        assert answer[TCP].ack == (self.sequence + 1) % WRAP
        self.cookie = answer[TCP].seq
        return answer

    def open(self, options=(), answer=(("MSS", 1460),), **fields):
        """Shake hands on both sides; the SYN for the server, and what comes when that answers."""
        stamp = dict(self.syn(options)[TCP].options).get("Timestamp", (0,))[0]
        echo = [("Timestamp", (1001, stamp))] if stamp else []
        (syn,), to_client = self.client(options=echo, **fields)[:2]
        assert to_client == []
        to_server, to_client = self.server(flags="SA", seq=0, options=list(answer))[:2]
        return syn, to_server, to_client

    def read(self, name):
        return self.harness.read(name)


@pytest.mark.parametrize("outputs", [2, 3])
def test_a_connection_through_the_proxy(outputs):
    with Talk(outputs=outputs) as talk:
        syn, (ack,), (opening,) = talk.open()
        assert (syn[TCP].flags, syn[TCP].seq, dict(syn[TCP].options)) == ("S", talk.sequence, {"MSS": 536})
        assert (ack[TCP].flags, ack[TCP].seq, ack[TCP].ack) == ("A", (talk.sequence + 1) % WRAP, 6)
        assert (opening[TCP].flags, opening[TCP].seq) == ("A", (talk.cookie + 1) % WRAP)
        assert opening[TCP].window == 300
        (asked,), _ = talk.client(b"get", flags="PA")[:2]
        assert (asked[TCP].seq, asked[TCP].ack, bytes(asked[TCP].payload)) == ((talk.sequence + 1) % WRAP, 6, b"get")
        _, (told,) = talk.server(b"data", ack=4)[:2]
        assert (told[TCP].seq, told[TCP].ack) == ((talk.cookie + 1) % WRAP, (talk.sequence + 4) % WRAP)
        assert "established" in talk.read("flows")
        assert talk.read("opened") == "1"


def test_ends_and_port_reuse():
    """FINs of both ends, then the same ports again: answered with a cookie, and spliced anew."""
    with Talk() as talk:
        talk.open()
        assert talk.client(flags="FA")[0]
        assert talk.server(flags="FA", ack=2)[1]
        assert talk.client(seq=2, ack=2)[0]
        assert " time-wait " in talk.read("flows")
        talk.sequence, talk.server_sequence = 7_000, 9_000
        syn, _, _ = talk.open()
        assert syn[TCP].seq == 7_000
        assert talk.server(b"x")[1][0][TCP].seq == (talk.cookie + 1) % WRAP


def test_nothing_is_kept_of_syns():
    with Talk() as talk:
        for port in range(2000):
            talk.put(0, IP(src=f"198.51.{port % 200}.{port % 99}", dst=S) / TCP(sport=port, dport=80, flags="S"))
        assert talk.read("count") == "0"
        assert talk.read("cookies") == "2000"
        talk.open()


@pytest.mark.parametrize("change", [{"ack": 2}, {"ack": 0}, {"seq": 3}, {"sport": 4001}, {"dport": 81},
                                    {"ack": 1 << 24}, {"ack": 1 << 27}, {"flags": "R"}, {"flags": "SA"},
                                    {"flags": "RA"}, {"flags": "F"}])
@pytest.mark.parametrize("strict", [True, False])
def test_a_forged_acknowledgment_opens_nothing(change, strict):
    with Talk(f"STRICT {str(strict).lower()}") as talk:
        talk.syn()
        to_server, to_client = talk.client(**change)
        assert to_client == []
        assert len(to_server) == (not strict)
        assert talk.read("count") == "0"
        assert talk.harness.drops == ({"bad-cookie": 1} if strict else {})


def test_a_replayed_acknowledgment_is_one_connection():
    """The same acknowledgment again, while the server is asked and afterwards, opens no second connection."""
    with Talk() as talk:
        talk.syn()
        assert len(talk.client()[0]) == 1
        assert talk.client() == [[], []]
        assert talk.harness.drops == {"suppressed": 1}
        talk.server(flags="SA", seq=0)
        (again,), _ = talk.client()
        assert again[TCP].ack == 6
        assert talk.read("opened") == "1"


@pytest.mark.parametrize(("seconds", "valid"), [(1, True), (60, True), (200, False), (64 * 32, False)])
def test_cookies_get_old(seconds, valid):
    """Also when the five bits of their clock have gone round: the hash is of all of it."""
    with Talk() as talk:
        talk.syn()
        talk.harness.advance(seconds)
        assert bool(talk.client()[0]) == valid


KEY = (6, 1, 2, 3, 4)


@given(st.binary(min_size=16, max_size=16), st.integers(0, WRAP - 1), st.integers(0, 65535), st.integers(0, 2**60))
def test_cookies_carry_the_segment_size(secret, sequence, mss, now):
    cookie = make_cookie(secret, KEY, sequence, mss, now)
    found = check_cookie(secret, KEY, sequence, cookie, now)
    assert found == max(size for size in (256, 536, 1220, 1360, 1400, 1440, 1452, 1460) if size <= max(mss, 256))
    assert check_cookie(secret, KEY, sequence, cookie, now + 64 * SECOND) == found
    assert check_cookie(secret, KEY, sequence, cookie, now + 129 * SECOND) == 0


def test_guessing_cookies_is_hopeless():
    """Of a hundred thousand guesses none is right; one would be expected in 268 million."""
    source = random.Random(1)
    secret = source.randbytes(16)
    assert not any(check_cookie(secret, KEY, 1, source.getrandbits(32), NOW) for _ in range(100_000))


def test_options_are_negotiated_for_the_server_through_timestamps():
    with Talk("SCALE 7") as talk:
        syn, (ack,), (opening,) = talk.open(RICH, answer=[("MSS", 1300), ("SAckOK", b""), ("Timestamp", (77, 1001)),
                                                          ("NOP", None), ("WScale", 9)])
        options = dict(syn[TCP].options)
        assert (options["MSS"], options["WScale"], options["SAckOK"], options["Timestamp"]) == (1400, 5, b"", (1001, 0))
        assert syn[TCP].window == 100 << 5
        assert dict(ack[TCP].options)["Timestamp"] == (1001, 77)
        assert ack[TCP].window == 100
        ours, echo = dict(opening[TCP].options)["Timestamp"]
        assert echo == 1001
        assert opening[TCP].window == 300 >> 7          # the SYN-ACK's was not scaled
        _, (told,) = talk.server(b"x", options=[("NOP", None), ("NOP", None), ("Timestamp", (80, 1001))])
        assert dict(told[TCP].options)["Timestamp"] == (ours + 3, 1001)
        assert told[TCP].window == 300 << 2             # 9 there, 7 here
        (asked,), _ = talk.client(options=[("NOP", None), ("Timestamp", (1002, ours + 3)), ("NOP", None)])
        assert dict(asked[TCP].options)["Timestamp"] == (1002, 80)


def test_what_the_client_did_not_offer_is_not_announced():
    with Talk() as talk:
        assert dict(talk.syn()[TCP].options) == {"MSS": 1460}
        talk.sequence += 1000
        assert set(dict(talk.syn([("Timestamp", (5, 0))])[TCP].options)) == {"MSS", "Timestamp", "NOP"}
    with Talk("TIMESTAMPS false", "MSS 1300") as talk:
        assert dict(talk.syn(RICH)[TCP].options) == {"MSS": 1300}
    with Talk("SACK false") as talk:
        assert "SAckOK" not in dict(talk.syn(RICH)[TCP].options)


def test_a_server_without_window_scale():
    """Its windows are told in the client's scale, never as none; the client's are told unscaled."""
    with Talk("SCALE 7") as talk:
        talk.open(RICH)
        assert talk.server(window=65535)[1][0][TCP].window == 511
        assert talk.server(window=100)[1][0][TCP].window == 1
        assert talk.server(window=0)[1][0][TCP].window == 0
        assert talk.client(window=50)[0][0][TCP].window == 50 << 5
        assert talk.client(window=60000)[0][0][TCP].window == 65535


BLOCKS = st.lists(st.integers(2, 2**20), min_size=2, max_size=6).filter(lambda edges: len(edges) % 2 == 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, WRAP - 1), st.integers(0, WRAP - 1), BLOCKS, st.integers(0, 3), st.integers(0, 40))
def test_numbers_are_translated_wherever_they_lie(sequence, server_sequence, edges, padding, length):
    """SACK blocks at any alignment, around the wrap of either number space; checksums stay right (Talk looks)."""
    with Talk() as talk:
        talk.sequence, talk.server_sequence = sequence, server_sequence
        talk.open(RICH, answer=[("MSS", 1300), ("SAckOK", b""), ("Timestamp", (WRAP - 1, 1001))])
        talk.server(bytes(1400))
        sack = tuple((talk.cookie + edge) % WRAP for edge in edges)
        options = [("NOP", None)] * padding + [("SAck", sack)]
        (asked,), _ = talk.client(b"x" * length, options=options)
        assert asked[TCP].ack == (server_sequence + 1) % WRAP
        assert asked[TCP].seq == (sequence + 1) % WRAP
        assert dict(asked[TCP].options)["SAck"] == tuple((server_sequence + edge) % WRAP for edge in edges)
        _, (told,) = talk.server(bytes(length), seq=1401, ack=1 + length)
        assert told[TCP].seq == (talk.cookie + 1401) % WRAP
        assert told[TCP].ack == (sequence + 1 + length) % WRAP


def test_a_server_that_refuses():
    """Its RST reaches the client with the number that the client expects (RFC 5961)."""
    with Talk() as talk:
        talk.syn()
        talk.client()
        _, (refusal,) = talk.server(flags="RA", seq=-5, ack=1)
        assert (refusal[TCP].flags, refusal[TCP].seq) == ("RA", (talk.cookie + 1) % WRAP)
        assert talk.read("count") == "0"


def test_a_silent_server_is_asked_again_and_then_given_up():
    with Talk() as talk:
        talk.syn()
        talk.client()
        talk.harness.advance(4.5)
        syns = [IP(data) for data in talk.harness.outputs[0]]
        assert [syn[TCP].flags for syn in syns] == ["S"] * 5
        assert len({bytes(syn) for syn in syns}) == 1
        talk.harness.advance(2)
        assert right(talk.harness.outputs[1][-1])[TCP].flags == "RA"
        assert (talk.read("unanswered"), talk.read("count")) == ("1", "0")


def test_a_syn_ack_that_comes_again_is_answered_again():
    with Talk() as talk:
        talk.open()
        to_server, to_client = talk.server(flags="SA", seq=0)
        assert [packet[TCP].flags for packet in to_server] == ["A"]
        assert len(to_client) == 1
        assert talk.server(flags="SA", seq=9) == [[], []]
        assert talk.harness.drops == {"invalid-flow": 1}


def test_a_probe_of_the_closed_window_stands_for_a_lost_acknowledgment():
    with Talk() as talk:
        talk.syn()
        (syn,), _ = talk.client(seq=0)
        assert syn[TCP].seq == talk.sequence


def test_forged_segments_of_a_connection_change_nothing():
    with Talk() as talk:
        talk.open()
        assert talk.client(flags="R", seq=900_000_000) == [[], []]
        assert talk.server(b"x", seq=900_000_000) == [[], []]
        assert talk.harness.drops == {"invalid-flow": 2}
        (challenged,), _ = talk.client(flags="S", seq=5)        # the server answers it (RFC 5961 section 4)
        assert challenged[TCP].seq == (talk.sequence + 5) % WRAP
        assert talk.client(b"still there", flags="PA")[0]


def test_an_error_about_the_servers_segment_quotes_its_number():
    with Talk() as talk:
        talk.open()
        _, (told,) = talk.server(bytes(1000))
        about = IP(bytes(told)[:28])
        (error,), _ = talk.put(0, IP(src="203.0.113.1", dst=S) / ICMP(type=3, code=4, nexthopmtu=900) / about)
        quoted = bytes(error[ICMP].payload)
        assert int.from_bytes(quoted[24:28], "big") == 6


def test_what_is_no_tcp_passes():
    with Talk() as talk:
        packet = IP(src=C, dst=S) / UDP(sport=1, dport=2)
        assert len(talk.put(0, packet)[0]) == 1
        assert len(talk.put(1, IP(src=S, dst=C) / TCP(sport=1, dport=2, flags="S"))[1]) == 1


def test_room_is_bounded():
    with Talk("OPENING 3", "CAPACITY 100") as talk:
        memory = talk.read("memory")
        for port in range(5):
            answers = talk.put(0, IP(src=C, dst=S) / TCP(sport=port, dport=80, flags="S", seq=9))[1]
            talk.put(0, IP(src=C, dst=S) / TCP(sport=port, dport=80, flags="A", seq=10, ack=answers[0][TCP].seq + 1))
        assert (talk.read("count"), talk.read("refused"), talk.read("memory")) == ("3", "2", memory)
        assert talk.harness.drops == {"table-full": 2}


def test_the_swap_of_graphs_takes_connections_and_secret_along():
    """A client that got its cookie before the change acknowledges it after; an open connection goes on."""
    text = """feed :: Idle -> x :: SynProxy(MSS {}) -> servers :: Queue(100) -> Idle;
        Idle -> [1] x; x[1] -> clients :: Queue(100) -> Idle;"""
    with Talk() as talk:
        talk.open()
        new = Router.from_text(text.format(1300), simulated=talk.harness.router.cpu.now).initialize()
        cookie = talk.put(0, IP(src=C, dst=S) / TCP(sport=1, dport=80, flags="S", seq=9))[1][0][TCP].seq
        new["x"].take_state(talk.harness.element)
        packets = [IP(src=C, dst=S) / TCP(sport=1, dport=80, flags="A", seq=10, ack=(cookie + 1) % WRAP),
                   IP(src=C, dst=S) / TCP(sport=4000, dport=80, flags="A", seq=(talk.sequence + 1) % WRAP,
                                          ack=(talk.cookie + 1) % WRAP)]
        new["x"].push(0, [marked_ip(bytes(packet))(new) for packet in packets])
        assert new.read("servers.length") == "2"
        assert new.read("x.count") == "2"
        assert talk.read("count") == "0"
        new.close()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=20, max_size=60)), max_size=12))
def test_any_segments_are_survived(segments):
    """Options that lie about their lengths, data offsets past the end, in both directions of an open connection."""
    with Talk("STRICT false") as talk:
        talk.open(RICH, answer=RICH)
        for port, data in segments:
            ends = (C, S) if port == 0 else (S, C)
            ports = bytes([15, 160, 0, 80]) if port == 0 else bytes([0, 80, 15, 160])
            talk.harness.push(port, [marked_ip(bytes(IP(src=ends[0], dst=ends[1], proto=6) / (ports + data[4:])))])

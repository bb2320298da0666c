"""RFC 9293's MUSTs towards IP and ICMP: what breaks is a connection that a stray or forged packet can end or slow down.

MUST-51, 52 and 53 (source routes) do not apply: such packets are refused (RFC 6274 section 3.13), which is tested.
"""

import errno
import os

import pytest

from netos.proto.endpoints import TcpEndpoint
from netos.proto.udp_endpoint import UdpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import PEER, Peer

UNREACHABLE, QUENCH, TIME_EXCEEDED, PARAMETER = 3, 4, 11, 12


@mutation("tcp_input.pyx",
          "        tcb.soft_error = error                              # MUST-56",
          "        pass                                                # MUST-56")
def test_must_47_soft_errors_are_reported():
    """MUST-47: what ICMP told can be asked for, and names the reason when the connection fails at last."""
    peer = Peer()
    server = peer.accepted()
    server.send(b"data")
    peer.let_go()
    peer.icmp_error(peer.hear(), UNREACHABLE, 1)
    assert os.strerror(server.soft_error) == os.strerror(errno.EHOSTUNREACH)
    peer.wait(300)
    assert (server.state, server.error) == ("CLOSED", errno.EHOSTUNREACH)


@mutation("tcp_emit.pyx", "    cdef uint8_t tos = tcb.tos\n", "    cdef uint8_t tos = 0\n")
def test_must_48_the_user_chooses_the_service_and_may_change_it():
    """MUST-48, SHLD-21, 22: DSCP of the packets of this connection; the ECN bits stay TCP's."""
    peer = Peer()
    server = peer.accepted()
    server.tos = 0xB8 | 3
    server.send(b"quick")
    peer.let_go()
    assert peer.expect("PA").tos == 0xB8
    server.tos = 0x20
    peer.send(b"x", "PA")
    peer.wait(1)
    assert peer.expect("A").tos == 0x20


@mutation("stack.pyx", "        self.protocols.host.ttl = value\n", "        pass\n")
def test_must_49_the_time_to_live_can_be_set():
    """MUST-49: 64 by default."""
    peer = Peer()
    peer.listen()
    assert peer.open().ttl == 64
    peer.stack.ttl = 7
    peer.port += 1
    assert peer.open().ttl == 7
    with pytest.raises(ValueError):
        peer.stack.ttl = 0


@mutation("stack_input.pyx", "        at += ip[at + 1]\n    return 1\n", "        return 0\n    return 1\n")
@pytest.mark.parametrize("options", [b"\x01\x01\x01\x00", b"\x07\x07\x04" + bytes(5), b"\x94\x04\x00\x00",
                                     b"\x44\x0c\x05\x00" + bytes(8), b"\x88\x04ab"])
def test_must_50_ip_options_are_passed_over(options):
    """MUST-50: record route, router alert, timestamps, stream: the segment behind them is found."""
    peer = Peer()
    server = peer.accepted()
    peer.send(b"data", "PA", ip_options=options)
    assert server.receive() == b"data"


@mutation("stack_input.pyx",
          "        if ip[at] == IP_OPTION_LOOSE_SOURCE_ROUTE or ip[at] == IP_OPTION_STRICT_SOURCE_ROUTE:\n"
          "            return 0\n",
          "")
@pytest.mark.parametrize("kind", [131, 137])
def test_must_51_52_53_source_routes_are_refused(kind):
    """In place of MUST-51 to 53: nobody else says which way our packets go."""
    peer = Peer()
    server = peer.accepted()
    peer.frame(peer.segment(b"data", "PA", ip_options=bytes((kind, 7, 4, 1, 2, 3, 4, 0))))
    assert server.readable == 0
    assert peer.stack.counters["ip_bad_option"] == 1


@mutation("tcp_input.pyx", "    elif tcb.connection.state == SYN_SENT and error == ECONNREFUSED:\n", "    elif 0:\n")
def test_must_54_icmp_is_heard():
    """MUST-54: a port that a firewall closed is refused at once, not after three minutes."""
    peer = Peer()
    client = TcpEndpoint(peer.stack, (PEER, 80))
    peer.let_go()
    peer.icmp_error(peer.hear(), UNREACHABLE, 3)
    assert (client.state, client.error) == ("CLOSED", errno.ECONNREFUSED)


def test_must_55_source_quench_is_ignored():
    """MUST-55: the window stays as it is."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(3000))
    peer.let_go()
    before = server.facts
    peer.icmp_error(peer.hear(), QUENCH, 0)
    assert server.facts == before
    assert server.soft_error == 0


@mutation("tcp_input.pyx", "    elif tcb.connection.state == SYN_SENT and error == ECONNREFUSED:\n", "    elif 1:\n")
@pytest.mark.parametrize(("kind", "code"), [(UNREACHABLE, code) for code in (0, 1, 2, 3, 5, 9, 10, 13)]
                         + [(TIME_EXCEEDED, 0), (TIME_EXCEEDED, 1), (PARAMETER, 0)])
def test_must_56_icmp_errors_do_not_end_a_connection(kind, code):
    """MUST-56, RFC 5927: soft, all of them: the connection goes on as if nothing was."""
    peer = Peer()
    server = peer.accepted()
    server.send(b"data")
    peer.let_go()
    heard = peer.hear()
    peer.icmp_error(heard, kind, code)
    assert server.state == "ESTABLISHED"
    peer.send(b"reply", "PA", ack=heard.end)
    assert server.receive() == b"reply"
    assert server.unsent == 0


@mutation("tcp_input.pyx",
          "    if sequence_before(sequence, tcb.snd_una) or not sequence_before(sequence, tcb.snd_max):\n"
          "        tcp.counts[COUNT_ICMP_IGNORED] += 1\n        return\n",
          "")
@pytest.mark.parametrize("offset", [-1, 4, 1000, 1 << 31])
def test_icmp_errors_about_what_is_not_under_way_are_forged(offset):
    """RFC 5927 section 4: who does not see the connection can hardly guess its sequence numbers."""
    peer = Peer()
    server = peer.accepted()
    server.send(b"data")
    peer.let_go()
    heard = peer.hear()
    peer.icmp_error(heard, UNREACHABLE, 1, seq=heard.seq + offset)
    peer.icmp_error(heard, UNREACHABLE, 4, mtu=600, seq=heard.seq + offset)
    assert server.soft_error == 0
    assert server.facts["mss"] == 1460
    assert peer.stack.counters["tcp_icmp_ignored"] == 2


@mutation("tcp_input.pyx", "        tcb.snd_nxt = tcb.snd_una                           # what", "        pass    #")
def test_fragmentation_needed_makes_segments_smaller_and_sends_again():
    """RFC 1191: at once, without taking it for congestion; packets have DF set."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(4 * 1460))
    peer.let_go()
    sent = peer.drain()
    assert all(heard.dont_fragment for heard in sent)
    window = server.facts["cwnd"]
    peer.icmp_error(sent[0], UNREACHABLE, 4, mtu=1000)
    again = peer.drain()
    assert again[0].seq == sent[0].seq
    assert max(len(heard.ip) for heard in again) == 1000
    assert server.facts["cwnd"] == window


@mutation("tcp_input.pyx", "or mtu < PATH_MTU_LEAST or", "or mtu < 68 or")
@pytest.mark.parametrize("mtu", [0, 20, 68, 551, 1500, 1501, 65535])
def test_a_path_cannot_be_made_absurdly_small_nor_larger(mtu):
    """RFC 5927 section 7: below 552 it is an attack, above it tells nothing."""
    peer = Peer()
    server = peer.accepted()
    server.send(bytes(4 * 1460))
    peer.let_go()
    peer.icmp_error(peer.hear(), UNREACHABLE, 4, mtu=mtu)
    assert server.facts["mss"] == 1460


@mutation("tcp_path.pyx", "    cdef uint32_t mtu = path.mtu\n", "    cdef uint32_t mtu = 1500\n")
def test_what_a_datagram_learned_of_the_path_holds_for_connections():
    """A path that got smaller for UDP would have TCP's segments refused on their way out, for ever."""
    peer = Peer()
    server = peer.accepted()
    port = UdpEndpoint(peer.stack)
    port.send(bytes(1400), (PEER, 9))
    peer.let_go()
    peer.icmp_error(peer.hear(), UNREACHABLE, 4, mtu=900)
    server.send(bytes(3000))
    peer.let_go()
    assert [len(heard.ip) for heard in peer.drain()][:2] == [900, 900]

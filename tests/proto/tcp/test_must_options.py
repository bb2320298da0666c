"""RFC 9293's MUSTs on options and checksums: what breaks here is negotiation with some peer on the Internet."""

import struct

import pytest

from netos.proto.endpoints import TcpEndpoint
from netos.testing.mutate_tcp import mutation
from netos.testing.segments import Peer, sack_option, syn_options


@mutation("tcp_emit.pyx",
          "store_be16(header + TCP_AT_CHECKSUM, checksum_finish(checksum_partial(header, packet.length, pseudo)))",
          "store_be16(header + TCP_AT_CHECKSUM, 0)")
def test_must_2_every_segment_that_is_sent_has_a_right_checksum():
    """MUST-2: SYN,ACK, data, pure ACK and RST alike (expect() checks each)."""
    peer = Peer()
    server = peer.accepted(sack=True, timestamp=1, scale=2)
    server.send(b"odd")
    peer.let_go()
    peer.expect("PA", b"odd")
    peer.send(b"more", "PA", ack=peer.heard)
    peer.wait(1)
    peer.expect("A")
    peer.stack_port = 81
    peer.send(b"", "S")
    peer.expect("RA")


@mutation("stack_input.pyx",
          "protocols.tcp.counts[COUNT_BAD_CHECKSUM] += 1\n        return DROP_BAD_CHECKSUM\n",
          "pass\n")
def test_must_3_a_bad_checksum_is_dropped():
    """MUST-3: nothing of a segment with a bad checksum is believed, and it is counted."""
    peer = Peer()
    server = peer.accepted()
    peer.frame(peer.segment(b"bad", "PA", corrupt=True))
    peer.wait(1)
    peer.silence()
    assert server.readable == 0
    assert peer.stack.counters["tcp_bad_checksum"] == 1


@mutation("tcp_segment.pxd",
          "        if kind == TCP_OPTION_NO_OPERATION:\n            option += 1\n            length -= 1\n"
          "            continue\n",
          "", unit="stack_input.pyx")
@mutation("tcp_segment.pxd", "if kind == TCP_OPTION_MSS and size == 4:", "if kind == TCP_OPTION_MSS and size == 5:",
          unit="stack_input.pyx")
def test_must_4_end_no_operation_and_mss_are_understood():
    """MUST-4: the mandatory options; what lies behind an end of options is not looked at."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", options=b"\x01\x01\x01\x01" + syn_options(mss=700) + b"\x00\x04\x02\x00")
    answer = peer.answered()
    assert 4 not in answer.options, "SACK was offered behind the end of the options only"
    peer.send(b"", "A")
    assert peer.listener.accept().facts["mss"] == 700


@mutation("tcp_input.pyx", "    take_timestamp(tcb, segment)\n", "")
def test_must_5_options_are_read_in_any_segment():
    """MUST-5: a timestamp on a data segment is echoed by the next."""
    peer = Peer()
    server = peer.accepted(timestamp=100)
    peer.timestamp = 250
    peer.send(b"x", "PA")
    server.send(b"y")
    peer.let_go()
    assert peer.expect("PA", b"y").timestamps[1] == 250


@mutation("tcp_segment.pxd",
          "        option += size\n        length -= size\n",
          "        if kind > 8:\n            return\n        option += size\n        length -= size\n",
          unit="stack_input.pyx")
def test_must_6_unknown_options_are_passed_over():
    """MUST-6: also several, before and behind those that are known."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", options=b"\xfd\x06abcd\xfe\x02" + syn_options(mss=900) + b"\x22\x04ab")
    peer.answered()
    peer.send(b"data", "PA", options=b"\xfd\x0cabcdefghij")
    server = peer.listener.accept()
    assert server.facts["mss"] == 900
    assert server.receive() == b"data"


@mutation("tcp_segment.pxd", "if size < 2 or size > length:", "if size > length:", unit="stack_input.pyx")
@pytest.mark.parametrize("options", [
    b"\x02\x00\x05\xb4", b"\x02\x01\x05\xb4", b"\x02\xff\x05\xb4", b"\x01\x01\x01\x02", b"\x08\x0a\x00\x00",
    b"\x03\x03\x0f\x08", b"\x05\x03\x00\x00", b"\x05\x26" + b"\xff" * 36, b"\x05\x0bxxxxxxxxx\0", b"\x13\x02\x01\x01",
], ids=lambda options: options[:4].hex())
def test_must_7_illegal_option_lengths_do_no_harm(options):
    """MUST-7: a length of 0, 1, past the header, or wrong for its kind: no hang, no over-read; the segment counts."""
    peer = Peer()
    server = peer.accepted(sack=True, timestamp=None)
    peer.send(b"data", "PA", options=options)
    assert server.receive() == b"data"
    peer.port += 1
    peer.send(b"", "S", options=options, seq=5, ack=0)
    assert peer.drain()[-1].flags == "SA"


@mutation("tcp_segment.pxd", "if size < 2 or size > length:", "if size < 2:", unit="stack_input.pyx")
def test_must_7_an_option_does_not_reach_into_the_data():
    """MUST-7: a segment size whose value would lie behind the header is not read: the data would choose it."""
    peer = Peer()
    peer.listen()
    peer.send(b"\x00\x64", "S", options=b"\x01\x01\x02\x04")
    answer = peer.answered()
    peer.next = answer.ack
    peer.send(b"", "A")
    assert peer.listener.accept().facts["mss"] == 536


@mutation("tcp_establish.pyx", "    tcb.peer_mss = offer.mss\n", "    tcb.peer_mss = 1460\n")
@mutation("tcp_establish.pyx",
          "max(min(mtu, <uint32_t>65535) - HEADERS, <uint32_t>MSS_LEAST)",
          "max(min(mtu, <uint32_t>65535), <uint32_t>MSS_LEAST)")
@pytest.mark.parametrize("mss", [100, 536, 1000, 1459, 1460, 9000, 65535])
def test_must_14_both_ends_tell_their_segment_size_and_keep_to_it(mss):
    """MUST-14: what we tell is the link's MTU without headers; what we send is never more than the peer told."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", options=syn_options(mss=mss))
    assert peer.answered().options[2] == struct.pack("!H", 1460)
    peer.send(b"", "A")
    server = peer.listener.accept()
    server.send(bytes(4000))
    peer.let_go()
    assert max(len(heard.data) for heard in peer.drain()) == min(mss, 1460)


@mutation("tcp_establish.pyx",
          "segment.mss if segment.mss else TCP_DEFAULT_MSS",
          "segment.mss if segment.mss else 1460")
def test_must_15_without_the_option_segments_have_536_bytes():
    """MUST-15: a peer that tells nothing gets no more, however large the link is."""
    peer = Peer()
    server = peer.accepted(mss=None)
    server.send(bytes(2000))
    peer.let_go()
    assert len(peer.expect("A").data) == 536


@mutation("tcp_output.pyx", "return tcb.mss - min(options_length(tcb), tcb.mss // 2)", "return tcb.mss")
def test_must_16_the_segment_size_takes_off_what_options_need():
    """MUST-16: Eff.snd.MSS: min(the peer's, ours) without the options of this segment, or packets would not fit."""
    peer = Peer()
    server = peer.accepted(timestamp=1, sack=True)
    peer.send(b"late", "PA", seq=peer.next + 10)        # a SACK block is due
    peer.drain()
    server.send(bytes(4000))
    peer.let_go()
    heard = peer.hear()
    assert len(heard.data) == 1460 - 12 - 12
    assert len(heard.ip) <= 1500


@mutation("tcp_emit.pyx", "    if tcb.bits & TCB_TIMESTAMPS:\n        data += put_timestamps(",
          "    if header < 0 or tcb.bits & TCB_TIMESTAMPS:\n        data += 1\n        data += put_timestamps(")
def test_must_64_options_are_read_at_any_alignment():
    """MUST-64: timestamps that begin at each offset of a word are understood; ours are read by anybody."""
    for padding in range(4):
        peer = Peer()
        peer.listen()
        odd = b"\x01" * padding + b"\x08\x0a" + struct.pack("!II", 77, 0) + b"\x01" * ((2 - padding) % 4)
        peer.send(b"", "S", options=odd)
        answer = peer.answered()
        assert answer.timestamps[1] == 77
        peer.timestamp, peer.echo = 78, answer.timestamps[0]
        peer.send(b"x", "PA", options=b"\x01" * padding + b"\x08\x0a" + struct.pack("!II", 79, peer.echo)
                  + b"\x01" * ((2 - padding) % 4))
        peer.wait(1)
        assert peer.expect("A").timestamps[1] == 79


@mutation("tcp_emit.pyx", "return (12 if tcb.bits & TCB_TIMESTAMPS else 0) + (4 + 8 * blocks if blocks else 0)",
          "return (12 if tcb.bits & TCB_TIMESTAMPS else 0) + (4 + 8 * blocks if blocks else 4)")
def test_must_65_the_segment_size_is_told_in_syns_only():
    """MUST-65: no other segment has the option, nor any other of a SYN's, or room for them."""
    peer = Peer()
    server = peer.accepted(timestamp=1, sack=True, scale=3)
    server.send(b"data")
    peer.let_go()
    heard = peer.expect("PA")
    assert heard.kinds == [1, 1, 8]
    server.shutdown()
    peer.let_go()
    assert set(peer.expect("FA").options) == {8}


@mutation("tcp_establish.pyx",
          "return max(min(mtu, <uint32_t>65535) - HEADERS, <uint32_t>MSS_LEAST)",
          "return 1460")
@pytest.mark.parametrize(("mtu", "told"), [(576, 536), (1500, 1460), (9000, 8960), (65535, 65495)])
def test_must_67_the_size_told_is_what_the_link_can_take(mtu, told):
    """MUST-67: MMS_R - 20, both when we open and when we answer."""
    peer = Peer(mtu=mtu)
    peer.listen()
    peer.send(b"", "S")
    assert peer.answered().options[2] == struct.pack("!H", told)
    peer = Peer(mtu=mtu)
    client = TcpEndpoint(peer.stack, ("10.0.0.1", 80))
    peer.let_go()
    assert peer.hear().options[2] == struct.pack("!H", told)
    client.abort()


@mutation("tcp_emit.pyx", "    option[3] = <uint8_t>(2 + 8 * blocks)\n", "    option[3] = <uint8_t>(1 + 8 * blocks)\n")
def test_must_68_all_options_have_their_length():
    """MUST-68: each option we send is walked by its length, and fills the header exactly."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", options=syn_options(sack=True, timestamp=1, scale=7))
    answer = peer.answered()
    assert {kind: len(value) for kind, value in answer.options.items()} == {2: 2, 4: 0, 8: 8, 3: 1}
    peer.timestamp = 1
    peer.send(b"", "A")
    peer.send(b"gap", "PA", seq=peer.next + 5)
    heard = peer.expect("A")
    assert {kind: len(value) for kind, value in heard.options.items()} == {8: 8, 5: 8}


@mutation("tcp_emit.pyx",
          "        option[length] = TCP_OPTION_NO_OPERATION\n        option[length + 1] = TCP_OPTION_WINDOW_SCALE",
          "        option[length] = 7\n        option[length + 1] = TCP_OPTION_WINDOW_SCALE")
@pytest.mark.parametrize("offer", [{}, {"scale": 1}, {"sack": True}, {"timestamp": 9}, {"sack": True, "scale": 2},
                                   {"sack": True, "timestamp": 9}, {"sack": True, "timestamp": 9, "scale": 3}])
def test_must_69_headers_are_padded_to_whole_words_with_what_means_nothing(offer):
    """MUST-69: padding is NOP or, at the end, zero; and a SYN,ACK has only options that were offered."""
    peer = Peer()
    peer.listen()
    peer.send(b"", "S", options=syn_options(**offer))
    answer = peer.answered()
    wanted = {2} | ({4} if "sack" in offer else set()) | ({8} if "timestamp" in offer else set()) | (
        {3} if "scale" in offer else set())
    assert set(answer.kinds) - {0, 1} == wanted
    assert set(answer.options) == wanted


@mutation("tcp_segment.pxd", "<int8_t>min(<int>option[2], 14)", "<int8_t>option[2]", unit="stack_input.pyx")
@pytest.mark.parametrize("scale", [*range(15), 15, 100, 127])
def test_window_scales_from_0_to_14_and_no_further(scale):
    """RFC 7323 section 2.3: a larger one is taken for 14, or windows would be nonsense."""
    peer = Peer()
    server = peer.accepted(scale=scale, window=3)
    assert server.facts["scales"][0] == min(scale, 14)
    assert server.facts["snd_wnd"] == 3 << min(scale, 14)


def test_sack_blocks_that_cannot_be_true_are_ignored():
    """Inverted, beyond what was sent, already acknowledged: the scoreboard would make us send nonsense for ever."""
    peer = Peer()
    server = peer.accepted(sack=True)
    start = peer.heard
    server.send(bytes(5 * 1460))
    peer.let_go()
    peer.drain()
    for blocks in ([(start + 3000, start + 2000)], [(start + 1460, start + 999999)], [(start - 5000, start + 1)],
                   [(start, start)], [(start + (1 << 31), start + (1 << 31) + 5)]):
        for _ in range(4):
            peer.send(b"", "A", ack=start, options=sack_option(*blocks))
    assert [heard.seq for heard in peer.drain()] == []
    assert server.facts["retransmitted"] == 0


@mutation("tcp_establish.pyx", "segment.timestamps and not tcp.refused & TCB_TIMESTAMPS", "segment.timestamps")
@mutation("tcp_establish.pyx", "segment.sack_permitted and not tcp.refused & TCB_SACK", "segment.sack_permitted")
def test_a_stack_refuses_options_that_it_is_told_to():
    """Stack.configure_tcp: neither offered nor taken, or tests of old peers would test nothing."""
    peer = Peer(sack=False, timestamps=False, window_scaling=False)
    peer.listen()
    peer.send(b"", "S", options=syn_options(sack=True, timestamp=1, scale=7))
    assert set(peer.answered().options) == {2}
    peer = Peer(sack=False, timestamps=False, window_scaling=False)
    client = peer.connected(options=syn_options(sack=True, timestamp=1, scale=7))
    facts = client.facts
    assert (facts["sack"], facts["timestamps"], facts["scales"]) == (False, False, None)

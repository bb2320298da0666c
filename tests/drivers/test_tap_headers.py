"""The virtio-net headers of a tap are believed only when they can be true; a socket plays the kernel, to tell lies."""

import socket
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netos.drivers.tap import Tap
from netos.testing.devices import DeviceUser

CHECKSUM, TCPV4, UDP, TCPV6, UDP_L4, ECN = 1, 1, 3, 4, 5, 0x80


class Cable:
    """A tap whose other end is ours."""

    def __init__(self, offload=True):
        self.kernel, queue = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.kernel.setblocking(False)
        with queue:
            self.device = Tap("nt-fake", offload=offload, descriptor=queue.fileno())
            self.device.open()
        self.user = DeviceUser(self.device)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.device.close()
        self.kernel.close()

    def receive(self, header, data):
        """What netos makes of a frame with this header: (bytes, offload), or None when it is dropped."""
        self.kernel.send(struct.pack("=BBHHHHH", *header) + data)
        packets = self.user.receive()
        found = [(bytes(packet), self.user.offload(packet)) for packet in packets]
        for packet in packets:
            packet.kill()
        assert self.user.cpu.balance["held"] == 0
        assert self.device.rx_errors + self.device.rx_packets == self.user.cpu.balance["received"]
        return found[0] if found else None

    def send(self, offload, data):
        """The header and bytes that the kernel gets, or None when nothing is sent."""
        packet = self.user.cpu.packet(data)
        self.user.set_offload(packet, offload)
        assert self.user.send([packet]) == []
        assert self.user.cpu.balance["held"] == 0
        try:
            sent = self.kernel.recv(70000)
        except BlockingIOError:
            assert self.device.tx_errors
            return None
        return struct.unpack_from("=BBHHHHH", sent), sent[12:]


def tcp_frame(length, words=5):
    """A frame whose TCP header, at 34, claims that many 32-bit words."""
    data = bytearray(index & 255 for index in range(length))
    if length > 46:
        data[46] = words << 4
    return bytes(data)


@pytest.mark.parametrize(("header", "offload"), [
    ((0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
    ((CHECKSUM, 0, 0, 0, 34, 16, 0), (CHECKSUM, 0, 0, 34, 16, 0)),
    ((2, 0, 0, 0, 0, 0, 1), (2, 0, 0, 0, 0, 0)),
    ((CHECKSUM, TCPV4, 66, 1448, 34, 16, 0), (CHECKSUM, TCPV4, 1448, 34, 16, 66)),
    ((CHECKSUM, TCPV6 | ECN, 4000, 1428, 34, 16, 0), (CHECKSUM, TCPV6 | ECN, 1428, 34, 16, 66)),
    ((CHECKSUM, UDP_L4, 0, 1000, 34, 6, 0), (CHECKSUM, UDP_L4, 1000, 34, 6, 42)),
])
@pytest.mark.parametrize("length", [66, 4000, 65550])
def test_true_headers_are_taken_over(header, offload, length):
    """The kernel's header length is a hint and may be anything: ours is where the payload begins."""
    with Cable() as cable:
        assert cable.receive(header, tcp_frame(length, 8)) == (tcp_frame(length, 8), offload)


@pytest.mark.parametrize(("header", "length"), [
    ((CHECKSUM, 0, 0, 0, 90, 16, 0), 100),
    ((CHECKSUM, 0, 0, 0, 83, 16, 0), 100),
    ((CHECKSUM, 0, 0, 0, 65535, 65535, 0), 65550),
    ((CHECKSUM, 0, 0, 0, 65500, 16, 0), 65550),
    ((CHECKSUM, TCPV4, 54, 0, 34, 16, 0), 100),
    ((CHECKSUM, 9, 54, 100, 34, 16, 0), 100),
    ((CHECKSUM, UDP, 54, 100, 34, 6, 0), 100),
    ((CHECKSUM, ECN, 54, 100, 34, 16, 0), 100),
    ((0, TCPV4, 54, 100, 34, 16, 0), 100),
    ((CHECKSUM, TCPV4, 54, 100, 34, 6, 0), 100),
    ((CHECKSUM, UDP_L4, 54, 100, 34, 16, 0), 100),
    ((CHECKSUM, TCPV4, 54, 100, 34, 16, 0), 53),
    ((CHECKSUM, UDP_L4, 54, 100, 34, 6, 0), 41),
])
def test_headers_that_cannot_be_true_cost_the_frame(header, length):
    with Cable() as cable:
        assert cable.receive(header, tcp_frame(length)) is None
        assert cable.device.rx_errors == 1
        assert cable.receive((0,) * 7, b"the next one passes") == (b"the next one passes", (0,) * 6)


@pytest.mark.parametrize("words", [0, 4, 15])
def test_a_tcp_header_that_is_too_short_or_too_long_costs_the_frame(words):
    with Cable() as cable:
        assert cable.receive((CHECKSUM, TCPV4, 54, 100, 34, 16, 0), tcp_frame(90, words)) is None


def test_a_header_alone_is_no_frame():
    with Cable() as cable:
        assert cable.receive((0,) * 7, b"") is None


HEADERS = st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 3, 4, 5, 0x81, 0x84, 0x85, 0x80, 77]),
                    st.integers(0, 65535), st.integers(0, 3000),
                    st.one_of(st.integers(0, 80), st.integers(0, 65535)),
                    st.one_of(st.sampled_from([6, 16]), st.integers(0, 65535)), st.integers(0, 9))


@given(HEADERS, st.binary(min_size=1, max_size=120))
@example((1, 1, 0, 1, 0, 16, 0), bytes(12) + b"\x50" + bytes(40))
def test_whatever_is_received_can_be_sent_again(header, data):
    """The kernel would refuse a lie: what we believed has to be something we would say ourselves."""
    with Cable() as cable:
        received = cable.receive(header, data)
        if received is not None:
            frame, offload = received
            sent, again = cable.send(offload, frame)
            assert frame == again == data
            assert (sent[0], sent[1], sent[3]) == (header[0] & 1, offload[1], offload[2])
            if header[0] & 1:
                assert sent[4:6] == header[4:6]
                assert sent[4] + sent[5] + 2 <= len(data)


@given(HEADERS, st.binary(min_size=1, max_size=120))
def test_what_is_sent_is_true_or_refused(header, data):
    offload = (header[0], header[1], header[3], header[4] % 65000, header[5], header[2])
    with Cable() as cable:
        sent = cable.send(offload, data)
        if sent is not None:
            fields, frame = sent
            assert frame == data
            assert not fields[0] & 1 or fields[4] + fields[5] + 2 <= len(data)
            assert fields[2] <= len(data)
            assert not fields[1] or fields[0] & 1


def test_a_device_without_headers_sends_no_frame_that_needs_one():
    with Cable(offload=False) as cable:
        assert cable.send((CHECKSUM, 0, 0, 34, 16, 0), bytes(100)) is None


def test_a_full_device_keeps_the_rest_with_the_caller():
    with Cable(offload=False) as cable:
        sent = [bytes([number]) * 60000 for number in range(40)]
        left = cable.user.send(sent)
        assert 0 < len(left) < 40
        arrived = [cable.kernel.recv(70000) for _ in range(40 - len(left))]
        assert arrived + [bytes(packet) for packet in left] == sent
        assert cable.user.send(left[:1]) == []

"""Taps, against the kernel's own stack at their other end, in a network namespace of the test."""

import errno
import socket
from ipaddress import IPv4Interface

import pytest

from netos.drivers.netns import call_in_namespace
from netos.drivers.tap import Tap
from netos.errors import DeviceError
from netos.testing.devices import DeviceUser

pytestmark = pytest.mark.root

ALL = 0x0003        # ETH_P_ALL


@pytest.fixture
def tap(namespace):
    """Opens taps in the namespace, quiet ones: IPv6 would speak up by itself."""
    namespace.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    opened = []

    def make(name="nt-tap", **options):
        device = Tap(name, namespace=namespace.fd, **options)
        device.open()
        opened.append(device)
        return device

    yield make
    for device in opened:
        device.close()


@pytest.fixture
def raw(namespace):
    """Opens packet sockets at the host's end of a tap."""
    sockets = []

    def make(name="nt-tap", headers=False):
        opened = namespace.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)))
        if headers:
            opened.setsockopt(263, 15, 1)       # SOL_PACKET, PACKET_VNET_HDR
        opened.bind((name, ALL))
        opened.settimeout(2)
        sockets.append(opened)
        return opened

    yield make
    for opened in sockets:
        opened.close()


def frame(length, number=0):
    content = bytes(index & 255 for index in range(length - 15))
    return b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x88\xb5" + bytes([number]) + content


def balanced(user):
    balance = user.cpu.balance
    return balance["held"] == 0


@pytest.mark.parametrize("offload", [False, True])
def test_frames_pass_unchanged_both_ways(tap, raw, offload):
    user, host = DeviceUser(tap(offload=offload)), raw()
    frames = [frame(60 + 7 * number, number) for number in range(20)]
    for data in frames:
        host.send(data)
    received = user.receive()
    assert [bytes(packet) for packet in received] == frames
    assert all(packet.timestamp > 1_700_000_000_000_000_000 for packet in received)
    assert user.send(received) == []
    assert [host.recv(2000) for _ in frames] == frames
    device = user.device
    assert (device.rx_packets, device.tx_packets, device.rx_errors, device.tx_errors) == (20, 20, 0, 0)
    assert device.rx_bytes == device.tx_bytes == sum(map(len, frames))
    assert balanced(user)


@pytest.mark.parametrize("offload", [False, True])
@pytest.mark.parametrize("length", [1983, 1984, 1985, 9014, 65535])
def test_a_frame_longer_than_a_small_buffer_is_put_together(tap, raw, length, offload):
    """1984 bytes is what a small buffer takes."""
    user, host = DeviceUser(tap(mtu=65521, offload=offload)), raw()
    host.send(frame(100, 1))
    host.send(frame(length, 2))
    host.send(frame(100, 3))
    received = [bytes(packet) for packet in user.receive()]
    assert received == [frame(100, 1), frame(length, 2), frame(100, 3)]
    assert user.send(received) == []
    assert [host.recv(70000) for _ in range(3)] == received


def test_a_frame_cut_off_is_dropped_and_the_next_long_one_is_not(tap, raw, namespace):
    """The host raised the MTU behind our back."""
    user, host = DeviceUser(tap()), raw()
    namespace.ip("link set nt-tap mtu 9000")
    host.send(frame(4000))
    host.send(frame(4000, 2))
    packet, = user.receive()
    assert bytes(packet) == frame(4000, 2)
    assert user.device.rx_errors == user.cpu.balance["dropped"] == 1


def test_the_limit_is_kept_and_an_empty_device_is_no_error(tap, raw):
    user, host = DeviceUser(tap()), raw()
    assert user.receive() == []
    for number in range(5):
        host.send(frame(60, number))
    assert len(user.receive(3)) == 3
    assert len(user.receive(3)) == 2


def test_a_frame_the_kernel_refuses_is_counted_and_stalls_nothing(tap, raw):
    user, host = DeviceUser(tap()), raw()
    assert user.send([frame(60, 1), b"short", frame(60, 2)]) == []
    assert [host.recv(2000) for _ in range(2)] == [frame(60, 1), frame(60, 2)]
    assert user.device.tx_errors == 1
    assert user.cpu.balance["dropped"] == 1
    assert user.cpu.balance["sent"] == 2


def test_the_interface_is_configured_and_ends_with_close(tap, namespace):
    device = tap("nt-conf", prefix=IPv4Interface("10.1.2.1/24"), mac=b"\x02\x11\x22\x33\x44\x55", mtu=1400,
                 queue_length=77)
    shown = namespace.ip("addr show nt-conf")
    for part in ("inet 10.1.2.1/24 brd 10.1.2.255", "02:11:22:33:44:55", "mtu 1400", "qlen 77", ",UP"):
        assert part in shown
    assert device.made
    assert (device.mtu, device.host_address.hex()) == (1400, "021122334455")
    device.close()
    device.close()
    assert "nt-conf" not in namespace.ip("link")


def test_an_interface_made_beforehand_is_used_and_stays(tap, namespace):
    namespace.ip("tuntap add dev nt-mine mode tap")
    device = tap("nt-mine")
    assert not device.made
    assert "state DOWN" in namespace.ip("link show nt-mine")
    device.close()
    assert "nt-mine" in namespace.ip("link")


def test_a_persistent_interface_stays(tap, namespace):
    tap("nt-stay", persistent=True).close()
    assert "nt-stay" in namespace.ip("link")


def test_two_queues_of_one_interface(tap):
    first = tap("nt-two", multi_queue=True)
    second = tap("nt-two", multi_queue=True)
    assert first.made
    assert not second.made


@pytest.mark.parametrize(("prepare", "name", "words"), [
    ("link add nt-veth type veth peer name nt-peer", "nt-veth", "not a tap interface but one of the driver veth"),
    ("tuntap add dev nt-tun mode tun", "nt-tun", "not a tap interface but one of the driver tun tun"),
    ("tuntap add dev nt-multi mode tap multi_queue", "nt-multi", "made with several queues"),
])
def test_an_interface_of_another_kind_is_refused_with_words(tap, namespace, prepare, name, words):
    namespace.ip(prepare)
    with pytest.raises(DeviceError, match=words):
        tap(name)


def test_an_interface_in_use_says_so(tap):
    tap("nt-busy")
    with pytest.raises(DeviceError, match="another process uses it"):
        tap("nt-busy")


def test_a_refused_setting_leaves_no_interface(tap, namespace):
    with pytest.raises(DeviceError, match="cannot set the MTU 70000 of the interface nt-fail"):
        tap("nt-fail", mtu=70000)
    assert "nt-fail" not in namespace.ip("link")


@pytest.mark.parametrize("name", ["", "a" * 16, "a/b", "a b", ".."])
def test_a_name_no_interface_can_have(name):
    with pytest.raises(DeviceError, match="cannot be the name"):
        Tap(name)


def test_a_deleted_interface_is_an_error_both_ways_and_opens_again(tap, namespace):
    device = tap()
    user = DeviceUser(device)
    namespace.ip("link del nt-tap")
    with pytest.raises(OSError) as received:
        user.receive()
    left = user.send([frame(60)])
    assert received.value.errno == errno.EBADFD
    assert [bytes(packet) for packet in left] == [frame(60)]
    device.close()
    device.open()
    assert user.send(left) == []


def test_an_interface_that_is_down_keeps_the_packets_with_the_caller(tap, namespace):
    user = DeviceUser(tap())
    namespace.ip("link set nt-tap down")
    assert len(user.send([frame(60), frame(60)])) == 2
    assert user.receive() == []
    namespace.ip("link set nt-tap up")
    assert user.send([frame(60)]) == []


def udp_socket(namespace, *options):
    opened = namespace.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    for option in options:
        opened.setsockopt(*option)
    return opened


def test_the_kernels_partial_checksum_arrives_and_goes_back(tap, namespace):
    """A frame that the kernel left to be completed is taken back by the kernel, which believes the checksum unseen."""
    device = tap(offload=True, prefix=IPv4Interface("10.1.2.1/24"))
    user = DeviceUser(device)
    namespace.ip("neigh add 10.1.2.2 lladdr 02:00:00:00:00:02 dev nt-tap")
    with udp_socket(namespace) as sender:
        sender.bind(("10.1.2.1", 4000))
        sender.sendto(b"hello", ("10.1.2.2", 4001))
        packet, = user.receive()
        assert user.offload(packet) == (1, 0, 0, 34, 6, 0)
        turned = bytearray(packet)
        turned[0:12] = turned[6:12] + turned[0:6]
        turned[26:34] = turned[30:34] + turned[26:30]
        turned[34:38] = turned[36:38] + turned[34:36]
        back = user.cpu.packet(turned)
        user.set_offload(back, user.offload(packet))
        packet.kill()
        user.send([back])
        sender.settimeout(2)
        assert sender.recvfrom(100) == (b"hello", ("10.1.2.2", 4001))


def test_a_segmentation_packet_of_64_kib_is_one_packet(tap, namespace):
    """UDP segmentation offload (UDP_SEGMENT): one packet in the tap, its segments at the receiver."""
    user = DeviceUser(tap(offload=True, prefix=IPv4Interface("10.1.2.1/24")))
    namespace.ip("neigh add 10.1.2.2 lladdr 02:00:00:00:00:02 dev nt-tap")
    with udp_socket(namespace, (socket.IPPROTO_UDP, 103, 1000)) as sender:
        data = bytes(index % 251 for index in range(64000))
        sender.sendto(data, ("10.1.2.2", 4001))
        packet, = user.receive()
        assert len(packet) == 14 + 20 + 8 + 64000
        assert user.offload(packet) == (1, 5, 1000, 34, 6, 42)
        assert bytes(packet)[42:] == data


def test_two_namespaces_in_one_process(namespace):
    from netos.testing.namespace import NetworkNamespace

    with NetworkNamespace() as other:
        taps = [Tap("nt-same", namespace=space.fd) for space in (namespace, other)]
        for device in taps:
            device.open()
        assert all("nt-same" in space.ip("link") for space in (namespace, other))
        for device in taps:
            device.close()


def test_a_namespace_that_is_not_there():
    with pytest.raises(DeviceError, match="`ip netns add nt-nowhere` makes one"):
        call_in_namespace("nt-nowhere", lambda: None)

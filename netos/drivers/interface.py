"""Plain configuration of a Linux network interface: netdevice(7), one ioctl a fact, and ethtool's driver name."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import struct
from ipaddress import IPv4Interface
from types import TracebackType

from netos.errors import DeviceError

NAME_MAX = 15
UP = 1

SIOCADDRT = 0x890B
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
SIOCSIFADDR = 0x8916
SIOCSIFBRDADDR = 0x891A
SIOCSIFNETMASK = 0x891C
SIOCGIFMTU = 0x8921
SIOCSIFMTU = 0x8922
SIOCSIFHWADDR = 0x8924
SIOCGIFHWADDR = 0x8927
SIOCGIFINDEX = 0x8933
SIOCSIFTXQLEN = 0x8943
SIOCETHTOOL = 0x8946
ETHTOOL_GDRVINFO = 3
RTF_UP_GATEWAY = 3
ARPHRD_ETHER = 1

FIXES = {
    errno.EPERM: "it takes CAP_NET_ADMIN: run as root, or give Python the right with `sudo setcap cap_net_admin+ep …`",
    errno.EADDRNOTAVAIL: "the interface or the network refuses this address",
    errno.EBUSY: "take the interface down first",
}


class Interface:
    """An interface of the network namespace this was made in; use as a context manager, or close()."""

    def __init__(self, name: str) -> None:
        check_name(name)
        self.name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def close(self) -> None:
        """Let go of the socket; the interface stays as it is."""
        self._socket.close()

    def __enter__(self) -> Interface:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    @property
    def exists(self) -> bool:
        """Whether there is such an interface."""
        try:
            self._request(SIOCGIFINDEX)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return False
            raise
        return True

    @property
    def driver(self) -> str:
        """The kernel's name of what drives it, "tun tap" for a tap; "" when it does not say."""
        information = array.array("B", struct.pack("I192x", ETHTOOL_GDRVINFO))
        try:
            self._request(SIOCETHTOOL, struct.pack("P", information.buffer_info()[0]))
        except OSError:
            return ""
        raw = information.tobytes()
        return f"{text(raw[4:36])} {text(raw[100:132])}".strip()

    @property
    def up(self) -> bool:
        """Whether the interface is up; settable."""
        return bool(self._flags() & UP)

    @up.setter
    def up(self, value: bool) -> None:
        flags = self._flags() & ~UP | (UP if value else 0)
        self._set("take up" if value else "take down", SIOCSIFFLAGS, struct.pack("H", flags))

    @property
    def mtu(self) -> int:
        """Bytes of payload a frame carries at most; settable."""
        return int(struct.unpack_from("i", self._request(SIOCGIFMTU), 16)[0])

    @mtu.setter
    def mtu(self, value: int) -> None:
        self._set(f"set the MTU {value} of", SIOCSIFMTU, struct.pack("i", value))

    @property
    def address(self) -> bytes:
        """The Ethernet address, six bytes; settable while the interface is down."""
        return self._request(SIOCGIFHWADDR)[18:24]

    @address.setter
    def address(self, value: bytes) -> None:
        self._set("set the Ethernet address of", SIOCSIFHWADDR, struct.pack("H6s", ARPHRD_ETHER, value))

    def set_prefix(self, prefix: IPv4Interface) -> None:
        """Give the interface its (only) IPv4 address and network."""
        self._set(f"give {prefix.ip} to", SIOCSIFADDR, internet_address(prefix.ip.packed))
        self._set(f"set the netmask {prefix.netmask} of", SIOCSIFNETMASK, internet_address(prefix.netmask.packed))
        if prefix.network.prefixlen < 31:
            broadcast = prefix.network.broadcast_address
            self._set(f"set the broadcast address {broadcast} of", SIOCSIFBRDADDR, internet_address(broadcast.packed))

    def set_queue_length(self, packets: int) -> None:
        """How many packets may wait for whoever reads the interface."""
        self._set(f"set the queue length {packets} of", SIOCSIFTXQLEN, struct.pack("i", packets))

    def add_default_route(self, gateway: bytes) -> None:
        """Route everything by way of a gateway behind this interface (struct rtentry of route.h)."""
        name = array.array("B", self.name.encode() + b"\0")
        none = internet_address(bytes(4))
        route = struct.pack("L16s16s16sHhLLhhPLLH6x", 0, none, internet_address(gateway), none, RTF_UP_GATEWAY, 0, 0, 0,
                            0, 0, name.buffer_info()[0], 0, 0, 0)
        try:
            fcntl.ioctl(self._socket, SIOCADDRT, route)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise self._error("add a default route through", error) from None

    def _flags(self) -> int:
        return int(struct.unpack_from("H", self._request(SIOCGIFFLAGS), 16)[0])

    def _request(self, number: int, value: bytes = b"") -> bytes:
        return fcntl.ioctl(self._socket, number, struct.pack("16s24s", self.name.encode(), value))

    def _set(self, what: str, number: int, value: bytes) -> None:
        try:
            self._request(number, value)
        except OSError as error:
            raise self._error(what, error) from None

    def _error(self, what: str, error: OSError) -> DeviceError:
        return DeviceError(f"cannot {what} the interface {self.name}: {error.strerror}",
                           FIXES.get(error.errno or 0, ""))


def check_name(name: str) -> None:
    """Raise DeviceError for a name that no Linux interface can have."""
    if not name or len(os.fsencode(name)) > NAME_MAX or "/" in name or name in (".", "..") or " " in name:
        raise DeviceError(f"{name!r} cannot be the name of an interface",
                          f"1 to {NAME_MAX} characters, no slash and no space")


def internet_address(packed: bytes) -> bytes:
    """A struct sockaddr_in."""
    return struct.pack("HH4s8x", socket.AF_INET, 0, packed)


def text(raw: bytes) -> str:
    """A C string."""
    return raw.split(b"\0", 1)[0].decode(errors="replace")

"""Addresses of the host's own interfaces, for names such as `eth0:eth` (Click's AddressInfo::query_netdevice).

Only read, from sysfs, procfs and two ioctls; nothing here changes or uses the host's network.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from netos.addresses import EtherAddress, IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

SYSFS = Path("/sys/class/net")
PROCFS = Path("/proc/net")
SIOCGIFADDR, SIOCGIFNETMASK = 0x8915, 0x891B
NAME_MAXIMUM = 15
GATEWAY_FLAG = 2


def host_address(kind: str, device: str) -> object | None:
    """The device's address of a kind (`eth ip ipnet gw ip6 ip6net`), or None if it is no device or has none."""
    if not 0 < len(device) <= NAME_MAXIMUM or device.startswith(".") or "/" in device or not (SYSFS / device).is_dir():
        return None
    try:
        if kind == "eth":
            return EtherAddress((SYSFS / device / "address").read_text().strip())
        if kind == "gw":
            return gateway(device)
        found = ipv6_interface(device) if kind in ("ip6", "ip6net") else ipv4_interface(device)
    except (OSError, ValueError):
        return None
    return None if found is None else found if kind.endswith("net") else found.ip


def ipv4_interface(device: str) -> IPv4Interface:
    """The device's first IPv4 address and its prefix; OSError if it has none."""
    import fcntl
    import socket

    request = struct.pack("16s24x", os.fsencode(device))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        address, mask = (fcntl.ioctl(handle, number, request)[20:24] for number in (SIOCGIFADDR, SIOCGIFNETMASK))
    return IPv4Interface((address, int.from_bytes(mask, "big").bit_count()))


def ipv6_interface(device: str) -> IPv6Interface | None:
    """The device's first IPv6 address and its prefix."""
    for line in (PROCFS / "if_inet6").read_text().splitlines():
        address, _, length, _, _, name = line.split()
        if name == device:
            return IPv6Interface((IPv6Address(bytes.fromhex(address)), int(length, 16)))
    return None


def gateway(device: str) -> IPv4Address | None:
    """The gateway of the default route through the device."""
    for line in (PROCFS / "route").read_text().splitlines()[1:]:
        name, destination, address, flags = line.split()[:4]
        if name == device and int(destination, 16) == 0 and int(flags, 16) & GATEWAY_FLAG:
            return IPv4Address(struct.pack("=I", int(address, 16)))
    return None

"""Wire formats from Python: build, parse and show packets of each protocol, without a stack or a graph.

Every protocol is a class whose instances are headers, with the same three verbs:

    header, payload, trailer, faults = Udp.parse(data)      # a Parsed; strict=False notes faults
    data = header.build(payload)                            # lengths and checksums are made
    line = header.show(payload)                             # for people

What cannot be read, and when parsing strictly every fault, raises WireError, a ValueError that names the protocol and
the field; nothing else is raised. Cython has the .pxd files beside this package.
"""

from netos.proto.wire.arp import Arp
from netos.proto.wire.base import Header, Parsed, WireError
from netos.proto.wire.dhcp import Dhcp
from netos.proto.wire.dns import Dns, Question, Record
from netos.proto.wire.ethernet import Ethernet, Vlan
from netos.proto.wire.frame import assemble, dissect, show
from netos.proto.wire.icmp import Icmp
from netos.proto.wire.ipv4 import IpOption, Ipv4
from netos.proto.wire.tcp import Flags, Tcp
from netos.proto.wire.udp import Udp

__all__ = [
    "Arp", "Dhcp", "Dns", "Ethernet", "Flags", "Header", "Icmp", "IpOption", "Ipv4", "Parsed", "Question", "Record",
    "Tcp", "Udp", "Vlan", "WireError", "assemble", "dissect", "show",
]

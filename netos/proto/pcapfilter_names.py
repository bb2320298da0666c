"""The words of the pcap-filter language and the numbers they stand for (pcap-filter(7))."""

from __future__ import annotations

ETHER_IP, ETHER_ARP, ETHER_RARP, ETHER_IP6 = 0x0800, 0x0806, 0x8035, 0x86DD
VLAN_TYPES = (0x8100, 0x88A8, 0x9100)
ICMP, TCP, UDP, FRAGMENT, ICMP6, SCTP = 1, 6, 17, 44, 58, 132

# Protocols that a frame carries, and that IP does: by number, and whether over IPv4 and over IPv6.
ETHER_PROTOCOLS = {"ip": ETHER_IP, "ip6": ETHER_IP6, "arp": ETHER_ARP, "rarp": ETHER_RARP}
IP_PROTOCOLS = {"tcp": (TCP, True, True), "udp": (UDP, True, True), "sctp": (SCTP, True, True),
                "icmp": (ICMP, True, False), "icmp6": (ICMP6, False, True), "igmp": (2, True, False),
                "igrp": (9, True, False), "pim": (103, True, True), "vrrp": (112, True, False),
                "carp": (112, True, False), "ah": (51, True, True), "esp": (50, True, True)}
ALIASES = {"link": "ether", "icmpv6": "icmp6", "ipv6": "ip6"}
PROTOCOLS = ("ether", *ETHER_PROTOCOLS, *IP_PROTOCOLS)
DIRECTIONS = ("src", "dst")
KINDS = ("host", "net", "port", "portrange", "proto")
NUMBERED = {"ip": 0, "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "igrp": 9, "udp": 17, "ip6": 41, "ipv6": 41, "gre": 47,
            "esp": 50, "ah": 51, "icmp6": 58, "eigrp": 88, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132}

CONSTANTS = {
    "icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5,
    "icmp-echo": 8, "icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12,
    "icmp-tstamp": 13, "icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17,
    "icmp-maskreply": 18,
    "icmp6type": 0, "icmp6code": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4,
    "icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-routersolicit": 133, "icmp6-routeradvert": 134,
    "icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136, "icmp6-redirect": 137,
    "tcpflags": 13, "tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8, "tcp-ack": 16, "tcp-urg": 32,
    "tcp-ece": 64, "tcp-cwr": 128,
}

# Words that pcap-filter knows and this does not, with what to do instead.
UNSUPPORTED = {
    "gateway": "name the gateway's Ethernet address with `ether host`",
    "inbound": "take the edge behind the FromDevice instead", "outbound": "take the edge before the ToDevice instead",
    "protochain": "use `ip6 proto`", "mpls": "use `ether proto 0x8847`", "pppoed": "use `ether proto 0x8863`",
    "pppoes": "use `ether proto 0x8864`", "geneve": "use `udp port 6081`", "ifname": "name an edge",
    "decnet": "use `ether proto 0x6003`", "iso": "use `ether proto 0xfe`", "stp": "use `ether proto 0x42`",
    "netbeui": "use `ether proto 0xf0`", "atalk": "use `ether proto 0x809b`", "aarp": "use `ether proto 0x80f3`",
    "wlan": "use `ether`", "byte": "use `ether[N]`",
}
WORDS = frozenset((*PROTOCOLS, *ALIASES, *DIRECTIONS, *KINDS, *CONSTANTS, *UNSUPPORTED, "and", "or", "not", "less",
                   "greater", "len", "length", "vlan", "broadcast", "multicast", "mask"))

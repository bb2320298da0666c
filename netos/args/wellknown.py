"""Names every configuration knows: IP protocols, ICMP types, codes, TCP options, ports (Click's ipnameinfo, IANA)."""

from __future__ import annotations

from functools import cache

SERVICES_FILE = "/etc/services"

WELL_KNOWN: dict[str, dict[str, int]] = {
    "ip protocol": {
        "ip": 0, "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "dccp": 33, "ip6": 41,
        "ipv6": 41, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "eigrp": 88, "ospf": 89, "pim": 103,
        "ipcomp": 108, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
    },
    "icmp type": {
        "echo-reply": 0, "unreachable": 3, "sourcequench": 4, "redirect": 5, "echo": 8, "routeradvert": 9,
        "routersolicit": 10, "timeexceeded": 11, "parameterproblem": 12, "timestamp": 13, "timestamp-reply": 14,
        "inforeq": 15, "inforeq-reply": 16, "maskreq": 17, "maskreq-reply": 18,
    },
    "icmp code 3": {
        "net": 0, "host": 1, "protocol": 2, "port": 3, "needfrag": 4, "srcroutefail": 5, "netunknown": 6,
        "hostunknown": 7, "hostisolated": 8, "netprohibited": 9, "hostprohibited": 10, "nettos": 11, "hosttos": 12,
        "filterprohibited": 13, "hostprecedence": 14, "precedencecutoff": 15,
    },
    "icmp code 5": {"net": 0, "host": 1, "nettos": 2, "hosttos": 3},
    "icmp code 11": {"transit": 0, "reassembly": 1},
    "icmp code 12": {"erroratptr": 0, "missingopt": 1, "length": 2},
    "tcp option": {"eol": 0, "nop": 1, "mss": 2, "wscale": 3, "sackok": 4, "sack": 5, "timestamp": 8},
    "tcp port": {
        "echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23,
        "smtp": 25, "time": 37, "domain": 53, "finger": 79, "http": 80, "www": 80, "kerberos": 88, "pop3": 110,
        "sunrpc": 111, "auth": 113, "nntp": 119, "imap": 143, "imap2": 143, "bgp": 179, "irc": 194, "ldap": 389,
        "https": 443, "submission": 587, "ldaps": 636, "imaps": 993, "pop3s": 995, "socks": 1080, "mysql": 3306,
        "postgresql": 5432, "x11": 6000, "http-alt": 8080,
    },
    "udp port": {
        "echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "time": 37, "domain": 53, "bootps": 67, "bootpc": 68,
        "tftp": 69, "kerberos": 88, "sunrpc": 111, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138, "snmp": 161,
        "snmp-trap": 162, "https": 443, "isakmp": 500, "syslog": 514, "route": 520, "openvpn": 1194, "l2f": 1701,
        "nfs": 2049, "vxlan": 4789, "mdns": 5353,
    },
}


ADDRESS_KINDS = frozenset(("eth", "gw", "ip", "ip6", "ip6net", "ipnet"))


def well_known(kind: str, name: str) -> object | None:
    """What `name` means everywhere on this machine, or None; its interfaces are names of their addresses."""
    if kind in ADDRESS_KINDS:
        from netos.args.hostnames import host_address

        return host_address(kind, name)
    found = WELL_KNOWN.get(kind, {}).get(name)
    return services().get((kind, name)) if found is None and kind.endswith(" port") else found


@cache
def services() -> dict[tuple[str, str], int]:
    """The ports of /etc/services by (kind, name); none if there is no such file."""
    try:
        with open(SERVICES_FILE, encoding="latin-1") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    found: dict[tuple[str, str], int] = {}
    for line in lines:
        for kind, name, port in service_entries(line):
            found.setdefault((kind, name), port)
    return found


def service_entries(line: str) -> list[tuple[str, str, int]]:
    """The (kind, name, port) a line in the format of /etc/services defines; none for a comment or an odd line."""
    words = line.partition("#")[0].split()
    if len(words) < 2:
        return []
    port, slash, protocol = words[1].partition("/")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535) or (slash and protocol not in ("tcp", "udp")):
        return []
    kinds = [f"{protocol} port"] if slash else ["tcp port", "udp port"]
    return [(kind, name, int(port)) for kind in kinds for name in (words[0], *words[2:])]

"""Header fields as Python values, read and written by the inline functions of netos.wire and netos.proto, for tests."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from netos.checksum cimport checksum_ip
from netos.proto.arp cimport (ARP_LENGTH, arp_is_ethernet_ip, arp_operation, arp_sender, arp_target, arp_write)
from netos.proto.ethernet cimport (ETHER_ADDRESS_LENGTH, ETHER_HEADER_LENGTH, ether_equal, ether_is_broadcast,
                                   ether_is_control, ether_is_group, ether_is_zero, ether_type, ether_write,
                                   ether_write_group)
from netos.proto.icmp cimport (ICMP_AT_CODE, ICMP_AT_TYPE, ICMP_HEADER_LENGTH, icmp_checksum, icmp_header_length,
                               icmp_identifier, icmp_is_error, icmp_sequence)
from netos.proto.ipv4 cimport (IP_AT_CHECKSUM, IP_AT_PROTOCOL, IP_AT_TOS, IP_AT_TTL, IP_HEADER_LENGTH, ip_checksum,
                               ip_destination, ip_dont_fragment, ip_fragment_offset, ip_header_length,
                               ip_identification, ip_is_broadcast, ip_is_first_fragment, ip_is_fragment, ip_is_loopback,
                               ip_is_multicast, ip_prefix_mask, ip_source, ip_total_length, ip_version, ip_write)
from netos.proto.tcp cimport (TCP_HEADER_LENGTH, sequence_before, sequence_before_or_at, tcp_acknowledgment,
                              tcp_checksum, tcp_destination, tcp_flags, tcp_header_length, tcp_sequence, tcp_source,
                              tcp_urgent, tcp_window)
from netos.proto.udp cimport (UDP_HEADER_LENGTH, udp_checksum, udp_destination, udp_length, udp_source, udp_write)
from netos.wire cimport (load16, load32, load64, load_be16, load_be24, load_be32, load_be48, load_be64, load_le16,
                         load_le32, load_le64, store16, store32, store64, store_be16, store_be24, store_be32,
                         store_be48, store_be64, store_le16, store_le32, store_le64)


cdef const uint8_t *at_least(bytes data, Py_ssize_t length) except NULL:
    if len(data) < length:
        raise ValueError(f"the header has {length} bytes, not {len(data)}")
    return <const uint8_t *>data


def loads(bytes data):
    """What each load of netos.wire makes of eight bytes or more, by name."""
    cdef const uint8_t *at = at_least(data, 8)
    return {"be16": load_be16(at), "be24": load_be24(at), "be32": load_be32(at), "be48": load_be48(at),
            "be64": load_be64(at), "le16": load_le16(at), "le32": load_le32(at), "le64": load_le64(at),
            "16": load16(at), "32": load32(at), "64": load64(at)}


def stores(uint64_t value):
    """Nine bytes of 0xEE after each store of netos.wire at the second of them, by name."""
    cdef uint8_t field[9]
    cdef dict stored = {}
    for name in ("be16", "be24", "be32", "be48", "be64", "le16", "le32", "le64", "16", "32", "64"):
        memset(field, 0xEE, 9)
        if name == "be16":
            store_be16(field + 1, <uint16_t>value)
        elif name == "be24":
            store_be24(field + 1, <uint32_t>value)
        elif name == "be32":
            store_be32(field + 1, <uint32_t>value)
        elif name == "be48":
            store_be48(field + 1, value)
        elif name == "be64":
            store_be64(field + 1, value)
        elif name == "le16":
            store_le16(field + 1, <uint16_t>value)
        elif name == "le32":
            store_le32(field + 1, <uint32_t>value)
        elif name == "le64":
            store_le64(field + 1, value)
        elif name == "16":
            store16(field + 1, <uint16_t>value)
        elif name == "32":
            store32(field + 1, <uint32_t>value)
        else:
            store64(field + 1, value)
        stored[name] = (<char *>field)[:9]
    return stored


def ether_kinds(bytes address):
    """Which of the tests of an Ethernet address hold."""
    cdef const uint8_t *at = at_least(address, ETHER_ADDRESS_LENGTH)
    found = {"group": ether_is_group(at), "broadcast": ether_is_broadcast(at), "zero": ether_is_zero(at),
             "control": ether_is_control(at), "self": ether_equal(at, at)}
    return {name for name, holds in found.items() if holds}


def ether_header(bytes destination, bytes source, uint16_t ethertype):
    """An Ethernet header."""
    cdef uint8_t header[ETHER_HEADER_LENGTH]
    ether_write(header, at_least(destination, ETHER_ADDRESS_LENGTH), at_least(source, ETHER_ADDRESS_LENGTH), ethertype)
    if ether_type(header) != ethertype:
        raise AssertionError("the type that was written is not the one that is read")
    return (<char *>header)[:ETHER_HEADER_LENGTH]


def ether_group(uint32_t group):
    """The Ethernet address of an IPv4 multicast group."""
    cdef uint8_t address[ETHER_ADDRESS_LENGTH]
    ether_write_group(address, group)
    return (<char *>address)[:ETHER_ADDRESS_LENGTH]


def arp_packet(uint16_t operation, bytes sender_ether, uint32_t sender, object target_ether, uint32_t target):
    """An ARP packet; target_ether may be None."""
    cdef uint8_t packet[ARP_LENGTH]
    cdef const uint8_t *target_at = NULL
    if target_ether is not None:
        target_at = at_least(target_ether, ETHER_ADDRESS_LENGTH)
    arp_write(packet, operation, at_least(sender_ether, ETHER_ADDRESS_LENGTH), sender, target_at, target)
    return (<char *>packet)[:ARP_LENGTH]


def arp_fields(bytes packet):
    """The fields of an ARP packet that have accessors."""
    cdef const uint8_t *arp = at_least(packet, ARP_LENGTH)
    return {"ethernet_ip": bool(arp_is_ethernet_ip(arp)), "operation": arp_operation(arp), "sender": arp_sender(arp),
            "target": arp_target(arp)}


def ip_header(uint32_t total_length, uint8_t protocol, uint32_t source, uint32_t destination, uint8_t ttl=64,
              uint16_t identification=0, uint16_t fragment=0):
    """An IPv4 header without options, with its checksum."""
    cdef uint8_t header[IP_HEADER_LENGTH]
    ip_write(header, total_length, protocol, source, destination, ttl, identification, fragment)
    store_be16(header + IP_AT_CHECKSUM, checksum_ip(header, IP_HEADER_LENGTH))
    return (<char *>header)[:IP_HEADER_LENGTH]


def ip_fields(bytes header):
    """The fields of an IPv4 header."""
    cdef const uint8_t *ip = at_least(header, IP_HEADER_LENGTH)
    return {"version": ip_version(ip), "header_length": ip_header_length(ip), "tos": ip[IP_AT_TOS],
            "total_length": ip_total_length(ip), "identification": ip_identification(ip),
            "dont_fragment": bool(ip_dont_fragment(ip)), "fragment": bool(ip_is_fragment(ip)),
            "first_fragment": bool(ip_is_first_fragment(ip)), "fragment_offset": ip_fragment_offset(ip),
            "ttl": ip[IP_AT_TTL], "protocol": ip[IP_AT_PROTOCOL], "checksum": ip_checksum(ip),
            "source": ip_source(ip), "destination": ip_destination(ip)}


def ip_kinds(uint32_t address):
    """Which of the tests of an IPv4 address hold."""
    found = {"multicast": ip_is_multicast(address), "broadcast": ip_is_broadcast(address),
             "loopback": ip_is_loopback(address)}
    return {name for name, holds in found.items() if holds}


def prefix_mask(uint32_t length):
    """The netmask of a prefix length of 0 to 32."""
    return ip_prefix_mask(length)


def icmp_fields(bytes message):
    """The fields of an ICMP message."""
    cdef const uint8_t *icmp = at_least(message, ICMP_HEADER_LENGTH)
    return {"type": icmp[ICMP_AT_TYPE], "code": icmp[ICMP_AT_CODE], "checksum": icmp_checksum(icmp),
            "identifier": icmp_identifier(icmp), "sequence": icmp_sequence(icmp),
            "error": bool(icmp_is_error(icmp[ICMP_AT_TYPE])),
            "header_length": icmp_header_length(icmp[ICMP_AT_TYPE])}


def udp_header(uint16_t source, uint16_t destination, uint32_t length):
    """A UDP header without a checksum."""
    cdef uint8_t header[UDP_HEADER_LENGTH]
    udp_write(header, source, destination, length)
    return (<char *>header)[:UDP_HEADER_LENGTH]


def udp_fields(bytes header):
    """The fields of a UDP header."""
    cdef const uint8_t *udp = at_least(header, UDP_HEADER_LENGTH)
    return {"source": udp_source(udp), "destination": udp_destination(udp), "length": udp_length(udp),
            "checksum": udp_checksum(udp)}


def tcp_fields(bytes header):
    """The fields of a TCP header."""
    cdef const uint8_t *tcp = at_least(header, TCP_HEADER_LENGTH)
    return {"source": tcp_source(tcp), "destination": tcp_destination(tcp), "sequence": tcp_sequence(tcp),
            "acknowledgment": tcp_acknowledgment(tcp), "header_length": tcp_header_length(tcp),
            "flags": tcp_flags(tcp), "window": tcp_window(tcp), "checksum": tcp_checksum(tcp),
            "urgent": tcp_urgent(tcp)}


def sequence_order(uint32_t first, uint32_t second):
    """-1, 0 or 1: whether a sequence number is before, at or after another."""
    if sequence_before(first, second):
        return -1
    return 0 if sequence_before_or_at(first, second) else 1

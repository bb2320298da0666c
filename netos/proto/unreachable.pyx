"""What users hear of a neighbour that does not answer: no route to host (RFC 1122 sections 2.4, 4.1.3.3, 4.2.3.9)."""

from libc.errno cimport EHOSTUNREACH
from libc.stdint cimport int64_t, uint8_t

from netos.packet cimport Descriptor, packet_network, packet_transport, packet_transport_length
from netos.proto.host cimport Host
from netos.proto.inet cimport Address, address_ipv4
from netos.proto.ipv4 cimport (
    IP_AT_PROTOCOL, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, ip_destination, ip_is_first_fragment, ip_source,
)
from netos.proto.stack_input cimport Protocols
from netos.proto.tcp_block cimport KIND_BLOCK, SYN_SENT, TIMER_RETRANSMIT, Connection, Tcb
from netos.proto.tcp_emit cimport set_timer
from netos.proto.tcp_table cimport tcp_find
from netos.proto.udp_ports cimport udp_error
from netos.wire cimport load_be16

cdef enum:
    PORTS = 4                   # bytes that TCP's and UDP's begin with

cdef int64_t LONG_AGO = <int64_t>3600 * 1000000000


cdef void neighbour_unreachable(Host *host, Descriptor *packet) noexcept nogil:
    """Tell whoever sent a packet, which begins with its IP header, that no neighbour takes it; it stays the caller's.

    An open connection takes it for soft, as it does ICMP's word. An attempt to connect ends: the next turn of its timer
    finds that it has lasted too long. (It must not end here, where it may be in the middle of sending.)
    """
    cdef Protocols *protocols = <Protocols *>host
    cdef const uint8_t *ip = packet_network(packet)
    cdef const uint8_t *transport = packet_transport(packet)
    cdef Address local = address_ipv4(ip_source(ip)), remote = address_ipv4(ip_destination(ip))
    cdef Connection *connection
    cdef Tcb *tcb
    if not ip_is_first_fragment(ip) or packet_transport_length(packet) < PORTS:
        return
    if ip[IP_AT_PROTOCOL] == IP_PROTOCOL_UDP:
        udp_error(&protocols.udp, &local, &remote, transport, EHOSTUNREACH)
    elif ip[IP_AT_PROTOCOL] == IP_PROTOCOL_TCP:
        connection = tcp_find(&protocols.tcp, &local, load_be16(transport), &remote, load_be16(transport + 2))
        if connection == NULL or connection.kind != KIND_BLOCK:
            return
        tcb = <Tcb *>connection
        tcb.soft_error = EHOSTUNREACH
        if tcb.connection.state == SYN_SENT:
            tcb.progress_at = host.now - LONG_AGO
            set_timer(tcb, TIMER_RETRANSMIT, host.now)

"""Segments as they leave: header, options, payload, checksum or the offload of it (RFC 9293, RFC 7323, RFC 2018)."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from netos.checksum cimport checksum_finish, checksum_fold, checksum_partial, checksum_pseudo
from netos.packet cimport GSO_TCPV4, HEADROOM, VIRTIO_NEEDS_CHECKSUM, Descriptor, packet_create, packet_headroom
from netos.proto.deadlines cimport deadline_set
from netos.proto.host cimport Path
from netos.proto.inet cimport address_number
from netos.proto.ip_output cimport ip_send
from netos.proto.ipv4 cimport IP_PROTOCOL_TCP
from netos.proto.ranges cimport ranges_find
from netos.proto.ring cimport RING_LEAST, ring_copy_out
from netos.proto.tcp cimport (
    TCP_ACK, TCP_AT_ACKNOWLEDGMENT, TCP_AT_CHECKSUM, TCP_AT_DATA_OFFSET, TCP_AT_DESTINATION, TCP_AT_FLAGS,
    TCP_AT_SEQUENCE, TCP_AT_SOURCE, TCP_AT_URGENT, TCP_AT_WINDOW, TCP_CWR, TCP_ECE, TCP_HEADER_LENGTH, TCP_OPTION_MSS,
    TCP_OPTION_NO_OPERATION, TCP_OPTION_SACK, TCP_OPTION_SACK_PERMITTED, TCP_OPTION_TIMESTAMPS, TCP_OPTION_WINDOW_SCALE,
    TCP_RST, TCP_SYN, TCP_URG,
)
from netos.proto.tcp_block cimport (
    COUNT_NO_BUFFER, COUNT_OUT_RESETS, COUNT_OUT_SEGMENTS, SYN_RECEIVED, TCB_ACK_DELAYED, TCB_ACK_NOW, TCB_CWR_PENDING,
    TCB_DSACK, TCB_ECE_PENDING, TCB_ECN, TCB_NO_ROOM, TCB_SACK, TCB_TIMESTAMPS, TCB_URGENT_OUT, TCB_WINDOW_SCALING,
    TIMER_DELAYED_ACK, TIMER_PERSIST, Connection, Tcb, Tcp, tcp_clock,
)
from netos.proto.tcp_establish cimport own_mss
from netos.wire cimport store_be16, store_be32

cdef enum:
    IP_ECT0 = 2


cdef void set_timer(Tcb *tcb, int which, int64_t when) noexcept nogil:
    """Set one of the connection's timers; 0 stops it."""
    tcb.deadline[which] = when
    if when and (tcb.timer.place < 0 or when < tcb.timer.when):
        deadline_set(&tcb.tcp.host.deadlines, &tcb.timer, when)


cdef uint32_t put_timestamps(uint8_t *option, uint32_t value, uint32_t echo) noexcept nogil:
    """Twelve bytes (RFC 7323 appendix A)."""
    option[0] = option[1] = TCP_OPTION_NO_OPERATION
    option[2] = TCP_OPTION_TIMESTAMPS
    option[3] = 10
    store_be32(option + 4, value)
    store_be32(option + 8, echo)
    return 12


cdef uint32_t put_syn_options(uint8_t *option, uint16_t mss, int32_t window_scale, bint sack, bint timestamps,
                              uint32_t value, uint32_t echo) noexcept nogil:
    """The options of a SYN, in the order most stacks have; a window scale below 0: none. Bytes written."""
    cdef uint32_t length = 4
    option[0] = TCP_OPTION_MSS
    option[1] = 4
    store_be16(option + 2, mss)
    if timestamps:
        put_timestamps(option + length, value, echo)
        if sack:
            option[length] = TCP_OPTION_SACK_PERMITTED
            option[length + 1] = 2
        length += 12
    elif sack:
        option[length] = option[length + 1] = TCP_OPTION_NO_OPERATION
        option[length + 2] = TCP_OPTION_SACK_PERMITTED
        option[length + 3] = 2
        length += 4
    if window_scale >= 0:
        option[length] = TCP_OPTION_NO_OPERATION
        option[length + 1] = TCP_OPTION_WINDOW_SCALE
        option[length + 2] = 3
        option[length + 3] = <uint8_t>window_scale
        length += 4
    return length


cdef void put_header(uint8_t *header, const Connection *connection, uint32_t sequence, uint32_t acknowledgment,
                     uint8_t flags, uint32_t window, uint32_t header_length) noexcept nogil:
    store_be16(header + TCP_AT_SOURCE, connection.local_port)
    store_be16(header + TCP_AT_DESTINATION, connection.remote_port)
    store_be32(header + TCP_AT_SEQUENCE, sequence)
    store_be32(header + TCP_AT_ACKNOWLEDGMENT, acknowledgment)
    header[TCP_AT_DATA_OFFSET] = <uint8_t>(header_length << 2)
    header[TCP_AT_FLAGS] = flags
    store_be16(header + TCP_AT_WINDOW, <uint16_t>min(window, <uint32_t>0xFFFF))
    store_be16(header + TCP_AT_CHECKSUM, 0)
    store_be16(header + TCP_AT_URGENT, 0)


cdef bint finish(Tcp *tcp, Descriptor *packet, const Connection *connection, bint offload, uint8_t tos) noexcept nogil:
    """Checksum, and away."""
    cdef uint8_t *header = packet.data
    cdef uint64_t pseudo = checksum_pseudo(address_number(&connection.local), address_number(&connection.remote),
                                           IP_PROTOCOL_TCP, packet.length)
    if offload:
        packet.virtio_flags = VIRTIO_NEEDS_CHECKSUM
        packet.checksum_start = <uint16_t>packet_headroom(packet)
        packet.checksum_offset = TCP_AT_CHECKSUM
        store_be16(header + TCP_AT_CHECKSUM, checksum_fold(pseudo))
    else:
        store_be16(header + TCP_AT_CHECKSUM, checksum_finish(checksum_partial(header, packet.length, pseudo)))
    tcp.counts[COUNT_OUT_SEGMENTS] += 1
    if header[TCP_AT_FLAGS] & TCP_RST:
        tcp.counts[COUNT_OUT_RESETS] += 1
    return ip_send(tcp.host, packet, &connection.local, &connection.remote, IP_PROTOCOL_TCP, tos, 1) == 0


cdef bint send_bare(Tcp *tcp, const Connection *connection, Bare *bare) noexcept nogil:
    """Send a segment without payload for what has no block: a SYN,ACK of a listener, a RST, an ACK in TIME-WAIT."""
    cdef uint32_t length = TCP_HEADER_LENGTH + bare.options_length
    cdef Descriptor *packet = packet_create(tcp.host.vcpu, HEADROOM, length)
    if packet == NULL:
        tcp.counts[COUNT_NO_BUFFER] += 1
        return 0
    put_header(packet.data, connection, bare.sequence, bare.acknowledgment, bare.flags, bare.window, length)
    memcpy(packet.data + TCP_HEADER_LENGTH, bare.options, bare.options_length)
    return finish(tcp, packet, connection, 0, 0)


# The options of an open connection

cdef uint32_t sack_blocks(const Tcb *tcb) noexcept nogil:
    """How many SACK blocks the next segment has."""
    cdef uint32_t count
    if not tcb.bits & TCB_SACK:
        return 0
    count = tcb.received.count + ((tcb.bits & TCB_DSACK) != 0)
    return min(count, <uint32_t>(3 if tcb.bits & TCB_TIMESTAMPS else 4))


cdef uint32_t options_length(const Tcb *tcb) noexcept nogil:
    """Bytes of options in the next segment."""
    cdef uint32_t blocks = sack_blocks(tcb)
    return (12 if tcb.bits & TCB_TIMESTAMPS else 0) + (4 + 8 * blocks if blocks else 0)


cdef void put_block(uint8_t *option, uint32_t number, uint32_t first, uint32_t end) noexcept nogil:
    store_be32(option + 4 + 8 * number, first)
    store_be32(option + 8 + 8 * number, end)


cdef void put_sack(Tcb *tcb, uint8_t *option) noexcept nogil:
    """A duplicate first (RFC 2883), then the ranges that grew last (RFC 2018 section 4), then the others."""
    cdef uint32_t blocks = sack_blocks(tcb), number = 0, i
    cdef uint32_t told = 0          # bit by bit, the ranges that are told already; the first 32 are enough
    cdef int32_t found
    option[0] = option[1] = TCP_OPTION_NO_OPERATION
    option[2] = TCP_OPTION_SACK
    option[3] = <uint8_t>(2 + 8 * blocks)
    if tcb.bits & TCB_DSACK:
        put_block(option, 0, tcb.duplicate.first, tcb.duplicate.end)
        number = 1
    for i in range(4):
        found = ranges_find(&tcb.received, tcb.recent[i])
        if 0 <= found < 32 and not told >> found & 1 and number < blocks:
            told |= <uint32_t>1 << found
            put_block(option, number, tcb.received.items[found].first, tcb.received.items[found].end)
            number += 1
    for i in range(min(tcb.received.count, <uint32_t>32)):
        if number == blocks:
            break
        if not told >> i & 1:
            put_block(option, number, tcb.received.items[i].first, tcb.received.items[i].end)
            number += 1


cdef uint32_t ring_left(const Tcb *tcb) noexcept nogil:
    """What the receive buffer takes without more memory; 0 when that is little."""
    cdef uint32_t left = max(tcb.receive.size, <uint32_t>RING_LEAST) - tcb.receive.used
    return left if left >= min(tcb.mss, <uint32_t>RING_LEAST // 2) else 0


cdef uint32_t window_field(Tcb *tcb) noexcept nogil:
    """The window to tell; its right edge never goes back and moves in large steps only (RFC 9293 section 3.8.6.2.2).

    But where memory is out: what would only be dropped is not asked for, and peers wait without giving up. What was
    asked for is taken all the same, if there is memory when it comes.
    """
    cdef uint32_t room = tcb.receive_limit - min(tcb.receive.used, tcb.receive_limit)
    cdef uint32_t told = <uint32_t>max(<int32_t>(tcb.rcv_adv - tcb.rcv_nxt), 0)
    cdef uint32_t field
    if room < told + min(tcb.receive_limit // 2, tcb.mss):
        field = (told + (<uint32_t>1 << tcb.rcv_scale) - 1) >> tcb.rcv_scale
        if field << tcb.rcv_scale > room:       # rather a step back than to promise too much (RFC 7323 2.4)
            field = told >> tcb.rcv_scale
    else:
        field = room >> tcb.rcv_scale
    field = min(field, <uint32_t>0xFFFF)
    if <int32_t>(tcb.rcv_nxt + (field << tcb.rcv_scale) - tcb.rcv_adv) > 0:
        tcb.rcv_adv = tcb.rcv_nxt + (field << tcb.rcv_scale)
    if tcb.bits & TCB_NO_ROOM:
        if tcb.receive.pool.taken + max(tcb.receive.size, <uint32_t>RING_LEAST) <= tcb.receive.pool.limit:
            tcb.bits &= ~<uint32_t>TCB_NO_ROOM              # the ring may grow to twice its size
        else:
            field = min(field, ring_left(tcb) >> tcb.rcv_scale)
    return field


cdef bint send_segment(Tcb *tcb, const Path *path, uint32_t at, uint32_t length, uint8_t flags,
                       uint32_t gso_size) noexcept nogil:
    """Send `length` bytes from the sequence number `at` on, which is not before snd_una; 0 when it could not be.

    With gso_size it is a super-segment, cut by the link into segments of that many bytes.
    """
    cdef Tcp *tcp = tcb.tcp
    cdef uint32_t options = options_length(tcb), header = TCP_HEADER_LENGTH + options
    cdef Descriptor *packet = packet_create(tcp.host.vcpu, HEADROOM, header + length)
    cdef uint8_t tos = tcb.tos
    cdef uint8_t *data
    if packet == NULL:
        tcp.counts[COUNT_NO_BUFFER] += 1
        return 0
    data = packet.data
    if tcb.bits & TCB_ECN:
        if tcb.bits & TCB_ECE_PENDING:
            flags |= TCP_ECE
        if length and at == tcb.snd_max and not tcb.deadline[TIMER_PERSIST]:
            # New data alone: no retransmission (RFC 3168 section 6.1.5), no probe of a window (section 6.1.6)
            tos |= IP_ECT0
            if tcb.bits & TCB_CWR_PENDING:
                flags |= TCP_CWR
                tcb.bits &= ~<uint32_t>TCB_CWR_PENDING
    put_header(data, &tcb.connection, at, tcb.rcv_nxt, flags, window_field(tcb), header)
    data += TCP_HEADER_LENGTH
    if tcb.bits & TCB_TIMESTAMPS:
        data += put_timestamps(data, tcp_clock(tcp) + tcb.ts_offset, tcb.ts_recent)
    if sack_blocks(tcb):
        put_sack(tcb, data)
    if length:
        ring_copy_out(&tcb.send, at - tcb.snd_una, packet.data + header, length)
    if tcb.bits & TCB_URGENT_OUT and <int32_t>(tcb.snd_up - at) > 0:
        packet.data[TCP_AT_FLAGS] |= TCP_URG
        store_be16(packet.data + TCP_AT_URGENT, <uint16_t>min(tcb.snd_up - at, <uint32_t>0xFFFF))
    if gso_size and length > gso_size:
        packet.gso_type = GSO_TCPV4
        packet.gso_size = <uint16_t>gso_size
        packet.header_length = <uint16_t>header
    tcb.bits &= ~<uint32_t>(TCB_ACK_NOW | TCB_ACK_DELAYED | TCB_DSACK)
    tcb.deadline[TIMER_DELAYED_ACK] = 0
    tcb.last_ack = tcb.rcv_nxt
    if length:
        tcb.sent_at = tcp.host.now
    return finish(tcp, packet, &tcb.connection, path.offload, tos)


cdef bint send_syn(Tcb *tcb) noexcept nogil:
    """Send the SYN of an active open; with the ACK of the peer's when both have opened at once."""
    cdef Bare bare
    cdef bint answer = tcb.connection.state == SYN_RECEIVED
    cdef uint32_t offered = tcb.bits if answer else ~tcb.tcp.refused
    bare.sequence = tcb.iss
    bare.acknowledgment = tcb.rcv_nxt if answer else 0
    bare.flags = TCP_SYN | (TCP_ACK if answer else TCP_ECE | TCP_CWR if tcb.tcp.ecn and tcb.backoff < 2 else 0)
    bare.window = min(tcb.receive_limit, <uint32_t>0xFFFF)
    bare.options_length = put_syn_options(
        bare.options, <uint16_t>own_mss(tcb.tcp, &tcb.connection),
        tcb.rcv_scale if offered & TCB_WINDOW_SCALING else -1,
        offered & TCB_SACK != 0, offered & TCB_TIMESTAMPS != 0,
        tcp_clock(tcb.tcp) + tcb.ts_offset, tcb.ts_recent if answer else 0)
    tcb.rcv_adv = tcb.rcv_nxt + bare.window
    tcb.last_ack = tcb.rcv_nxt
    tcb.sent_at = tcb.tcp.host.now
    return send_bare(tcb.tcp, &tcb.connection, &bare)

"""Staging: send the packets of a batch to different outputs, in order, however often the graph loops."""

from libc.stdint cimport uint32_t

from netos.element cimport Element, port_push
from netos.packet cimport DEPTH_MAX, DROP_LOOP, DROP_NO_OUTPUT, Batch, Frame, Group, Vcpu


cdef void emit(Element element, Frame *frame, Batch *batch) noexcept nogil:
    """Send each packet to the output that `frame.output` names, order kept within an output, then leave the frame.

    A loop in the graph comes back here with a frame of its own; past DEPTH_MAX its packets are dropped as `loop`.
    """
    cdef Vcpu *vcpu = element.vcpu
    cdef uint32_t i, groups = 0, first = 0
    cdef uint32_t count = batch.count
    cdef int output
    cdef Batch part
    cdef Group *group
    if vcpu.depth > DEPTH_MAX:
        element.drop_batch(batch, DROP_LOOP)
        vcpu.depth -= 1
        return
    if count:
        output = frame.output[0]
        i = 1
        while i < count and frame.output[i] == output:
            i += 1
        if i == count:
            emit_to(element, output, batch)
            vcpu.depth -= 1
            return
    for i in range(count):
        output = frame.output[i]
        if output < 0 or output >= element.n_outputs:
            element.drop(batch.packets[i], -output if output < 0 else DROP_NO_OUTPUT)
            continue
        if element.tally[output] == 0:
            frame.groups[groups].output = output
            groups += 1
        element.tally[output] += 1
    for i in range(groups):             # tally turns from a count into the place of the output's next packet
        group = &frame.groups[i]
        group.first = first
        group.count = element.tally[group.output]
        element.tally[group.output] = first
        first += group.count
    for i in range(count):
        output = frame.output[i]
        if 0 <= output < element.n_outputs:
            frame.sorted[element.tally[output]] = batch.packets[i]
            element.tally[output] += 1
    for i in range(groups):
        element.tally[frame.groups[i].output] = 0
    for i in range(groups):
        group = &frame.groups[i]
        part.packets = frame.sorted + group.first
        part.count = group.count
        port_push(&element.outputs[group.output], &part)
    vcpu.depth -= 1


cdef void emit_to(Element element, int output, Batch *batch) noexcept nogil:
    if 0 <= output < element.n_outputs:
        port_push(&element.outputs[output], batch)
    else:
        element.drop_batch(batch, -output if output < 0 else DROP_NO_OUTPUT)

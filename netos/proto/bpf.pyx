"""Classic BPF: the machine that tcpdump's filters are compiled for (McCanne and Jacobson; libpcap's pcap/bpf.h).

A program is checked when it is made: jumps go forward and end in the program, so each run ends, and no run leaves the
packet or the machine's sixteen words of memory. A load past the packet's end, or a division by zero, rejects it.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from netos.wire cimport load_be16, load_be32

cdef enum:
    MEMORY = 16
    PROGRAM_MAX = 32768

cdef enum:
    LD_W = 0x20, LD_H = 0x28, LD_B = 0x30
    LD_W_X = 0x40, LD_H_X = 0x48, LD_B_X = 0x50
    LD_IMMEDIATE = 0x00, LD_LENGTH = 0x80, LD_MEMORY = 0x60
    LDX_IMMEDIATE = 0x01, LDX_LENGTH = 0x81, LDX_MEMORY = 0x61, LDX_HEADER = 0xB1
    STORE = 0x02, STORE_X = 0x03
    ALU = 0x04, BY_X = 0x08
    ADD = 0x00, SUB = 0x10, MUL = 0x20, DIV = 0x30, OR = 0x40, AND = 0x50, LSH = 0x60, RSH = 0x70, NEG = 0x80
    MOD = 0x90, XOR = 0xA0
    JUMP = 0x05, EQUAL = 0x15, GREATER = 0x25, GREATER_EQUAL = 0x35, BITS = 0x45
    RETURN = 0x06, RETURN_A = 0x16
    TAX = 0x07, TXA = 0x87

KNOWN = {
    LD_W, LD_H, LD_B, LD_W_X, LD_H_X, LD_B_X, LD_IMMEDIATE, LD_LENGTH, LD_MEMORY, LDX_IMMEDIATE, LDX_LENGTH, LDX_MEMORY,
    LDX_HEADER, STORE, STORE_X, JUMP, RETURN, RETURN_A, TAX, TXA, ALU | NEG,
    *(ALU | operation | by for operation in (ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, MOD, XOR) for by in (0, BY_X)),
    *(test | by for test in (EQUAL, GREATER, GREATER_EQUAL, BITS) for by in (0, BY_X)),
}


cdef class BpfProgram:
    """A checked program: a list of (code, jump when true, jump when false, k), as `tcpdump -ddd` prints them."""

    def __init__(self, instructions):
        instructions = list(instructions)
        count = len(instructions)
        if not 0 < count <= PROGRAM_MAX:
            raise ValueError(f"a BPF program has 1 to {PROGRAM_MAX} instructions, not {count}")
        free(self.instructions)
        self.instructions = <BpfInstruction *>calloc(count, sizeof(BpfInstruction))
        if self.instructions == NULL:
            raise MemoryError("netos: no memory for a packet filter")
        self.count = <uint32_t>count
        for number, (code, when_true, when_false, k) in enumerate(instructions):
            if code not in KNOWN:
                raise ValueError(f"instruction {number}: there is no BPF instruction {code:#x}")
            jumps = (k,) if code == JUMP else (when_true, when_false) if code & 7 == JUMP else ()
            last = code in (RETURN, RETURN_A)
            if any(not 0 <= number + 1 + jump < count for jump in (jumps or (() if last else (0,)))):
                raise ValueError(f"instruction {number} leads out of the BPF program")
            if code in (LD_MEMORY, LDX_MEMORY, STORE, STORE_X) and not 0 <= k < MEMORY:
                raise ValueError(f"instruction {number}: there are {MEMORY} words of memory")
            if code in (ALU | DIV, ALU | MOD) and k == 0:
                raise ValueError(f"instruction {number} divides by zero")
            self.instructions[number] = BpfInstruction(code, when_true, when_false, k)

    def __dealloc__(self):
        free(self.instructions)

    def matches(self, const uint8_t[::1] data not None):
        """Whether the program accepts a packet of these bytes."""
        return self.run(&data[0] if data.shape[0] else NULL, <uint32_t>data.shape[0]) != 0

    cdef uint32_t run(self, const uint8_t *data, uint32_t length) noexcept nogil:
        """What the program returns for the packet: 0 rejects it."""
        cdef BpfInstruction *at = self.instructions
        cdef uint32_t a = 0, x = 0, k, operand
        cdef uint32_t memory[MEMORY]
        cdef uint32_t code
        memset(memory, 0, sizeof(memory))
        while True:
            code = at.code
            k = at.k
            at += 1
            if code & 7 == ALU:
                operand = x if code & BY_X else k
                code &= 0xF0
                if code == ADD:
                    a += operand
                elif code == SUB:
                    a -= operand
                elif code == MUL:
                    a *= operand
                elif code == OR:
                    a |= operand
                elif code == AND:
                    a &= operand
                elif code == XOR:
                    a ^= operand
                elif code == LSH:
                    a = a << operand if operand < 32 else 0
                elif code == RSH:
                    a = a >> operand if operand < 32 else 0
                elif code == NEG:
                    a = 0 - a
                elif operand == 0:
                    return 0
                elif code == DIV:
                    a //= operand
                else:
                    a %= operand
            elif code & 7 == JUMP:
                operand = x if code & BY_X else k
                code &= ~<uint32_t>BY_X
                if code == JUMP:
                    at += k
                elif (a == operand if code == EQUAL else a > operand if code == GREATER
                        else a >= operand if code == GREATER_EQUAL else a & operand != 0):
                    at += (at - 1).when_true
                else:
                    at += (at - 1).when_false
            elif code in (LD_H, LD_B, LD_W, LD_H_X, LD_B_X, LD_W_X):
                if code >= LD_W_X:
                    if k > <uint32_t>0xFFFFFFFF - x:
                        return 0
                    k += x
                operand = code & 0x18
                operand = 1 if operand == 0x10 else 2 if operand == 0x08 else 4
                if k > length or operand > length - k:
                    return 0
                a = data[k] if operand == 1 else load_be16(data + k) if operand == 2 else load_be32(data + k)
            elif code == LDX_HEADER:
                if k >= length:
                    return 0
                x = <uint32_t>(data[k] & 15) << 2
            elif code == LD_IMMEDIATE:
                a = k
            elif code == LD_LENGTH:
                a = length
            elif code == LD_MEMORY:
                a = memory[k]
            elif code == LDX_IMMEDIATE:
                x = k
            elif code == LDX_LENGTH:
                x = length
            elif code == LDX_MEMORY:
                x = memory[k]
            elif code == STORE:
                memory[k] = a
            elif code == STORE_X:
                memory[k] = x
            elif code == TAX:
                x = a
            elif code == TXA:
                a = x
            else:
                return a if code == RETURN_A else k

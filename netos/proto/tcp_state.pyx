"""The TCP state machine as a table (RFC 9293 section 3.3.2): what the code runs on and the diagram is drawn from."""

from libc.stdint cimport uint8_t

from netos.proto.tcp_block cimport TCP_STATES, Tcb

STATES = ("CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
          "CLOSING", "LAST-ACK", "TIME-WAIT")

STEPS = ("passive open", "active open", "receive SYN", "receive SYN,ACK", "receive ACK of SYN", "close", "receive FIN",
         "receive ACK of FIN", "abort, RST or timeout")

# (state, step, next state); LISTEN stays for the next SYN, the connection that a SYN begins goes its own way
TRANSITIONS = (
    ("CLOSED", "passive open", "LISTEN"),
    ("CLOSED", "active open", "SYN-SENT"),
    ("LISTEN", "receive SYN", "SYN-RECEIVED"),
    ("LISTEN", "close", "CLOSED"),
    ("SYN-SENT", "receive SYN", "SYN-RECEIVED"),
    ("SYN-SENT", "receive SYN,ACK", "ESTABLISHED"),
    ("SYN-SENT", "close", "CLOSED"),
    ("SYN-SENT", "abort, RST or timeout", "CLOSED"),
    ("SYN-RECEIVED", "receive ACK of SYN", "ESTABLISHED"),
    ("SYN-RECEIVED", "close", "FIN-WAIT-1"),
    ("SYN-RECEIVED", "abort, RST or timeout", "CLOSED"),
    ("ESTABLISHED", "close", "FIN-WAIT-1"),
    ("ESTABLISHED", "receive FIN", "CLOSE-WAIT"),
    ("ESTABLISHED", "abort, RST or timeout", "CLOSED"),
    ("FIN-WAIT-1", "receive ACK of FIN", "FIN-WAIT-2"),
    ("FIN-WAIT-1", "receive FIN", "CLOSING"),
    ("FIN-WAIT-1", "abort, RST or timeout", "CLOSED"),
    ("FIN-WAIT-2", "receive FIN", "TIME-WAIT"),
    ("FIN-WAIT-2", "abort, RST or timeout", "CLOSED"),
    ("CLOSE-WAIT", "close", "LAST-ACK"),
    ("CLOSE-WAIT", "abort, RST or timeout", "CLOSED"),
    ("CLOSING", "receive ACK of FIN", "TIME-WAIT"),
    ("CLOSING", "abort, RST or timeout", "CLOSED"),
    ("LAST-ACK", "receive ACK of FIN", "CLOSED"),
    ("LAST-ACK", "abort, RST or timeout", "CLOSED"),
    ("TIME-WAIT", "abort, RST or timeout", "CLOSED"),
)

cdef uint8_t next_state[TCP_STATES][9]
for _state in range(TCP_STATES):
    for _step in range(9):
        next_state[_state][_step] = _state
for _before, _step_name, _after in TRANSITIONS:
    next_state[STATES.index(_before)][STEPS.index(_step_name)] = STATES.index(_after)


cdef void tcb_move(Tcb *tcb, int step) noexcept nogil:
    tcb.connection.state = next_state[tcb.connection.state][step]


def diagram():
    """The table as a Graphviz graph."""
    lines = ["digraph tcp {", "    rankdir=TB", '    node [shape=box, style=rounded, fontname="sans-serif"]',
             '    edge [fontname="sans-serif", fontsize=10]']
    lines += [f'    "{before}" -> "{after}" [label="{step}"]' for before, step, after in TRANSITIONS
              if step != "abort, RST or timeout"]
    return "\n".join([*lines, "}", ""])

"""The TCP state machine; see tcp_state.pyx."""

from netos.proto.tcp_block cimport Tcb


cdef enum:                      # in the order of STEPS
    STEP_PASSIVE_OPEN
    STEP_ACTIVE_OPEN
    STEP_RECEIVE_SYN
    STEP_RECEIVE_SYN_ACK
    STEP_SYN_ACKNOWLEDGED
    STEP_CLOSE
    STEP_RECEIVE_FIN
    STEP_FIN_ACKNOWLEDGED
    STEP_ABORT


cdef void tcb_move(Tcb *tcb, int step) noexcept nogil

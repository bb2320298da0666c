"""RuleSet: a packet filter with its rules in a file, thousands of them if need be (IPFilter's language)."""

from libc.stdint cimport int16_t, uint32_t
from libc.stdlib cimport free, malloc

from elements.firewall.rule_tuples cimport NO_RULE, RuleTuples, Spaces, spaces_of
from elements.standard.classification cimport (
    ANNOTATION_SPACE, MAC_SPACE, NETWORK_SPACE, TRANSPORT_SPACE, Program, program_match,
)
from netos.element cimport Element
from netos.packet cimport DROP_FILTERED, Batch, Frame
from netos.staging cimport emit, frame_enter

from elements.firewall.rule_file import compile_rule_file
from netos.args import FileName
from netos.handlers import read_handler, write_handler


cdef class RuleSet(Element):
    """Send each IP packet where the first rule of FILE that it matches says; drop what matches none.

    A rule is a line `ACTION PATTERN` as IPFilter's arguments are: allow (output 0), drop, deny or the number of an
    output, then a pattern; `#` begins a comment. The cost of a packet grows with the number of different kinds of rules
    (`shapes`: which bits of which words they look at), not with the rules; rules with `not` or `!=` are slower.
    Handlers: count, shapes, file (read), load FILE (write): takes the rules of a file from the next batch on, if all
    of them are right.
    """

    ports = "1/-"
    processing = "h/h"
    live_reconfigure = True
    combine = {"count": "first"}

    cdef RuleTuples tuples
    cdef Program program        # for rules that have no shape; None
    cdef int16_t *actions       # by rule
    cdef object rules
    cdef readonly str path

    def __dealloc__(self):
        free(self.actions)

    def configure(self, file: FileName):
        cdef int16_t *actions
        scope = self.router.scope(self.name)
        rules = compile_rule_file(file, self.n_outputs, scope.database, scope.warn)
        actions = <int16_t *>malloc((len(rules.outputs) + 1) * sizeof(int16_t))
        if actions == NULL:
            raise MemoryError("netos: no memory for rules")
        for number, output in enumerate(rules.outputs):
            actions[number] = output if output >= 0 else -DROP_FILTERED
        free(self.actions)
        self.rules, self.tuples, self.program, self.actions = rules, rules.tuples, rules.program, actions
        self.path = file

    def decide(self, packet, annotations):
        """The output for a packet, as IPFilter.decide."""
        return self.rules.match_headers(packet, 0, 20, annotations)

    @read_handler
    def count(self):
        """Rules there are."""
        return len(self.rules.outputs)

    @read_handler
    def shapes(self):
        """A line each kind of rule: how many look-ups end there, and the words it looks at, as offset%mask."""
        spaces = "mac", "ip", "transp", "anno"
        return "".join(f"{count} " + " ".join(f"{spaces[space]}[{offset}]%{mask:08x}" for space, offset, mask in words)
                       + "\n" for words, count in self.rules.shapes.items())

    @read_handler
    def file(self):
        """Where the rules are from."""
        return self.path

    @write_handler
    def load(self, file: FileName):
        """Filter by the rules of a file."""
        self.configure(file)

    cdef void push_batch(self, int port, Batch *batch) noexcept nogil:
        cdef uint32_t i, number
        cdef int other
        cdef Spaces spaces
        cdef Frame *frame = frame_enter(self.vcpu)
        for i in range(batch.count):
            spaces_of(batch.packets[i], &spaces)
            number = self.tuples.match(&spaces)
            if <void *>self.program != <void *>None:
                other = program_match(&self.program.data, spaces.bases[<int>MAC_SPACE],
                                      spaces.lengths[<int>MAC_SPACE], spaces.bases[<int>NETWORK_SPACE],
                                      spaces.lengths[<int>NETWORK_SPACE], spaces.bases[<int>TRANSPORT_SPACE],
                                      spaces.lengths[<int>TRANSPORT_SPACE], spaces.bases[<int>ANNOTATION_SPACE])
                if other >= 0 and <uint32_t>other < number:
                    number = <uint32_t>other
            frame.output[i] = self.actions[number] if number != <uint32_t>NO_RULE else -DROP_FILTERED
        emit(self, frame, batch)

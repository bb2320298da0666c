"""IPClassifier: sort IP packets by what tcpdump-like patterns say of them (Click's IPClassifier)."""

from elements.ip.ipfilter cimport IPFilter

from elements.ip.filter_compile import compile_ip_classifier
from netos.args import Remaining
from netos.errors import ArgumentError
from netos.handlers import read_handler, write_handler
from netos.lang.quoting import split_arguments


cdef class IPClassifier(IPFilter):
    """Send each IP packet to the output of the first pattern it matches; drop what matches none.

    A pattern combines primitives with `and` (or nothing), `or`, `not`, parentheses and `? :`. Primitives are
    `[src|dst|src or dst|src and dst] host|net|port|ether host X`, `ip proto|vers|hl|id|tos|dscp|ttl|len|ect|ce|frag|
    unfrag`, `tcp opt|win`, `icmp type`, bytes as `ip[2:2]`, `transp[0:2]`, names of protocols, `true`, `false`, and `-`
    for every packet; behind a ConnTrack also `state new|established|related|invalid`; comparisons are == != < > <= >=,
    with a mask `& M` before.
    Packets need a network header (CheckIPHeader, MarkIPHeader). Handlers: program (read), pattern (read, write).
    """

    def configure(self, *pattern: Remaining):
        if len(pattern) != self.n_outputs:
            raise ArgumentError(f"need {self.n_outputs} arguments, one per output port, not {len(pattern)}")
        scope = self.router.scope(self.name)
        self.compiled = compile_ip_classifier(pattern, resolve=scope.database,
                                              warn=lambda problem: scope.warn(problem.error()))

    @read_handler("pattern")
    def patterns(self):
        """The patterns, as configured."""
        return self.configuration

    @write_handler("pattern")
    def set_patterns(self, text):
        """Sort by other patterns from the next batch on: one for each output."""
        self.configure(*split_arguments(text))
        self.configuration = text

"""RuleSet: IPFilter with its rules in a file, thousands of them if need be."""

from elements.ip.ipfilter cimport IPFilter

from elements.firewall.rule_file import compile_rule_file
from netos.args import FileName
from netos.handlers import read_handler, write_handler


cdef class RuleSet(IPFilter):
    """Send each IP packet where the first rule of FILE that it matches says; drop what matches none.

    A rule is a line `ACTION PATTERN` as IPFilter's arguments are: allow (output 0), drop, deny or the number of an
    output, then a pattern. `#` begins a comment. Rules become look-up tables where they compare the same fields, so
    write alike rules alike.
    Handlers: program, count, file (read), load FILE (write): takes the rules of a file from the next batch on, if all
    of them are right.
    """

    live_reconfigure = True

    cdef readonly str path
    cdef readonly int rules

    def configure(self, file: FileName):
        scope = self.router.scope(self.name)
        self.compiled, self.rules = compile_rule_file(file, self.n_outputs, scope.database, scope.warn)
        self.path = file

    @read_handler
    def count(self):
        """Rules there are."""
        return self.rules

    @read_handler
    def file(self):
        """Where the rules are from."""
        return self.path

    @write_handler
    def load(self, file: FileName):
        """Filter by the rules of a file."""
        self.configure(file)

"""BandwidthShaper: let pulled packets pass at a bandwidth (Click's BandwidthShaper)."""

from elements.standard.shaper cimport RateShaper

from netos.args import Bandwidth
from netos.handlers import read_handler, write_handler

FASTEST = 10**11            # bytes a second


cdef class BandwidthShaper(RateShaper):
    """Let at most RATE bytes a second pass; a packet's cost is its length.

    Handlers: rate (read, write), reset (write).
    """

    ports = "1/1-2"
    processing = "l/l"
    live_reconfigure = True

    def configure(self, rate: Bandwidth(maximum=FASTEST, warn=True)):
        self.by_bytes = True
        self.fill_at(rate)

    @read_handler
    def rate(self):
        """The bandwidth, with its unit."""
        return Bandwidth().unparse(self.bucket.rate)

    @write_handler("rate")
    def set_rate(self, rate: Bandwidth(maximum=FASTEST)):
        """Let that bandwidth pass."""
        self.change_rate(rate)
        self.configuration = Bandwidth().unparse(rate)

"""DriverManager: a Script that decides when the driver stops (Click's DriverManager)."""

from elements.standard.script import Script


class DriverManager(Script):
    """Run an instruction list each time the router would stop; without instructions, the first stop is the end.

    Arguments and handlers are Script's; TYPE is DRIVER by default.
    """

    default_type = "DRIVER"

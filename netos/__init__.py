"""netos: a library operating system for network functions.

The names for programs that use it are imported when they are first asked for (PEP 562): `import netos` costs nothing.
"""

TYPE_CHECKING = False           # typing's own would cost more than everything else here
if TYPE_CHECKING:
    from netos.aio import run
    from netos.builder import Builder
    from netos.packet_handle import Packet
    from netos.pyelement import PyElement
    from netos.router import Router

    __version__: str

__all__ = ["Builder", "Packet", "PyElement", "Router", "__version__", "run"]

if not TYPE_CHECKING:
    _homes = {"Builder": "builder", "Packet": "packet_handle", "PyElement": "pyelement", "Router": "router",
              "run": "aio"}

    def __getattr__(name):
        from importlib import import_module, metadata

        if name in _homes:
            value = getattr(import_module(f"netos.{_homes[name]}"), name)
        elif name == "__version__":
            try:
                value = metadata.version("netos")
            except metadata.PackageNotFoundError:
                value = "0"
        else:
            raise AttributeError(f"module 'netos' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})

"""What `netos click` runs: a router, which the handler `hotconfig` may replace (Click's --allow-reconfigure)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netos.errors import ConfigError, Diagnostics, HandlerError
from netos.handlers import Handler

if TYPE_CHECKING:
    from netos.router import Router


class Running:
    """The router that runs; `build` makes one of a text, not yet initialised, beside it."""

    def __init__(self, router: Router, build: Callable[[str, Router], Router] | None = None) -> None:
        self.router = router
        self.build = build
        self.replaced: list[Router] = []
        self._allow()

    def _allow(self) -> None:
        if self.build is not None:
            self.router.more_handlers.append(Handler("hotconfig", None, self.hotconfig))

    def hotconfig(self, text: str) -> None:
        """Run another configuration from now on; a bad one changes nothing."""
        from netos.hotswap import take_over

        assert self.build is not None
        old = self.router
        try:
            new = self.build(text, old)
            with old.paused():
                take_over(new, old)
        except ConfigError as error:
            raise HandlerError(f"hotconfig: the configuration that runs goes on\n{said(error.diagnostics)}") from None
        self.router = new
        self.replaced.append(old)
        self._allow()

    def turn(self) -> bool:
        """What there is to do between turns; return whether another router runs now."""
        if self.router.threads is not None:
            self.router.threads.deliver()
        swapped = bool(self.replaced)
        for router in self.replaced:
            router.close()
        self.replaced = []
        return swapped

    def drive(self) -> None:
        """Run until the router, or whoever replaced it, is stopped."""
        from netos.kernel.driver import drive

        threads = self.router.threads
        if threads is not None:
            threads.start()
        try:
            while drive(self.router.cpu, self.router.signal_calls, self.router.halt, self.turn):
                pass
        finally:
            if threads is not None:
                threads.close()

    def close(self) -> None:
        """Take everything apart."""
        for router in (*self.replaced, self.router):
            router.close()


def said(diagnostics: Diagnostics) -> str:
    """Errors, as Click prints them."""
    from netos.lang import render_click

    return render_click(entry for entry in diagnostics if entry.severity == "error").rstrip("\n")

def edit(p, *pairs):
    s=open(p).read()
    for a,b in pairs:
        assert s.count(a)==1, (p, s.count(a), a)
        s=s.replace(a,b)
    open(p,"w").write(s)
edit("netos/aio/host.py",
('from netos.aio.forks import keep_forks_off\n','from netos.aio.forks import keep_from_children\n'),
('''        self._runner: InlineRunner | None = None
        try:
''','''        self._runner: InlineRunner | None = None
        keep_from_children(self)
        try:
'''),
('''    def close(self) -> None:
        """Close devices; connections that are open are reset."""
        self.detach()
        if not self.closed:
            self.closed = True
            self.router.close()

    def __enter__(self) -> Self:
        global _current
        self._before, _current = _current, self
        return self
''','''    def abandon(self) -> None:
        """In a forked child: the host is closed here, and the parent's descriptors stay as they are."""
        self.closed = True
        if self._runner is not None:
            self._runner.abandon()
        self.loop = self._runner = None

    def close(self) -> None:
        """Close devices; connections that are open are reset. RuntimeError while one of its loops runs."""
        if self.loop is not None:
            raise RuntimeError("an event loop still runs on this host: stop the loop, then close the host")
        if not self.closed:
            self.closed = True
            self.router.close()

    def use(self) -> Self:
        """Have new event loops be on this host, until another is used."""
        global _current
        self._before, _current = _current, self
        return self

    __enter__ = use
'''),
('''_current: Host | None = None
keep_forks_off()
''','''_current: Host | None = None
'''),
)
edit("netos/kernel/inline.py",
('''        self._next: asyncio.Handle | None = None

    def start''','''        self._next: asyncio.Handle | None = None
        self._abandoned = False

    def start'''),
('''    def _again(self) -> None:
''','''    def abandon(self) -> None:
        """Turn no more, without a word to the loop: it is a forked child's, its descriptors are the parent's, too."""
        self._abandoned = True

    def _again(self) -> None:
'''),
('''    def _turn(self) -> None:
        try:
''','''    def _turn(self) -> None:
        if self._abandoned:
            return
        try:
'''))
edit("netos/aio/loop.py",
('''        """Close the loop; transports that are still open are lost, with a warning."""
        super().close()                     # type: ignore[misc]
        self.netos_open.clear()
''','''        """Close the loop; transports that are still open are lost, with a warning, ports of servers are free again."""
        super().close()                     # type: ignore[misc]
        for one in self.netos_open:
            if isinstance(one, Acceptor):
                one.leave()
        self.netos_open.clear()
'''),
('''        attached = host.loop is None and not host.closed
        if attached:
            host.attach(loop)
        try:
            super().run_forever()           # type: ignore[misc]
        finally:
            if attached:
                host.detach()
''','''        if host.loop is None and not host.closed:
            host.attach(loop)
        try:
            super().run_forever()           # type: ignore[misc]
        finally:
            if host.loop is loop:
                host.detach()
'''),
('''        """A new socket of the loop's host; RuntimeError when another loop moves that host's packets."""
        running: Any = self.netos_host.loop
        if running not in (None, self):
            raise RuntimeError("another event loop runs on this host, in another thread: a host has one at a time")
        return StackSocket(family, type, proto, host=self.netos_host)
''','''        """A new socket of the loop's host; RuntimeError when another loop moves that host's packets, or nothing can."""
        loop: Any = self
        host = self.netos_host
        if host.closed:
            raise RuntimeError("this loop's host is closed: a loop lives while its host does, and in its own process")
        if host.loop is None and loop.is_running():
            host.attach(loop)               # the one that had it when this one began to run is over
        if host.loop not in (None, loop):
            raise RuntimeError("another event loop runs on this host, in another thread: a host has one at a time")
        return StackSocket(family, type, proto, host=host)
'''),
('''from netos.aio.names import name_of, resolve
''','''from netos.aio.names import name_of, resolve
from netos.aio.server import Acceptor
'''))
edit("netos/aio/server.py",
('''    def accept(self) -> None:
        """Take all that wait."""
''','''    def leave(self) -> None:
        """Take no more: the listener is its socket's alone, and closed when nobody holds that."""
        self.listener.user = None

    def accept(self) -> None:
        """Take all that wait."""
'''))

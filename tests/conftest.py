"""Which build is under test (NETOS_EXPECT_BUILD, which `make asan` sets), and an appliance for clients that block."""

import os
import signal
import threading
from contextlib import contextmanager

import pytest
from hypothesis import settings

settings.register_profile("slow", deadline=None)        # for builds that are not made to be fast


def pytest_configure(config):
    """Refuse to test the in-place build where another is asked for; and hear Ctrl-C, as the programs under test are to.

    A shell without job control has what it starts in the background ignore SIGINT, and their children, too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    expected = os.environ.get("NETOS_EXPECT_BUILD")
    if expected is None:
        return
    import elements.standard.counter
    import netos.packet

    for module in (netos.packet, elements.standard.counter):
        if not os.path.realpath(module.__file__).startswith(os.path.realpath(expected) + os.sep):
            raise pytest.UsageError(f"{module.__name__} comes from {module.__file__}, not from {expected}")


@pytest.fixture
def running(tmp_path):
    """Run a configuration on a thread of its own until the test ends; the path of its control socket."""
    from netos.kernel.vcpu import VirtualCpu  # after pytest_configure has looked at the build
    from netos.router import Router

    @contextmanager
    def run(text, name="x.sock"):
        path = str(tmp_path / name)
        router = Router.from_text(f'{text}; control :: ControlSocket(UNIX, "{path}")', cpu=VirtualCpu()).initialize()

        def turn():
            while not router.cpu.stopped:
                if not router.cpu.run() and not router.cpu.stopped:
                    router.cpu.wait(1)

        thread = threading.Thread(target=turn)
        thread.start()
        try:
            yield path
        finally:
            router.halt()
            thread.join(20)
            router.close()

    return run

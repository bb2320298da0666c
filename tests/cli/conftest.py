"""An appliance on a thread of its own, with a control socket, for clients that block."""

import threading
from contextlib import contextmanager

import pytest

from netos.kernel.vcpu import VirtualCpu
from netos.router import Router


@pytest.fixture
def running(tmp_path):
    """Run a configuration until the test ends; the path of its control socket."""

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

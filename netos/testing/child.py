"""A forked child for what a process does to itself for good: giving up users, capabilities, files, system calls."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

from netos.errors import NetosError


def in_child(function: Callable[[], object]) -> str:
    """Run a function in a forked child of one thread; repr() of what it returned, or the text of its error."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = repr(function())
        except NetosError as error:
            answer = f"NetosError: {error}"
        except BaseException:
            answer = traceback.format_exc()
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer

"""A PID file: says which process runs, held by a lock (flock(2)) that ends with the process, however it ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from types import TracebackType

from netos.errors import NetosError


class PidFile:
    """The PID file at a path, ours from open() to close().

    It appears with its content, or not at all; one whose process is gone (its lock is free) is replaced.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = -1

    def open(self) -> PidFile:
        """Take the file; raises NetosError, with who has it, while another process runs."""
        new, name = self._written()
        try:
            while not self._place(name):
                pass
        except OSError as error:
            os.close(new)
            raise self._error(error) from None
        except BaseException:
            os.close(new)
            raise
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)
        self.descriptor = new
        return self

    def close(self) -> None:
        """Remove the file, if it is still ours; harmless when called twice."""
        if self.descriptor < 0:
            return
        with contextlib.suppress(OSError):      # a folder that is no longer ours to change: the lock tells it is stale
            if os.path.samestat(os.stat(self.path), os.fstat(self.descriptor)):
                os.unlink(self.path)
        os.close(self.descriptor)
        self.descriptor = -1

    def __enter__(self) -> PidFile:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _written(self) -> tuple[int, str]:
        """A new file beside, locked, with our number."""
        try:
            descriptor, name = tempfile.mkstemp(prefix=".pid-", dir=os.path.dirname(self.path) or ".")
        except OSError as error:
            raise self._error(error) from None
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, b"%d\n" % os.getpid())
        os.fchmod(descriptor, 0o644)
        return descriptor, name

    def _place(self, name: str) -> bool:
        """Give the new file its path: nobody had it, or the process that had it is gone. Whether that is done."""
        try:
            os.link(name, self.path)
            return True
        except FileExistsError:
            pass
        try:
            old = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            try:
                fcntl.flock(old, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise NetosError(f"{running(old)} runs already and holds {self.path}: end it, "
                                 "or name another file with --pid-file") from None
            if not self._is_pid_file(old):
                raise NetosError(f"{self.path} is there and is no PID file: remove it, or name another with --pid-file")
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self.path, follow_symlinks=False), os.fstat(old)):
                    os.replace(name, self.path)     # under the lock of the old one: no third process is at it
                    return True
            return False
        finally:
            os.close(old)

    @staticmethod
    def _is_pid_file(descriptor: int) -> bool:
        """What may be replaced: a number, or nothing."""
        content = os.pread(descriptor, 32, 0).strip()
        return not content or content.isdigit()

    def _error(self, error: OSError) -> NetosError:
        hint = "make the folder first" if error.errno == errno.ENOENT else "name another with --pid-file"
        return NetosError(f"cannot write the PID file {self.path}: {error.strerror}; {hint}")


def running(descriptor: int) -> str:
    """Who wrote a PID file, for people."""
    number = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return f"process {number}" if number.isdigit() else "another process"

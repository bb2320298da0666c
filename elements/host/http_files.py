"""Files beneath a folder for a server: nothing outside it is ever opened, whatever the path says or links lead to."""

from __future__ import annotations

import mimetypes
import os
import stat
from urllib.parse import quote, unquote_to_bytes

INDEX = "index.html"


class Elsewhere(Exception):
    """A folder was asked for without the slash at its end: it is at `place`."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class OpenFile:
    """A regular file that is open; `close()` it."""

    def __init__(self, descriptor: int, path: str, found: os.stat_result) -> None:
        self.descriptor = descriptor
        self.size = found.st_size
        self.modified = found.st_mtime
        self.tag = f'"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"'
        # Python's own table: guess_type() would read the machine's files, which a sandbox forbids
        kind = mimetypes.types_map.get(os.path.splitext(path)[1].lower(), "application/octet-stream")
        self.kind = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind

    def read(self, at: int, length: int) -> bytes:
        """Bytes from a place."""
        return os.pread(self.descriptor, length, at)

    def close(self) -> None:
        """Close it; harmless when called twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def open_file(root: str, target: str) -> OpenFile:
    """The file of a request's target beneath `root`, a real path; raises FileNotFoundError, OSError or Elsewhere."""
    path = target.partition("?")[0]
    if path.startswith(("http://", "https://")):
        path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
    parts = unquote_to_bytes(path).split(b"/")
    if parts[0] or any(part == b".." or b"\0" in part for part in parts):
        raise FileNotFoundError(target)
    place = os.path.realpath(os.path.join(os.fsencode(root), *[part for part in parts if part not in (b"", b".")]))
    if place != os.fsencode(root) and not place.startswith(os.path.join(os.fsencode(root), b"")):
        raise FileNotFoundError(target)
    if os.path.isdir(place):
        if parts[-1]:
            raise Elsewhere(quote(b"/" + b"/".join(part for part in parts if part)) + "/")
        place = os.path.join(place, INDEX.encode())
        if os.path.islink(place):
            raise FileNotFoundError(target)
    elif not parts[-1]:
        raise FileNotFoundError(target)
    # A link that has come since, or a pipe, is not opened, nor waited for.
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileNotFoundError(target)
    return OpenFile(descriptor, os.fsdecode(place), found)

"""Files beneath a folder for a server: nothing outside it is ever opened, whatever the path says or links lead to."""

from __future__ import annotations

import mimetypes
import os
import stat
from urllib.parse import quote, unquote_to_bytes

INDEX = b"index.html"
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
    if path.lower().startswith(("http://", "https://")):
        path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
    parts = unquote_to_bytes(path.encode("latin-1", "replace")).split(b"/")
    if parts[0] or any(part == b".." or b"\0" in part for part in parts):
        raise FileNotFoundError(target)
    top = os.fsencode(root)
    place = beneath(top, os.path.join(top, *[part for part in parts if part not in (b"", b".")]))
    if os.path.isdir(place):
        if parts[-1]:
            raise Elsewhere(quote(b"/" + b"/".join(part for part in parts if part)) + "/")
        place = beneath(top, os.path.join(place, INDEX))
    elif not parts[-1]:
        raise FileNotFoundError(target)
    descriptor = open_place(top, place)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileNotFoundError(target)
    return OpenFile(descriptor, os.fsdecode(place), found)


def beneath(top: bytes, path: bytes) -> bytes:
    """The path without links; raises FileNotFoundError when they lead out of the folder `top`."""
    place = os.path.realpath(path)
    if place != top and not place.startswith(os.path.join(top, b"")):
        raise FileNotFoundError(path)
    return place


def open_place(top: bytes, place: bytes) -> int:
    """Open what lies beneath `top` step by step: a link that has come since is not followed, a pipe not waited for."""
    folder = os.open(top, FOLDER)
    try:
        *names, last = place.removeprefix(top).strip(b"/").split(b"/")
        for name in names:
            inner = os.open(name, FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)

"""Archives: the member of an ar archive that holds the configuration (lib/archive.cc, ar(5))."""

from __future__ import annotations

MAGIC = b"!<arch>\n"
_HEADER = 60


class ArchiveError(Exception):
    """An archive that is damaged, or holds no configuration."""


def read_members(data: bytes) -> dict[str, bytes]:
    """The members of an ar archive by name (System V and BSD long names)."""
    if not data.startswith(MAGIC):
        raise ArchiveError("not an ar archive, though it starts with '!'")
    members: dict[str, bytes] = {}
    long_names = b""
    position = len(MAGIC)
    while position < len(data):
        header = data[position:position + _HEADER]
        size_field = header[48:58].strip()
        if len(header) < _HEADER or header[58:60] != b"`\n" or not size_field.isdigit():
            raise ArchiveError(f"damaged archive: bad member header at byte {position}")
        start = position + _HEADER
        content = data[start:start + int(size_field)]
        if len(content) < int(size_field):
            raise ArchiveError(f"damaged archive: the member at byte {position} is cut short")
        position = start + len(content) + len(content) % 2
        name = header[:16].rstrip()
        if name == b"//":
            long_names = content
            continue
        if name.startswith(b"#1/") and name[3:].isdigit():
            length = int(name[3:])
            name, content = content[:length].rstrip(b"\0"), content[length:]
        elif name.startswith(b"/") and name[1:].isdigit():
            name = long_names[int(name[1:]):].split(b"\n", 1)[0].rstrip(b"/")
        elif len(name) > 1:
            name = name.removesuffix(b"/")
        members.setdefault(name.decode("latin-1"), content)
    return members


def configuration_text(data: bytes) -> str:
    """The configuration in the bytes of a file, which may be an archive with a member `config`."""
    if data.startswith(b"!"):
        members = read_members(data)
        if "config" not in members:
            raise ArchiveError("archive has no 'config' section")
        data = members["config"]
    return data.decode("latin-1")

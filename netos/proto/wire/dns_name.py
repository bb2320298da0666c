"""Domain names: as text, and on the wire with compression (RFC 1035 sections 3.1, 4.1.4, 5.1)."""

from __future__ import annotations

from netos.proto.wire.base import Reading, WireError

LABEL_MAX, NAME_MAX, LABELS_MAX = 63, 255, 127
SPECIAL = b'."\\();@$'


def parse_name(data: bytes, at: int, reading: Reading) -> tuple[str, int]:
    """The name at a place of a message, absolute and with a dot at its end; and where what follows it begins.

    A pointer has to lead to before the name, and before every pointer already followed: names cannot loop. As many as a
    name can have labels are followed, and where one has led to is read once, so that they cost nobody's time.
    """
    labels: list[str] = []
    followed: list[tuple[int, int, int, int]] = []      # where to; labels, size and jumps before that
    end = -1
    limit, size, jumps = at, 1, 0
    while True:
        if at >= len(data):
            reading.refuse("name", f"runs past the end, {len(data)}")
        length = data[at]
        if length >= 0xC0:
            target = int.from_bytes(data[at:at + 2], "big") & 0x3FFF
            jumps += 1
            if at + 2 > len(data) or target >= limit or jumps > LABELS_MAX:
                reading.refuse("name", f"the pointer at {at} does not lead back" if jumps <= LABELS_MAX
                               else f"more than {LABELS_MAX} pointers")
            if end < 0:
                end = at + 2
            if target in reading.names:
                known, more, jumped = reading.names[target]
                size, jumps = size + more, jumps + jumped
                if size > NAME_MAX or jumps > LABELS_MAX:
                    reading.refuse("name", f"more than {NAME_MAX} bytes or {LABELS_MAX} pointers")
                labels += known
                break
            followed.append((target, len(labels), size, jumps))
            at = limit = target
            continue
        if length > LABEL_MAX:
            reading.refuse("name", f"a label of kind {length >> 6} at {at}")
        at += 1
        if length == 0:
            break
        size += length + 1
        if at + length > len(data) or size > NAME_MAX:
            reading.refuse("name", "runs past the end" if size <= NAME_MAX else f"more than {NAME_MAX} bytes")
        labels.append(label_text(data[at:at + length]))
        at += length
    for place, before, smaller, fewer in followed:
        reading.names[place] = labels[before:], size - smaller, jumps - fewer
    return ".".join(labels) + ".", end if end >= 0 else at


def label_text(label: bytes) -> str:
    """A label as text: what is not a plain character is escaped."""
    return "".join(f"\\{byte:03d}" if not 32 < byte < 127 else f"\\{byte:c}" if byte in SPECIAL else chr(byte)
                   for byte in label)


def name_labels(name: str) -> list[bytes]:
    """The labels of a name, whose last dot may be missing; raises WireError."""
    labels, label, at = [], bytearray(), 0
    if name in (".", ""):
        return []
    while at < len(name):
        character = name[at]
        if character == ".":
            labels.append(bytes(label))
            label.clear()
        elif character == "\\":
            digits = name[at + 1:at + 4]
            if len(digits) == 3 and digits.isascii() and digits.isdigit() and int(digits) < 256:
                label.append(int(digits))
                at += 3
            elif at + 1 < len(name) and name[at + 1].isascii() and not name[at + 1].isdigit():
                label.append(ord(name[at + 1]))
                at += 1
            else:
                raise WireError("dns", "name", f"{name!r}: a backslash before {digits!r}")
        elif not character.isascii():
            raise WireError("dns", "name", f"{name!r}: {character!r} is not ASCII (encode it with IDNA)")
        else:
            label.append(ord(character))
        at += 1
    if not name.endswith(".") or label:
        labels.append(bytes(label))
    if not all(0 < len(each) <= LABEL_MAX for each in labels):
        raise WireError("dns", "name", f"{name!r}: a label is of 1 to {LABEL_MAX} bytes")
    if sum(len(each) + 1 for each in labels) + 1 > NAME_MAX:
        raise WireError("dns", "name", f"{name!r}: more than {NAME_MAX} bytes")
    return labels


def absolute(name: str) -> str:
    """The name as parsing gives it, in small letters: what names are compared by (RFC 4343)."""
    return (".".join(map(label_text, name_labels(name))) + ".").translate(SMALL)


SMALL = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def build_name(name: str, at: int, known: dict[tuple[bytes, ...], int] | None) -> bytes:
    """A name as bytes that will be at a place of a message; `known`: where earlier ones are, None: not compressed."""
    labels = tuple(name_labels(name))
    made = b""
    for skipped in range(len(labels)):
        rest = labels[skipped:]
        if known is not None and rest in known:
            return made + (0xC000 | known[rest]).to_bytes(2, "big")
        if known is not None and at + len(made) < 0x4000:
            known[rest] = at + len(made)
        made += bytes((len(rest[0]),)) + rest[0]
    return made + b"\0"

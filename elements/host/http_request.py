"""HTTP/1.1 requests as far as a server of files needs them (RFC 9110, RFC 9112): heads, ranges, answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus

HEAD_MAX = 8192
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
VERSION = re.compile(rb"HTTP/1\.(\d)\Z")
TARGET = re.compile(rb"[!-~\x80-\xff]+\Z")
HOST = re.compile(r"[0-9A-Za-z._~!$&'()*+,;=:%\[\]-]*\Z")
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


class RequestError(Exception):
    """The request is refused with this status, and the connection closed."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass
class Request:
    """The head of a request; names of fields in small letters."""

    method: str
    target: str
    keep: bool                                  # the connection, after the answer
    fields: dict[str, str] = field(default_factory=dict)


def parse_head(head: bytes) -> Request:
    """The head up to its empty line, which is left out; raises RequestError."""
    bad = RequestError(HTTPStatus.BAD_REQUEST)
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ")
    if len(words) != 3 or not TOKEN.match(words[0]) or not TARGET.match(words[1]):
        raise bad
    version = VERSION.match(words[2])
    if version is None:
        raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED if words[2].startswith(b"HTTP/") else
                           HTTPStatus.BAD_REQUEST)
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name) or b"\0" in value or b"\r" in value or b"\n" in value:
            raise bad
        known, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if known in fields and known in ("host", "content-length", "transfer-encoding"):
            raise bad
        fields[known] = f"{fields[known]}, {text}" if known in fields else text
    modern = version[1] != b"0"
    length = fields.get("content-length", "0")
    if (modern and "host" not in fields) or not HOST.match(fields.get("host", "")) or not (
            length.isascii() and length.isdigit()):
        raise bad
    options = [option.strip().lower() for option in fields.get("connection", "").split(",")]
    keep = "close" not in options and (modern or "keep-alive" in options)
    if "transfer-encoding" in fields or length.strip("0"):
        raise RequestError(HTTPStatus.CONTENT_TOO_LARGE if hasattr(HTTPStatus, "CONTENT_TOO_LARGE") else
                           HTTPStatus.REQUEST_ENTITY_TOO_LARGE)         # there is nothing here to send anything to
    return Request(words[0].decode("ascii"), words[1].decode("latin-1"), keep, fields)


def wanted_range(text: str, size: int) -> tuple[int, int] | None:
    """The part of `size` bytes that a Range field names, as (first, behind the last); None: all of them.

    A field that is not understood, or asks for several parts, is passed over, as a server may; raises RequestError when
    none of the part exists.
    """
    found = RANGE.match(text)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
        if not size and int(last):
            return None                         # all that there is (RFC 9110 section 14.1.2)
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise RequestError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return start, end


def precondition(request: Request, tag: str, modified: float) -> HTTPStatus:
    """What the request's conditions make of it, in the order of RFC 9110 section 13.2.2: 412, 304, or 200."""
    fields = request.fields
    if "if-match" in fields:
        if not {tag, "*"} & set(tags_of(fields["if-match"])):
            return HTTPStatus.PRECONDITION_FAILED
    elif (date := date_of(fields.get("if-unmodified-since", ""))) is not None and int(modified) > date:
        return HTTPStatus.PRECONDITION_FAILED
    if "if-none-match" in fields:
        known = bool({tag, "*"} & {each.removeprefix("W/") for each in tags_of(fields["if-none-match"])})
    else:
        known = (date := date_of(fields.get("if-modified-since", ""))) is not None and int(modified) <= date
    return HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK


def is_the_version(text: str, tag: str, modified: float) -> bool:
    """Whether If-Range names this version of a file: its tag, or its date and no other (RFC 9110 section 13.1.5)."""
    return text == tag or date_of(text) == int(modified)


def tags_of(text: str) -> list[str]:
    """The entity tags of a list."""
    return [each.strip() for each in text.split(",")]


def date_of(text: str) -> float | None:
    """The seconds since 1970 of a date, None when it is none. HTTP's are of Greenwich, whatever they say."""
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def answer_head(status: HTTPStatus, length: int, keep: bool, fields: dict[str, str], now: float) -> bytes:
    """The head of an answer, with its empty line."""
    all_fields = {"Date": formatdate(now, usegmt=True), "Server": "netos", **fields}
    if status != HTTPStatus.NOT_MODIFIED:
        all_fields["Content-Length"] = str(length)
    all_fields["Connection"] = "keep-alive" if keep else "close"
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in all_fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")

"""HttpFileServer serves what is beneath its folder, whole or in parts, and nothing else, however it is asked."""

import errno
import os

import pytest

from netos.errors import ConfigError

PAGE = b"<p>hello\n"


@pytest.fixture
def web(pair, tmp_path):
    root = tmp_path / "www"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_bytes(PAGE)
    (root / "sub" / "a b.txt").write_bytes(b"0123456789")
    (root / "large").write_bytes(bytes(range(256)) * 20000)
    (root / "empty").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inside").symlink_to(root / "index.html")
    os.mkfifo(root / "pipe")
    hosts = pair(f"web :: HttpFileServer({root});")
    hosts.root = root
    return hosts


def ask(hosts, data, wait=0.5):
    user = hosts.connect(80)
    user.endpoint.send(data)
    hosts.wait(wait)
    return user


def get(hosts, target, *fields, method="GET", version="1.1"):
    """(status, fields, body) of the answer to one request."""
    lines = [f"{method} {target} HTTP/{version}", "Host: x", *fields, "Connection: close", "", ""]
    user = ask(hosts, "\r\n".join(lines).encode("latin-1"))
    assert user.endpoint.finished
    head, _, body = bytes(user.got).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    found = dict(line.split(": ", 1) for line in rest)
    if method != "HEAD" and "Content-Length" in found:
        assert len(body) == int(found["Content-Length"])
    return int(first.split()[1]), found, body


def test_files_are_served_as_they_are(web):
    assert get(web, "/")[::2] == (200, PAGE)
    assert get(web, "/index.html?query")[1]["Content-Type"] == "text/html; charset=utf-8"
    assert get(web, "/sub/a%20b.txt")[2] == b"0123456789"
    assert get(web, "/large")[2] == bytes(range(256)) * 20000
    assert get(web, "/empty")[::2] == (200, b"")
    assert get(web, "/inside")[2] == PAGE
    assert get(web, "http://x/index.html")[2] == PAGE


@pytest.mark.parametrize("target", [
    "/../secret", "/%2e%2e/secret", "/sub/../../secret", "/..%2fsecret", "/link", "/nothing", "/index.html/", "/pipe",
    "/sub/", "//etc/passwd", "/%00", "etc", "*", "/sub/a%20b.txt%00.html", "/" + "x" * 5000, "/\xff"])
def test_nothing_else_is_served(web, target):
    assert get(web, target)[0] == 404


def test_types_are_told_without_reading_files_of_the_machine(web, monkeypatch):
    """A sandbox forbids that, and then nothing was served."""
    monkeypatch.setattr("mimetypes.inited", False)
    monkeypatch.setattr("mimetypes.init", lambda *_: pytest.fail("the machine's tables were read"))
    assert get(web, "/sub/a%20b.txt")[1]["Content-Type"] == "text/plain; charset=utf-8"
    assert get(web, "/large")[1]["Content-Type"] == "application/octet-stream"


def test_heads_have_no_body_and_the_length_of_one(web):
    status, fields, body = get(web, "/", method="HEAD")
    assert (status, fields["Content-Length"], body) == (200, str(len(PAGE)), b"")


def test_a_folder_is_redirected_to_its_slash(web):
    assert get(web, "/sub")[1]["Location"] == "/sub/"


@pytest.mark.parametrize(("wanted", "status", "content", "body"), [
    ("bytes=2-4", 206, "bytes 2-4/10", b"234"), ("bytes=7-", 206, "bytes 7-9/10", b"789"),
    ("bytes=-3", 206, "bytes 7-9/10", b"789"), ("bytes=-99", 206, "bytes 0-9/10", b"0123456789"),
    ("bytes=5-99", 206, "bytes 5-9/10", b"56789"), ("bytes=0-0", 206, "bytes 0-0/10", b"0"),
    ("bytes=10-", 416, "bytes */10", None), ("bytes=-0", 416, "bytes */10", None),
    ("bytes=4-2", 200, None, b"0123456789"), ("bytes=0-1,4-5", 200, None, b"0123456789"),
    ("lines=1-2", 200, None, b"0123456789"), ("bytes=-", 200, None, b"0123456789"),
    ("bytes=" + "9" * 30 + "-", 200, None, b"0123456789")])
def test_parts(web, wanted, status, content, body):
    found = get(web, "/sub/a%20b.txt", f"Range: {wanted}")
    assert (found[0], found[1].get("Content-Range")) == (status, content)
    assert body is None or found[2] == body


def test_what_a_client_has_is_not_sent_again(web):
    _, fields, _ = get(web, "/")
    assert get(web, "/", f"If-None-Match: {fields['ETag']}")[::2] == (304, b"")
    assert get(web, "/", f"If-Modified-Since: {fields['Last-Modified']}")[0] == 304
    assert get(web, "/", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT")[0] == 200
    assert get(web, "/", "If-Modified-Since: never")[0] == 200
    assert get(web, "/", "Range: bytes=0-1", 'If-Range: "other"')[0] == 200
    assert get(web, "/", "Range: bytes=0-1", f"If-Range: {fields['ETag']}")[0] == 206


def test_one_connection_takes_many_requests_also_at_once_and_in_pieces(web):
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    user = ask(web, request * 3)
    assert user.got.count(PAGE) == 3
    for byte in request:
        user.endpoint.send(bytes([byte]))
        web.wait(0.01)
    web.wait(0.1)
    assert user.got.count(PAGE) == 4
    assert not user.endpoint.finished
    assert web.read("web.requests") == "4"


@pytest.mark.parametrize(("data", "status"), [
    (b"nonsense\r\n\r\n", 400), (b"GET /\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505), (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nfield\r\n\r\n", 400), (b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400), (b"\0" * 9000, 431), (b"GET /" + b"x" * 9000, 431),
    (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 405), (b"GET / HTTP/1.0\r\n\r\n", 200),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413)])
def test_bad_requests_are_told_and_the_connection_closed(web, data, status):
    user = ask(web, data)
    assert user.got.startswith(b"HTTP/1.1 %d " % status), bytes(user.got[:80])
    assert user.endpoint.finished or status == 405
    assert not user.endpoint.error


def test_a_download_goes_on_when_the_graph_is_replaced(web):
    user = web.connect(80, reading=False)
    user.endpoint.send(b"GET /large HTTP/1.0\r\n\r\n")
    web.wait(0.1)
    got = bytearray(user.endpoint.receive())
    assert 0 < len(got) < 256 * 20000
    web.reload(f"web :: HttpFileServer({web.root});")
    user.reading = True
    user.stack_event(0)
    web.wait(5)
    assert (got + user.got).partition(b"\r\n\r\n")[2] == bytes(range(256)) * 20000
    assert user.endpoint.finished
    user.endpoint.close()
    web.wait(0.1)
    assert web.read("web.connections") == "0"


def test_a_file_that_shrinks_ends_the_connection(web):
    """Else the client would take the next answer for the rest of this one."""
    user = web.connect(80, reading=False)
    user.endpoint.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    web.wait(0.1)
    os.truncate(web.root / "large", 10)
    user.reading = True
    user.stack_event(0)
    web.wait(5)
    assert user.endpoint.error


def test_files_are_closed_with_their_connections(web):
    before = len(os.listdir("/proc/self/fd"))
    users = [web.connect(80, reading=False) for _ in range(5)]
    for user in users:
        user.endpoint.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    web.wait(0.1)
    assert len(os.listdir("/proc/self/fd")) == before + 5
    for user in users:
        user.endpoint.abort()
    web.wait(0.1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_too_many_open_files_are_told(web, monkeypatch):
    def full(*_):
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr("elements.host.httpfileserver.open_file", full)
    assert get(web, "/")[0] == 503


def test_a_folder_that_is_not_there_is_refused(pair):
    with pytest.raises(ConfigError, match="cannot serve /nowhere: it is no folder"):
        pair("HttpFileServer(/nowhere);")


def test_an_inactive_one_leaves_the_port_to_others(pair):
    assert pair("HttpFileServer(/nowhere, ACTIVE false);").read("b.listeners") == ""

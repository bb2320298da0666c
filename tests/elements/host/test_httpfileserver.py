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
    (root / "new").mkdir()
    (root / "new" / "index.html").symlink_to("../index.html")
    (root / "out").mkdir()
    (root / "out" / "index.html").symlink_to(tmp_path / "secret")
    (root / "outside").symlink_to(tmp_path)
    (root / "\u00e9.txt").write_bytes(b"accent")
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
    assert get(web, "/new/")[2] == PAGE
    assert get(web, "/%c3%a9.txt")[2] == get(web, "/\u00e9.txt".encode().decode("latin-1"))[2] == b"accent"


@pytest.mark.parametrize("target", [
    "/../secret", "/%2e%2e/secret", "/sub/../../secret", "/..%2fsecret", "/link", "/nothing", "/index.html/", "/pipe",
    "/sub/", "/out/", "/outside/secret",
    "//etc/passwd", "/%00", "etc", "*", "/sub/a%20b.txt%00.html", "/" + "x" * 5000, "/\xff"])
def test_nothing_else_is_served(web, target):
    assert get(web, target)[0] == 404


def test_a_link_that_comes_between_the_look_and_the_opening_is_not_followed(web, monkeypatch):
    """Who may write beneath the folder could have had any file of the machine served."""
    def look(path, found=os.path.realpath):
        place = found(path)
        if place.endswith(b"txt") and not (web.root / "sub").is_symlink():
            (web.root / "sub").rename(web.root / "gone")
            (web.root.parent / "a b.txt").write_bytes(b"secret")
            (web.root / "sub").symlink_to(web.root.parent)
        return place

    monkeypatch.setattr("os.path.realpath", look)
    assert get(web, "/sub/a%20b.txt")[0] == 404


def test_types_are_told_without_reading_files_of_the_machine(web, monkeypatch):
    """A sandbox forbids that, and then nothing was served."""
    monkeypatch.setattr("mimetypes.inited", False)
    monkeypatch.setattr("mimetypes.init", lambda *_: pytest.fail("the machine's tables were read"))
    assert get(web, "/sub/a%20b.txt")[1]["Content-Type"] == "text/plain; charset=utf-8"
    assert get(web, "/large")[1]["Content-Type"] == "application/octet-stream"


def test_heads_have_no_body_and_the_length_of_one(web):
    status, fields, body = get(web, "/", method="HEAD")
    assert (status, fields["Content-Length"], body) == (200, str(len(PAGE)), b"")


def test_parts_are_of_get_alone(web):
    assert get(web, "/", "Range: bytes=0-1", method="HEAD")[1]["Content-Length"] == str(len(PAGE))
    assert get(web, "/", "Range: bytes=99-", method="HEAD")[0] == 200


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
    assert get(web, "/", "Range: bytes=0-1", f"If-Range: {fields['Last-Modified']}")[0] == 206


def test_the_rest_of_another_version_is_not_sent(web):
    """A file put back from a backup is older than the one the client has a part of: the two were joined."""
    assert get(web, "/", "Range: bytes=0-1", "If-Range: Thu, 01 Jan 2099 00:00:00 GMT")[0] == 200


def test_conditions_in_their_order(web):
    """RFC 9110 section 13.2.2; dates are of Greenwich whatever the machine's time zone."""
    tag = get(web, "/")[1]["ETag"]
    assert get(web, "/", f"If-Match: \"a\", {tag}")[0] == get(web, "/", "If-Match: *")[0] == 200
    assert get(web, "/", f"If-Match: W/{tag}")[0] == get(web, "/", 'If-Match: "other"')[0] == 412
    assert get(web, "/", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT")[0] == 412
    assert get(web, "/", "If-Unmodified-Since: never")[0] == 200
    assert get(web, "/", f"If-Match: {tag}", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT")[0] == 200
    assert get(web, "/", "If-None-Match: W/" + tag, "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT")[0] == 304
    assert get(web, "/", 'If-None-Match: "x"', "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT")[0] == 200
    os.utime(web.root / "index.html", (10000, 10000))
    assert get(web, "/", "If-Modified-Since: Thu, 01 Jan 1970 02:46:40 -0000")[0] == 304
    os.utime(web.root / "index.html", (1e12, 1e12))
    assert get(web, "/")[0] == 200


def test_the_end_of_an_empty_file_is_all_of_it(web):
    assert get(web, "/empty", "Range: bytes=-5")[::2] == (200, b"")
    assert get(web, "/empty", "Range: bytes=0-")[0] == 416


def test_an_idle_connection_ends_in_order(web):
    """RFC 9112 section 9.6: after a reset a client may lose what it has not yet read of the answer."""
    user = ask(web, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    web.wait(80)
    assert (user.endpoint.finished, user.endpoint.error) == (True, 0)
    assert (web.read("web.timeouts"), web.read("web.connections")) == ("1", "1")
    user.endpoint.close()
    web.wait(1)
    assert web.read("web.connections") == "0"
    silent = web.connect(80)
    web.wait(200)
    assert silent.endpoint.error                # he never ended his side
    assert (web.read("web.timeouts"), web.read("web.connections")) == ("2", "0")


def test_a_reset_that_comes_when_an_idle_connection_ends(web, caplog):
    """The search for idle ones ended with an exception, and the others were kept."""
    for _ in range(2):
        user = ask(web, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for connection in web.router["web"].connections:
            connection.endpoint.user = None     # nothing is told any more: the search comes first
        user.endpoint.abort()
    silent = web.connect(80)
    web.wait(200)
    assert silent.endpoint.error
    assert web.read("web.connections") == "0"
    assert caplog.records == []


def test_requests_that_end_with_the_clients_side_are_all_answered(web):
    """An answer that did not fit into the send buffer was cut off when the client had closed its side."""
    request = b"GET /missing HTTP/1.1\r\nHost: x\r\n\r\n"
    web.router["b"].stack.configure_tcp(send_buffer=1000)
    web.reload(f"other :: HttpFileServer({web.root}, 8080);")
    user = web.connect(8080, reading=False)
    user.endpoint.send(request * 500)
    user.endpoint.shutdown()
    web.wait(1)
    user.reading = True
    user.stack_event(0)
    web.wait(30)
    assert user.got.count(b"HTTP/1.1 404") == 500


def test_empty_lines_between_requests_are_passed_over(web):
    """RFC 9112 section 2.2; it depended on how the bytes were cut."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(web, (request + b"\r\n") * 3).got.count(b"200 OK") == 3


def test_each_of_many_heads_has_the_limit(web):
    """The second was as long as it liked if it came with the first."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n"
    got = ask(web, request % b"" + request % (b"x" * 9000)).got
    assert [got.count(b"HTTP/1.1 %d " % status) for status in (200, 431)] == [1, 1]


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
    (b"GET /\n HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET /\rx HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400), (b"GET / HTTP/1.1\nHost: x\n\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
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


def opened(path):
    """How often this process has a file open."""
    found = [entry.path for entry in os.scandir("/proc/self/fd")]
    return sum(os.path.exists(each) and os.path.samefile(each, path) for each in found)


def test_files_are_closed_with_their_connections(web):
    users = [web.connect(80, reading=False) for _ in range(5)]
    for user in users:
        user.endpoint.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    web.wait(0.1)
    assert opened(web.root / "large") == 5
    for user in users:
        user.endpoint.abort()
    web.wait(0.1)
    assert opened(web.root / "large") == opened(web.root) == 0


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

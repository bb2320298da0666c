"""The ControlSocket protocol, bytes in and bytes out; the answers are those Click's own clients look for."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netos.control.access import Access, RouterAppliance
from netos.control.framing import LINE_LIMIT
from netos.control.protocol import GREETING, ControlProtocol, Options
from netos.handlers import Handler
from netos.router import Router

TEXT = "c :: Counter; Idle -> c -> q :: Queue(7) -> Discard; s :: Script(TYPE PROXY, return $(cat $0 $args))"


class Notebook(Access):
    """An appliance that notes what is written and gives back what it is asked with."""

    def __init__(self, router):
        super().__init__(RouterAppliance(router))
        self.written = []
        self.add(Handler("echo", lambda text: text, self.written.append, read_parameter=True),
                 Handler("secret", lambda _: "x", private=True), Handler("broken", self.fail, self.fail))

    def fail(self, _text):
        raise RuntimeError("two\nlines")


@pytest.fixture(scope="module")
def router():
    with Router.from_text(TEXT, simulated=10**18) as made:
        yield made


@pytest.fixture
def appliance(router):
    return Notebook(router)


def talk(appliance, *chunks, options=None):
    """Everything a client that sends these chunks is answered."""
    protocol = ControlProtocol(appliance, options)
    found = b""
    for chunk in chunks:
        protocol.receive(chunk)
        while (answer := protocol.answer()) is not None:
            found += answer
    return found


def test_the_greeting_names_the_version():
    assert GREETING == b"Click::ControlSocket/1.3\r\n"


@pytest.mark.parametrize("command", [b"READ c.count\r\n", b"get c.count\n", b"  Read\t c.count \r", b"READ 1.count\n",
                                     b"READDATA c.count 0\n", b"READUNTIL c.count\n\n", b"\r\n\n\nREAD c.count\n"])
def test_reading(appliance, command):
    reply = b"200 Read handler '1.count' OK" if b"1." in command else b"200 Read handler 'c.count' OK"
    assert talk(appliance, command) == reply + b"\r\nDATA 1\r\n0"


@pytest.mark.parametrize(("command", "text"), [
    (b"WRITE echo a  b \r\n", "a  b"), (b"set echo\n", ""), (b"WRITE .echo x\n", "x"),
    (b"WRITEDATA echo 5\r\na\r\nb\n", "a\r\nb\n"), (b"setdata echo 3\rabc", "abc"), (b"WRITEDATA echo 0\n", ""),
    (b"WRITEUNTIL echo end\na\r\nb\rend\n", "a\nb\n"), (b"WRITEUNTIL echo\na\n\n", "a\n"),
    (b"WRITEDATA echo 1\n\xff", "\xff"),
])
def test_writing(appliance, command, text):
    name = b".echo" if b".echo" in command else b"echo"
    assert talk(appliance, command) == b"200 Write handler '%b' OK\r\n" % name
    assert appliance.written == [text]


def test_arguments_of_read_handlers(appliance):
    for command in (b"READ echo a b\n", b"READDATA echo 3\na b", b"READUNTIL echo .\na b\n.\n"):
        assert talk(appliance, command).partition(b"\r\n")[2].rstrip() in (b"DATA 3\r\na b", b"DATA 4\r\na b")


def test_written_handlers_take_effect(appliance):
    assert talk(appliance, b"WRITE q.capacity 9\nREAD q.capacity\n").endswith(b"DATA 1\r\n9")


@pytest.mark.parametrize(("command", "code"), [
    (b"READ", 500), (b"WRITEDATA echo", 500), (b"WRITEDATA echo x", 500), (b"WRITEUNTIL", 500), (b"CHECKREAD", 500),
    (b"FROB x", 501), (b"LLRPC c#1f", 501), (b"READ x.count", 510), (b"READ 0.count", 510), (b"READ 99.count", 510),
    (b"READ 99999999999999999999.count", 510), (b"READ c.nosuch", 511), (b"READ nosuch", 511), (b"READ secret", 511),
    (b"READ c.", 511), (b"READ .", 511), (b"READ c.count 1", 520), (b"WRITE q.capacity x", 520),
    (b"WRITE q.capacity 0", 520), (b"READ c.reset", 530), (b"WRITE c.count 1", 530), (b"CHECKREAD c.count", 200),
    (b"CHECKREAD c.reset", 530), (b"CHECKWRITE c.reset", 200), (b"CHECKWRITE c.count", 530), (b"CHECKWRITE x.y", 510),
    (b"READ broken", 590), (b"WRITE broken", 590), (b"HELP", 200), (b"QUIT", 200), (b"close", 200),
])
def test_codes(appliance, command, code):
    lines = talk(appliance, command + b"\r\n").decode().splitlines()
    assert {line[:3] for line in lines} == {str(code)}
    assert [line[3] for line in lines] == ["-"] * (len(lines) - 1) + [" "]


def test_a_malformed_write_changes_nothing(appliance):
    before = talk(appliance, b"READ q.capacity\n")
    talk(appliance, b"WRITE q.capacity -1\nWRITE q.capacity 1 2\nWRITE q.config x\n")
    assert talk(appliance, b"READ q.capacity\n") == before


def test_no_router():
    assert talk(Notebook(None), b"READ c.count\nREAD list\nREAD echo\n").split(b" ")[0] == b"540"


def test_data_of_a_refused_llrpc_is_passed_over(appliance):
    assert talk(appliance, b"LLRPC c#0 5\nQUIT\nHELP nothing\n").startswith(b"501 ")
    assert b"Commands:" in talk(appliance, b"LLRPC c#0 5\nQUIT\nHELP\n")


def test_a_readonly_socket_refuses_writes(appliance):
    assert talk(appliance, b"WRITE echo 1\n", options=Options(readonly=True)).startswith(b"530 ")
    assert talk(appliance, b"CHECKWRITE echo\n", options=Options(readonly=True)).startswith(b"530 ")
    assert talk(appliance, b"READ c.count\n", options=Options(readonly=True)).startswith(b"200 ")
    assert appliance.written == []


def test_a_proxy_is_asked_for_the_whole_name(router):
    proxy = Notebook(router)
    asked = []
    proxy.read = lambda path, text: asked.append(path) or "1"
    talk(proxy, b"READ a.b\n", options=Options(proxy="s"))
    assert asked == ["s.a.b"]


@pytest.mark.parametrize("command", [b"WRITEDATA echo 9\n" + b"x" * 9, b"WRITEUNTIL echo .\n" + b"abcd\n" * 3 + b".\n",
                                     b"WRITEUNTIL echo .\n" + b"x" * 99 + b"\na\n.\n"])
def test_too_much_data_is_refused_and_not_kept(appliance, command):
    answers = talk(appliance, command + b"READ c.count\n", options=Options(data_limit=8))
    assert answers.startswith(b"521 ")
    assert answers.endswith(b"DATA 1\r\n0")
    assert appliance.written == []


def test_a_number_of_bytes_nobody_has_is_not_allocated(appliance):
    protocol = ControlProtocol(appliance)
    protocol.receive(b"WRITEDATA echo 999999999999999999\n" + b"x" * 1000)
    assert protocol.answer() is None
    assert len(protocol._stream) == 0


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_without_end_closes_the_connection(appliance, end):
    protocol = ControlProtocol(appliance)
    protocol.receive(b"x" * (LINE_LIMIT + 1) + end + b"HELP\n")
    assert protocol.answer().startswith(b"500 ")
    assert protocol.closed
    assert protocol.answer() is None


def test_nothing_is_done_after_a_goodbye(appliance):
    assert talk(appliance, b"QUIT\nWRITE echo 1\n", b"WRITE echo 2\n") == b"200 Goodbye\r\n"
    assert appliance.written == []


def test_a_carriage_return_ends_a_line_at_once_and_its_newline_is_no_second_line(appliance):
    protocol = ControlProtocol(appliance)
    protocol.receive(b"WRITEUNTIL echo\r")
    assert protocol.answer() is None
    protocol.receive(b"\na\r")
    assert protocol.answer() is None
    protocol.receive(b"\r")
    assert protocol.answer().startswith(b"200 ")
    assert appliance.written == ["a\n"]


words = st.sampled_from([b"READ", b"write", b"READDATA", b"WRITEDATA", b"WRITEUNTIL", b"readuntil", b"CHECKREAD",
                         b"CHECKWRITE", b"LLRPC", b"HELP", b"QUIT", b"echo", b"c.count", b"q.capacity", b"broken",
                         b"0", b"3", b"17", b"x#1", b" ", b" ", b" ", b"\r", b"\n", b"\r\n", b"\n", b"\xff", b"\0"])
traffic = st.one_of(st.binary(max_size=200), st.lists(words, max_size=60).map(b"".join))


@given(data=traffic, cuts=st.lists(st.integers(0, 400), max_size=8), limit=st.sampled_from([4, 1 << 20]))
@settings(max_examples=300, deadline=None)
def test_answers_do_not_depend_on_how_bytes_arrive(router, data, cuts, limit):
    """Any bytes are answered, without an exception, the same in one piece, in pieces and byte by byte."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    results = []
    for chunks in ([data], [data[a:b] for a, b in pairwise(places)], [data[i:i + 1] for i in range(len(data))]):
        appliance = Notebook(router)
        results.append((talk(appliance, *chunks, options=Options(data_limit=limit)), appliance.written))
    assert results[0] == results[1] == results[2]

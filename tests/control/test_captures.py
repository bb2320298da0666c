"""Captures of a running appliance: edges by name, one counter store, and nothing left behind by whoever goes away."""

import json
import socket
from contextlib import contextmanager

import pytest

from netos.control import capture_handlers
from netos.control.access import Access, RouterAppliance
from netos.control.client import ControlClient
from netos.control.counters import snapshot
from netos.control.edges import find_edges
from netos.control.metrics import prometheus
from netos.control.records import unpack
from netos.control.switches import add_counters
from netos.errors import NetosError
from netos.router import Router

TEXT = """src :: InfiniteSource(LIMIT 20, LENGTH 100, STOP false) -> t :: Tee -> q :: Queue(50) -> n :: Null
    -> u :: Unqueue -> c :: Counter -> d :: Discard;
t [1] -> c; Idle -> [0] s :: Switch(0) -> q; s[1] -> d; Idle -> both :: { input -> Null -> output } -> d"""


@pytest.fixture
def access():
    made = Access(RouterAppliance(Router.from_text(TEXT, simulated=0).initialize()))
    add_counters(made)
    yield made
    made.appliance.router.close()
    for leave in made.leavers:
        leave(None)


def start(access, name="x", **wanted):
    access.write("capture_start", json.dumps({"id": name, **wanted}))


def data(access, name="x"):
    head, _, found = access.read("capture_data", name).partition("\n")
    return json.loads(head), list(unpack(found.encode("latin-1")))


def patched(router):
    """The patches that are anywhere in a graph."""
    return [patch for element in router.order for patches in getattr(element, "port_patches", {}).values()
            for patch in patches]


@pytest.mark.parametrize(("edge", "where", "counted"), [
    ("src -> t", "src", ("outputs", 0)), ("t[0]", "t", ("outputs", 0)), ("t [1]", "t", ("outputs", 1)),
    ("[0]u", "u", ("inputs", 0)), ("q", "n", ("inputs", 0)), ("q -> n", "q", ("outputs", 0)), ("d", "d", ("inputs", 0)),
    ("c", "d", ("inputs", 0)), ("[0] c", "c", ("inputs", 0)), ("t[1] -> [0] c", "t", ("outputs", 1))])
def test_a_dump_sees_the_packets_that_the_counters_count(access, edge, where, counted):
    """One counter store: the dump, the handler, the snapshot and the metrics agree on every edge."""
    start(access, edge=edge)
    access.router.cpu.advance()
    head, records = data(access)
    counts = snapshot(access)
    side, port = counted
    packets = counts["elements"][where][side][port]["packets"]
    assert head["seen"] == head["matched"] == len(records) == packets > 0
    kind = counts["elements"][where]["class"]
    line = (f'netos_element_packets_total{{element="{where}",class="{kind}",direction="{side[:-1]}",port="{port}"}} '
            f"{packets}")
    assert line in prometheus(counts).splitlines()


@pytest.mark.parametrize(("edge", "complaint"), [
    ("x", "no element is called 'x'"), ("scr", "did you mean src"), ("t[2]", "those of t are"), ("u -> q", "u -> "),
    ("both", "name one of both/Null@1"), ("[1]t", "there is no edge [1]t"),
    ("", "is no edge"), ("a b", "is no edge"), ("[0]t[0]", "two ports"),
    ("t[0] -> [1] q", "t[0] -> q")])
def test_errors_name_the_edges_that_are(access, edge, complaint):
    with pytest.raises(NetosError) as caught:
        start(access, edge=edge)
    assert complaint in str(caught.value)
    assert patched(access.router) == []
    assert access.read("captures") == ""


def test_edges_are_named_as_short_as_can_be(access):
    router = access.router
    assert [str(place.edge) for place in find_edges(router, "t")] == ["t[0] -> q", "t[1] -> c"]
    assert [(place.element.name, place.side, place.port) for place in find_edges(router, "q")] == [("n", "input", 0)]


def test_filter_count_and_snapshot_length(access):
    start(access, edge="src", filter="len = 100", count=3, snaplen=10)
    start(access, "none", edge="src", filter="len = 99")
    access.router.cpu.advance()
    head, records = data(access)
    assert (head["seen"], head["matched"]) == (20, 3)
    assert [(record.length, len(record.data)) for record in records] == [(100, 10)] * 3
    assert data(access, "none")[1] == []


@pytest.mark.parametrize(("wanted", "complaint"), [
    ({"edge": "src", "filter": "tpc"}, "did you mean 'tcp'"), ({"edge": "src", "count": 0}, "count: a number from 1"),
    ({"what": "trace", "count": 1001}, "from 1 to 1000"), ({"edge": "src", "snaplen": "x"}, "snaplen"),
    ({"edge": "src", "filter": {"frame": [[6, 0, 0, 1]]}}, "two BPF programs"),
    ({"edge": "src", "filter": {"frame": [[6, 0, 0, 1]], "ip": [[5, 0, 0, 9]]}}, "leads out of the BPF program"),
    ({"edge": "src", "filter": {"frame": [6], "ip": []}}, "two BPF programs")])
def test_what_cannot_be_wanted_changes_nothing(access, wanted, complaint):
    with pytest.raises(NetosError, match=complaint):
        start(access, **wanted)
    assert patched(access.router) == []
    start(access, what="trace")
    access.write("capture_stop", "x")


@pytest.mark.parametrize("what", [{"what": "trace", "count": 100}, {"edge": "src"}])
def test_a_capture_follows_the_graph(access, what):
    old = access.router
    start(access, **what)
    assert patched(old)
    with Router.from_text(TEXT, simulated=0) as new:
        access.appliance.adopt(new)
        data(access)
        assert patched(old) == []
        new.cpu.advance()
        head, records = data(access)
        assert records
        assert head["problem"] == ""
        with Router.from_text("Idle -> Discard", simulated=0) as other:
            access.appliance.adopt(other)
            assert ("no element is called 'src'" in data(access)[0]["problem"]) == ("edge" in what)
        access.appliance.adopt(old)
        access.write("capture_stop", "x")
    assert patched(old) == []


def test_a_finished_trace_takes_its_patches_out_by_itself(access):
    start(access, what="trace", count=2)
    access.router.cpu.advance()
    head, records = data(access)
    assert (head["wanted"], head["under_way"]) == (0, {})
    assert {record.packet for record in records} >= {1, 2}
    assert patched(access.router) == []


def test_the_packets_are_held_only_while_patches_come_and_go():
    """Not while a filter is compiled, nor while records are taken."""
    pauses = []

    @contextmanager
    def paused():
        pauses.append(len(patched(made.router)))
        yield

    made = Access(RouterAppliance(Router.from_text(TEXT, simulated=0).initialize()), paused=paused)
    add_counters(made)
    start(made, edge="src", filter="len = 100")
    assert pauses == [0]
    made.router.cpu.advance()
    assert len(data(made)[1]) == 20
    assert pauses == [0]
    made.write("capture_stop", "x")
    assert pauses == [0, 1]
    made.router.close()


def test_what_nobody_reads_ends(access, monkeypatch):
    start(access, what="trace")
    start(access, "y", edge="src")
    tend, = access.tenders
    assert tend()
    later = capture_handlers.time.monotonic() + capture_handlers.LEASE + 1
    monkeypatch.setattr(capture_handlers.time, "monotonic", lambda: later)
    assert not tend()
    assert access.read("captures") == ""
    assert patched(access.router) == []
    with pytest.raises(NetosError, match="nobody reads"):
        access.read("capture_data", "x")


def test_there_are_limits(access):
    for number in range(capture_handlers.CAPTURES_MAX):
        start(access, str(number), edge="src")
    with pytest.raises(NetosError, match="end one"):
        start(access, edge="src")
    with pytest.raises(NetosError, match="already"):
        start(access, "0", edge="src")
    for text in ("", "[]", "{}", '{"id": ""}', '{"id": "a b"}', '{"id": 1}'):
        with pytest.raises(NetosError, match='"id" is wanted'):
            access.write("capture_start", text)


def test_a_client_that_is_gone_leaves_nothing(running):
    """Its connection is cut, as kill -9 does; another client sees that its captures have ended."""
    with running("i :: Idle -> Discard") as path, ControlClient(path) as other:
        client = ControlClient(path)
        client.write("capture_start", json.dumps({"id": "x", "what": "trace"}))
        client.write("capture_start", json.dumps({"id": "y", "edge": "i"}))
        assert other.read("captures") == "x\ny\n"
        client.socket.shutdown(socket.SHUT_RDWR)
        client.close()
        for _ in range(1000):
            if not other.read("captures"):
                break
        assert other.read("captures") == ""
        other.write("capture_start", json.dumps({"id": "z", "what": "trace"}))


def test_a_dump_that_was_not_read_for_long_begins_anew(running, monkeypatch):
    """A reader such as a stopped pager holds up the dump; when it goes on, so does the dump, and says so."""
    from netos.cli.capturing import Capturing
    from netos.cli.dump import summary

    with running("src :: InfiniteSource(LENGTH 60, LIMIT 5, STOP false) -> i :: Null -> Discard") as path, \
            ControlClient(path) as client, Capturing(client, what="dump", edge="i", filter="") as capture:
        assert capture.take() == []
        client.write("capture_stop", capture.name)
        assert capture.take() == []
        assert client.read("captures") == f"{capture.name}\n"
        client.write("src.reset")
        records = []
        for _ in range(1000):
            records += capture.take()
            if len(records) == 5:
                break
        assert len(records) == 5
        assert "1 times nobody read" in summary(capture, 0)
        with pytest.raises(NetosError, match="nobody reads"), Capturing(client, what="trace", filter="") as trace:
            client.write("capture_stop", trace.name)
            trace.take()

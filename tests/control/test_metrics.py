"""Metrics: strict Prometheus text whose every number is that of the counters and handlers; HTTP over real sockets."""

import asyncio
import json
import os
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netos.control import http
from netos.control.access import Access, RouterAppliance
from netos.control.counters import snapshot
from netos.control.http import serve_metrics
from netos.control.metrics import FAMILIES, escaped, prometheus
from netos.control.switches import add_counters
from netos.router import Router

TEXT = """src :: InfiniteSource(LIMIT 20, LENGTH 100, STOP false) -> q :: Queue(7) -> u :: Unqueue(ACTIVE false)
    -> c :: Counter -> d :: Discard; FromDevice(mem:metrics.x) -> Discard"""
SAMPLE = re.compile(r'netos_([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


def access():
    made = Access(RouterAppliance(Router.from_text(TEXT, simulated=0).initialize()))
    add_counters(made)
    made.write("byte_counts", "true")
    made.router.cpu.advance()
    return made


def parsed(text):
    """Samples by (name, labels); fails on whatever the format does not allow."""
    assert text.endswith("\n")
    found, kinds, current = {}, {}, ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            assert current not in kinds, "a metric's lines are together"
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current
            assert kind in ("counter", "gauge")
            kinds[name] = kind
            assert (kind == "counter") == name.endswith("_total")
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert f"netos_{match[1]}" == current
            key = (match[1], frozenset(LABEL.findall(match[2] or "")))
            assert key not in found, "a sample appears once"
            found[key] = float(match[3])
    return found


def test_every_number_is_that_of_the_counters_and_the_handlers():
    appliance = access()
    counts = snapshot(appliance)
    samples = parsed(prometheus(counts))

    def value(name, **labels):
        return samples.pop((name, frozenset(labels.items())))

    for name, element in counts["elements"].items():
        labels = {"element": name, "class": element["class"]}
        for side in ("input", "output"):
            for number, port in enumerate(element[f"{side}s"]):
                assert value("element_packets_total", direction=side, port=str(number), **labels) == port["packets"]
                assert value("element_bytes_total", direction=side, port=str(number), **labels) == port["bytes"]
        for reason, count in appliance.router[name].drop_counts.items():
            assert value("element_drops_total", reason=reason, **labels) == count
        if "task" in element:
            assert value("task_runs_total", **labels) == appliance.router[name].runs
            assert value("task_cycles_total", **labels) == appliance.router[name].cycles
    assert value("queue_length", element="q", **{"class": "Queue"}) == int(appliance.read("q.length")) == 7
    assert value("queue_capacity", element="q", **{"class": "Queue"}) == int(appliance.read("q.capacity"))
    assert counts["elements"]["q"]["drops"] == {"queue-full": int(appliance.read("q.drops"))}
    for how in ("received", "created", "sent", "consumed", "dropped"):
        assert value("packets_total", how=how) == appliance.router.cpu.balance[how]
    assert value("packets_held") == appliance.router.cpu.balance["held"] == 7
    assert value("buffers_missing_total") == 0
    for way in ("rx", "tx"):
        for what in ("packets", "bytes", "errors"):
            assert value(f"device_{what}_total", device="metrics.x", direction=way) == 0
    for name in ("turns", "task_runs"):
        assert value(f"cpu_{name}_total", cpu="0") == counts["cpus"][0][name] > 0
    assert value("cpu_runnable", cpu="0") == value("cpu_events_lost_total", cpu="0") == 0
    assert value("generation") == int(appliance.read("generation"))
    assert value("uptime_seconds") == counts["uptime"]
    assert samples == {}, "nothing else is shown"
    appliance.router.close()


def test_every_metric_has_a_kind_that_its_name_tells():
    for name, (kind, meaning) in FAMILIES.items():
        assert (kind == "counter") == name.endswith("_total")
        assert meaning.endswith(".")


@given(st.text())
def test_any_name_can_be_a_label(text):
    match = LABEL.fullmatch(f'x="{escaped(text)}"')
    assert match
    assert re.sub(r'\\(.)', lambda found: "\n" if found[1] == "n" else found[1], match[2]) == text


def exchange(*requests, where=None, patience=None):
    """The answers to these requests, each on a connection of its own."""
    async def main():
        appliance = access()
        found = []
        async with serve_metrics(appliance, where or "127.0.0.1:0") as sockets:
            place = sockets[0].getsockname()
            for request in requests:
                reader, writer = await (asyncio.open_unix_connection(place) if isinstance(place, str)
                                        else asyncio.open_connection(*place))
                writer.write(request)
                if patience is None:
                    writer.write_eof()
                found.append(await reader.read())
                writer.close()
        appliance.router.close()
        return found

    return asyncio.run(asyncio.wait_for(main(), 20))


def split(answer):
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    found = dict(field.split(": ", 1) for field in fields)
    assert found["Connection"] == "close"
    return int(status.split(" ")[1]), found, content


def test_pages():
    answers = [split(answer) for answer in exchange(
        *(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in ("/metrics", "/json", "/healthz", "/x?y")),
        b"HEAD /metrics HTTP/1.0\r\n\r\n", b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")]
    assert [status for status, _, _ in answers] == [200, 200, 200, 404, 200, 405]
    for _, fields, content in answers[:4]:
        assert int(fields["Content-Length"]) == len(content)
    assert answers[0][1]["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = parsed(answers[0][2].decode())
    counts = json.loads(answers[1][2])
    assert samples[("packets_total", frozenset({("how", "created")}))] == counts["balance"]["created"] == 20
    assert answers[2][2] == b"ok\n"
    assert answers[4][2] == b""
    assert int(answers[4][1]["Content-Length"]) > 0
    assert answers[5][1]["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("request_", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"GET / FTP/1.1\r\n\r\n",
                                      b"GET /metrics HTTP/1.1", b"x" * 99999, b"\xff\0\r\n\r\n",
                                      b"GET /" + b"x" * 99999 + b" HTTP/1.1\r\n\r\n"])
def test_nonsense_is_refused_and_others_are_served(request_):
    bad, good = exchange(request_, b"GET /healthz HTTP/1.1\r\n\r\n")
    assert not bad or split(bad)[0] == 400
    assert split(good)[0] == 200


def test_a_client_that_says_nothing_is_disconnected(monkeypatch):
    monkeypatch.setattr(http, "PATIENCE", 0.02)
    assert exchange(b"GET /met", patience=1) == [b""]


def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "metrics.sock")
    assert split(exchange(b"GET /healthz HTTP/1.1\r\n\r\n", where=path)[0])[0] == 200
    assert not os.path.exists(path)


def test_a_given_socket():
    with socket.create_server(("127.0.0.1", 0)) as given:
        assert split(exchange(b"GET /healthz HTTP/1.1\r\n\r\n", where=[given])[0])[0] == 200

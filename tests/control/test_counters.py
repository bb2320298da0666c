"""The counter store: what it says is what handlers say, at every width and processing."""

import json

import pytest

from netos.control.access import Access, RouterAppliance
from netos.control.counters import snapshot
from netos.control.switches import add_counters
from netos.router import Router

TEXT = """src :: InfiniteSource(LIMIT 20, LENGTH 100, STOP false) -> t :: Tee -> q :: Queue(5) -> n :: Null
    -> u :: Unqueue -> c :: Counter -> d :: Discard;
t [1] -> c; Idle -> [0] sw :: Switch(0) -> q2 :: Queue(3) -> p :: PullNull -> Idle"""


def access(text=TEXT):
    made = Access(RouterAppliance(Router.from_text(text, simulated=0).initialize()))
    add_counters(made)
    return made


def test_a_port_counts_the_same_at_both_ends():
    appliance = access()
    appliance.write("byte_counts", "true")
    appliance.router.cpu.advance()
    found = snapshot(appliance)["elements"]
    passed = int(appliance.read("u.count"))
    one = [{"packets": 20, "bytes": 2000}]
    assert found["src"]["outputs"] == found["t"]["inputs"] == one
    assert found["t"]["outputs"] == one * 2
    assert found["q"]["outputs"] == found["n"]["inputs"] == found["n"]["outputs"] == found["u"]["inputs"]
    assert found["u"]["inputs"] == [{"packets": passed, "bytes": 100 * passed}]
    assert found["c"]["inputs"] == [{"packets": 20 + passed, "bytes": 100 * (20 + passed)}]
    assert found["d"]["inputs"] == [{"packets": int(appliance.read("d.count")), "bytes": 100 * (20 + passed)}]
    appliance.router.close()


def test_bytes_are_unknown_unless_counted():
    appliance = access()
    appliance.router.cpu.advance()
    assert snapshot(appliance)["elements"]["src"]["outputs"] == [{"packets": 20, "bytes": None}]
    appliance.router.close()


def test_queues_tasks_and_drops():
    text = "InfiniteSource(LIMIT 9, BURST 9) -> q :: Queue(4) -> u :: Unqueue(ACTIVE false) -> Discard"
    appliance = access(text)
    appliance.router.cpu.advance()
    found = snapshot(appliance)
    assert found["elements"]["q"]["queue"] == {"length": 4, "capacity": 4}
    assert found["elements"]["q"]["drops"] == {"queue-full": 5} == appliance.router["q"].drop_counts
    assert "queue" not in found["elements"]["u"]
    assert found["elements"]["u"]["task"]["scheduled"] is False
    assert "task" not in found["elements"]["q"]
    assert found["balance"] == appliance.router.cpu.balance
    assert found["balance"]["held"] == 4
    appliance.router.close()


def test_devices():
    appliance = access("FromDevice(mem:counters.x) -> Queue -> ToDevice(mem:counters.x)")
    assert snapshot(appliance)["devices"] == {"counters.x": {way: {"packets": 0, "bytes": 0, "errors": 0}
                                                            for way in ("rx", "tx")}}
    appliance.router.close()


def test_byte_counting_follows_the_graph_and_can_be_switched_off():
    appliance = access()
    appliance.write("byte_counts", "true")
    with Router.from_text(TEXT, simulated=0) as new:
        appliance.appliance.adopt(new)
        appliance.read("counters")
        new.cpu.advance()
        found = json.loads(appliance.read("counters"))
        assert found["generation"] == 2
        assert found["elements"]["src"]["outputs"] == [{"packets": 20, "bytes": 2000}]
        appliance.write("byte_counts", "false")
        new["t"].push(0, [new.packet(bytes(9))])
        assert json.loads(appliance.read("counters"))["elements"]["t"]["outputs"][0] == {"packets": 21, "bytes": 2000}


def test_a_bad_switch_changes_nothing():
    appliance = access()
    with pytest.raises(Exception, match="byte_counts"):
        appliance.write("byte_counts", "perhaps")
    assert appliance.read("byte_counts") == "false"
    appliance.router.close()


def test_without_a_router_there_is_nothing_to_count():
    found = snapshot(Access(RouterAppliance()))
    assert found["elements"] == {}
    assert found["cpus"] == []


def test_samples_of_drops_are_those_of_the_graph_that_runs():
    appliance = access("q :: Queue(1) -> Idle; Idle -> q")
    router = appliance.router
    assert json.loads(appliance.read("drop_samples")) is None
    appliance.write("drop_samples", "true")
    router["q"].push(0, [router.packet(b"kept"), router.packet(b"dropped")])
    sample, = json.loads(appliance.read("drop_samples"))
    assert (sample["element"], sample["reason"], sample["length"], bytes.fromhex(sample["data"])) == (
        "q", "queue-full", 7, b"dropped")
    with Router.from_text("q :: Queue(1) -> Idle; Idle -> q", simulated=0) as new:
        appliance.appliance.adopt(new)
        assert json.loads(appliance.read("drop_samples")) == []
    appliance.write("drop_samples", "false")
    router.close()

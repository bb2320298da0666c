"""One graph on several threads: who works where, and that no packet is lost, counted twice or out of order.

The runs are bounded by counts of packets; the deadline only turns a hang into a failure.
"""

import time

import pytest

from netos.drivers.devices import give_device
from netos.drivers.memory import memory_pair
from netos.drivers.pcapwriter import PcapWriter
from netos.errors import ConfigError
from netos.kernel.driver import drive
from netos.kernel.ownership import region_calls
from netos.kernel.threads import Threads
from netos.registry import Registry
from netos.router import Router
from netos.testing.harness import HarnessOutput


class Running:
    """A graph on threads, run until a condition holds."""

    def __init__(self, text, count=2, **options):
        self.threads = Threads(count)
        self.router = Router.from_text(text, threads=self.threads, **options).initialize()

    def __enter__(self):
        self.threads.start()
        return self

    def __exit__(self, *_):
        self.threads.close()
        self.router.close()
        balance = self.threads.balance
        assert balance["held"] == 0, balance

    def until(self, condition, seconds=20.0):
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, "it never came"
            self.router.cpu.run()
            self.threads.deliver()
            self.router.cpu.wait(0.001)

    def count(self, name):
        return int(self.router.read(f"{name}.count"))

    def contents(self, name):
        """What waits in a queue that nobody pulls from."""
        found = []
        with self.threads.paused():
            while packets := self.router[name].pull(0, 256):
                found += map(bytes, packets)
        return found


@pytest.fixture
def numbered(tmp_path):
    """A capture file of that many packets, each with its number; netos reads it without waiting."""
    def make(name, count):
        writer = PcapWriter(str(tmp_path / name), 1)
        for number in range(count):
            writer.append(f"{name} {number}".encode(), 0, 60)
        writer.close()
        return str(tmp_path / name)
    return make


def expected(name, count):
    return [f"{name} {number}".encode() for number in range(count)]


def test_two_chains_on_two_threads_give_what_one_thread_gives(numbered):
    """Each chain works with its own virtual CPU, and nothing else about it changes."""
    text = f"""a :: FromDump({numbered("a", 2000)}) -> Paint(1) -> ca :: Counter -> qa :: Queue(5000) -> Idle;
               b :: FromDump({numbered("b", 2000)}) -> Paint(2) -> cb :: Counter -> qb :: Queue(5000) -> Idle;"""
    for placed in ("", "StaticThreadSched(b 1);"):
        with Running(text + placed) as graph:
            graph.until(lambda: graph.count("ca") == graph.count("cb") == 2000)
            assert graph.router.read("b.home_thread") == ("1" if placed else "0")
            assert (graph.router["cb"].cpu is graph.threads.cpus[1]) == bool(placed)
            assert graph.router["ca"].cpu is graph.threads.cpus[0]
            assert graph.contents("qa") == expected("a", 2000)
            assert graph.contents("qb") == expected("b", 2000)


@pytest.mark.parametrize(("burst", "pulled"), [(1, 256), (256, 1), (32, 32)])
@pytest.mark.parametrize("source_thread", [0, 1])
def test_a_queue_between_two_threads_keeps_every_packet_in_order(numbered, burst, pulled, source_thread):
    text = f"""s :: FromDump({numbered("n", 3000)}) -> q :: Queue(5000) -> u :: Unqueue({pulled}) -> c :: Counter
               -> end :: Queue(5000) -> Idle; StaticThreadSched(s {source_thread}, u {1 - source_thread});"""
    with Running(text, widen=burst) as graph:
        graph.until(lambda: graph.count("c") == 3000)
        assert graph.contents("end") == expected("n", 3000)
        assert graph.router["q"].cpu is graph.threads.cpus[source_thread]
        assert graph.router["c"].cpu is graph.threads.cpus[1 - source_thread]
        assert graph.router.gates == []


def test_a_full_queue_counts_what_it_drops_and_the_sum_is_right():
    """The overflow is the pusher's, counted and freed there."""
    with Running("""s :: InfiniteSource(LIMIT 200000, BURST 64) -> c :: Counter -> q :: Queue(50) -> u :: Unqueue(8)
                    -> d :: Counter -> Discard; StaticThreadSched(s 1);""") as graph:
        graph.until(lambda: graph.count("c") == 200000)
        graph.until(lambda: graph.count("d") + int(graph.router.read("q.drops")) == 200000)
        balance = graph.threads.balance
        assert balance["created"] == 200000 == balance["consumed"] + balance["dropped"]


def test_a_sleeping_puller_is_woken_by_each_single_packet():
    """A wake-up that is lost between two threads would leave the packet in the queue for ever."""
    with Running("""Idle -> q :: Queue -> shaper :: Unqueue -> c :: Counter -> q2 :: Queue
                    -> Shaper(1000000) -> u :: Unqueue -> d :: Counter -> Discard;
                    s :: TimedSource(0.0002, LIMIT 200) -> q; StaticThreadSched(s 0, shaper 1, u 0);""") as graph:
        graph.until(lambda: graph.count("d") == 200)
        assert graph.count("c") == 200


def test_what_two_threads_reach_counts_exactly():
    with Running("""both :: Classifier(0/0806, -);
                    a :: InfiniteSource(\\<0806>, LIMIT 100000, BURST 7) -> ca :: Counter -> both;
                    b :: InfiniteSource(\\<0800>, LIMIT 100000, BURST 5) -> cb :: Counter -> both;
                    both -> c0 :: Counter -> d :: Discard; both[1] -> c1 :: Counter -> d;
                    StaticThreadSched(b 1);""") as graph:
        router, threads = graph.router, graph.threads
        assert [router[name].cpu for name in ("ca", "cb", "both", "c1", "d")] == [
            threads.cpus[0], threads.cpus[1], threads.region, threads.region, threads.region]
        graph.until(lambda: graph.count("d") == 200000)
        assert graph.count("c0") == graph.count("c1") == 100000


def test_a_rewriter_hit_from_both_sides_keeps_one_table():
    with Running("""rw :: IPRewriter(pattern 9.9.9.9 1024-65535 - - 0 1); rw[0] -> c :: Counter -> d :: Discard;
                    rw[1] -> Discard;
                    a :: InfiniteSource(LIMIT 20000, BURST 3) -> UDPIPEncap(1.0.0.1, 1000, 2.0.0.2, 53) -> rw;
                    b :: InfiniteSource(LIMIT 20000, BURST 3) -> UDPIPEncap(1.0.0.2, 1000, 2.0.0.2, 53) -> rw;
                    StaticThreadSched(b 1);""") as graph:
        graph.until(lambda: graph.count("c") == 40000)
        assert len(graph.router.read("rw.udp_mappings").splitlines()) == 2


def test_handlers_see_all_threads_at_a_batch_boundary():
    """While the threads run, the sum of what came and went is right at every look."""
    with Running("""a :: InfiniteSource(BURST 16) -> q :: Queue(100) -> u :: Unqueue(16) -> d :: Discard;
                    b :: InfiniteSource(BURST 16) -> d; StaticThreadSched(a 1);""") as graph:
        for _ in range(100):
            graph.router.cpu.run()
            with graph.threads.paused():
                balance = graph.threads.balance
                assert balance["held"] == int(graph.router.read("q.length"))
        graph.router.write("a.active", "false")
        graph.router.write("b.active", "false")
        graph.until(lambda: graph.router.read("q.length") == "0")


def test_a_task_of_another_thread_is_started_and_stopped_by_handlers():
    with Running("""s :: InfiniteSource(ACTIVE false, BURST 4) -> c :: Counter -> Discard;
                    StaticThreadSched(s 1);""") as graph:
        assert graph.count("c") == 0
        graph.router.write("s.active", "true")
        graph.until(lambda: graph.count("c") > 100)
        graph.router.write("s.active", "false")
        graph.until(lambda: graph.router.read("s.scheduled") == "false")
        before = graph.count("c")
        assert graph.count("c") == before


def test_a_timer_runs_where_its_element_is_reached_from():
    """A rewriter that only thread 1 reaches needs no lock: its timer comes along."""
    with Running("""rw :: IPRewriter(pattern 9.9.9.9 1024-65535 - - 0 1); rw[0] -> c :: Counter -> Discard;
                    rw[1] -> Discard;
                    b :: InfiniteSource(LIMIT 10) -> UDPIPEncap(1.0.0.2, 1000, 2.0.0.2, 53) -> rw;
                    StaticThreadSched(b 1);""") as graph:
        graph.until(lambda: graph.count("c") == 10)
        assert graph.router["rw"].cpu is graph.threads.cpus[1]
        with graph.threads.paused():
            assert graph.threads.cpus[1].next_timeout is not None
            assert graph.threads.cpus[0].next_timeout is None


def test_a_stop_on_another_thread_ends_the_run():
    graph = Running("s :: InfiniteSource(LIMIT 1000, STOP true) -> c :: Counter -> Discard; StaticThreadSched(s 1);")
    with graph:
        drive(graph.router.cpu, {}, graph.router.halt, lambda: bool(graph.threads.deliver()))
        assert graph.count("c") == 1000


def test_a_call_from_the_region_reaches_python():
    """What an element of the region tells is delivered by thread 0, with the others held."""
    with Running("""a :: InfiniteSource(LIMIT 50) -> c :: Counter(COUNT_CALL 60 other.reset);
                    b :: InfiniteSource(LIMIT 50) -> c -> Discard; other :: Counter; Idle -> other -> Discard;
                    s :: InfiniteSource(LIMIT 3) -> n :: Counter -> Discard; StaticThreadSched(b 1);""") as graph:
        graph.until(lambda: graph.count("c") == 100)
        graph.until(lambda: not region_calls(graph.threads.region))


def test_python_is_refused_on_another_thread():
    """PyElements run on thread 0; behind a Queue they may see what thread 1 makes."""
    registry = Registry()
    registry.register(HarnessOutput)
    text = "s :: InfiniteSource(LIMIT 5) -> {} out :: HarnessOutput; StaticThreadSched(s 1);"
    with pytest.raises(ConfigError, match="put a Queue between them"):
        Running(text.format(""), registry=registry)
    with Running(text.format("Queue -> Unqueue ->"), registry=registry) as graph:
        graph.until(lambda: len(graph.router["out"].recorded) == 5)


def test_elements_that_name_one_another_are_reached_together():
    """ARPQuerier works on the table it names: two of them on two threads work on it one at a time."""
    with Running("""t :: ARPTable; a :: InfiniteSource(LIMIT 1) -> UDPIPEncap(1.0.0.1, 1, 2.0.0.2, 2)
                    -> [0]qa :: ARPQuerier(1.0.0.1, 0:0:0:0:0:1, TABLE t); Idle -> [1]qa -> Discard;
                    b :: InfiniteSource(LIMIT 1) -> UDPIPEncap(1.0.0.2, 1, 2.0.0.2, 2)
                    -> [0]qb :: ARPQuerier(1.0.0.2, 0:0:0:0:0:2, TABLE t); Idle -> [1]qb -> Discard;
                    StaticThreadSched(b 1);""") as graph:
        assert {graph.router[name].cpu for name in ("t", "qa", "qb")} == {graph.threads.region}
        graph.until(lambda: graph.count("a") == graph.count("b") == 1)


def test_ports_are_patched_and_counters_read_with_the_threads_held(tmp_path):
    """The control socket of a graph on threads counts bytes at ports that other threads push through."""
    from netos.control.counters import snapshot
    from netos.control.watched import shared_servers

    with Running(f"""ControlSocket(UNIX, {tmp_path}/control);
                     s :: InfiniteSource(\\<00>, BURST 4) -> c :: Counter -> Discard;
                     StaticThreadSched(s 1);""") as graph:
        (server,) = shared_servers(graph.router.cpu).values()
        access = server.server.access
        for _ in range(50):
            access.write("byte_counts", "true")
            graph.router.cpu.run()
            with access.paused():
                counts = snapshot(access)
                assert counts["balance"]["held"] == 0
                assert len(counts["cpus"]) == 2
                assert counts["balance"]["created"] == graph.router["c"].count
            access.write("byte_counts", "false")


@pytest.mark.parametrize("back", ["", "FromDevice(far) -> Discard;"], ids=["of one thread", "of both"])
def test_a_device_is_served_by_the_thread_of_its_elements(back):
    """Frames go from a device of thread 1 to one of thread 0, which, if both threads use it, one does at a time."""
    threads = Threads(2)
    source, near = memory_pair("source", "near")
    sink, far = memory_pair("sink", "far")
    give_device(threads.cpus[0], near, "near")
    give_device(threads.cpus[0], far, "far")
    text = f"""f :: FromDevice(near) -> q :: Queue -> t :: ToDevice(far); {back}
               StaticThreadSched(f 1, t {1 if back else 0});"""
    router = Router.from_text(text, threads=threads).initialize()
    assert router["t"].cpu is (threads.region if back else threads.cpus[0])
    assert router["f"].cpu is threads.cpus[1]
    threads.start()
    frames = [bytes(14) + bytes([number]) for number in range(200)]
    arrived = []
    limit = time.monotonic() + 20
    for start in range(0, 200, 10):
        with threads.paused():
            assert all(source.send(frame) for frame in frames[start:start + 10])
        while len(arrived) < start + 10:
            assert time.monotonic() < limit, "the frames never came"
            router.cpu.run()
            threads.deliver()
            with threads.paused():
                arrived += sink.receive()
    threads.close()
    router.close()
    assert arrived == frames
    assert threads.balance["held"] == 0


def test_one_thread_is_as_ever():
    """Without threads no virtual CPU has an inbox, and no port a gate."""
    router = Router.from_text("InfiniteSource(LIMIT 1) -> Queue -> Unqueue -> Discard;").initialize()
    assert router.cpus == [router.cpu]
    assert router.gates == []
    router.close()

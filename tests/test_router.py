"""The router: building, starting, failing cleanly, handlers, and who runs when."""

import gc

import pytest

from netos.errors import ConfigError, DeviceError, HandlerError
from netos.kernel.memory import arena
from netos.pyelement import PyElement
from netos.registry import Registry
from netos.router import Router

START = 10**18


def make(text, *classes, **options):
    registry = Registry()
    for element_class in classes:
        registry.register(element_class)
    return Router.from_text(text, registry=registry, simulated=START, **options)


def run(text, *classes, **options):
    router = make(text, *classes, **options).initialize()
    router.cpu.advance()
    return router


def messages(text, *classes):
    with pytest.raises(ConfigError) as refused:
        make(text, *classes)
    return [entry.message for entry in refused.value.diagnostics.errors]


def test_all_errors_come_in_one_run():
    found = messages("a :: Counter(NONSENSE 1) -> Queue(0) -> Unqueue(x) -> Discart; b :: Counter(2);")
    assert any("NONSENSE" in message for message in found)
    assert any("out of range" in message for message in found)
    assert any("BURST" in message for message in found)
    assert any("Discart" in message for message in found)
    assert any("too many arguments" in message for message in found)
    assert any("'b :: Counter' input 0 unused" in message for message in messages("b :: Counter(2) -> Discard"))


class Taker(PyElement):
    """Opens something in initialize."""

    ports = "0/0"
    taken = 0

    def configure(self):
        pass

    def initialize(self):
        type(self).taken += 1
        self.has = True

    def cleanup(self):
        if getattr(self, "has", False):
            type(self).taken -= 1


class Refuser(PyElement):
    """Refuses to start."""

    ports = "0/0"

    def configure(self):
        pass

    def initialize(self):
        raise DeviceError("the cable is not plugged in", "plug it in")


def test_an_element_that_refuses_leaves_nothing_open():
    router = make("a :: Taker; b :: Refuser; c :: Taker;", Taker, Refuser)
    with pytest.raises(ConfigError, match="plug it in") as refused:
        router.initialize()
    assert Taker.taken == 0
    (entry,) = refused.value.diagnostics.errors
    assert entry.context == "While initializing 'b :: Refuser':"
    assert entry.location.line == 1


def test_default_and_global_handlers():
    with run("c :: Counter(COUNT_CALL 99 stop); InfiniteSource(LIMIT 2) -> c -> q :: Queue(5) -> Idle;") as router:
        assert router.read("c.class") == "Counter"
        assert router.read("c.name") == "c"
        assert router.read("c.config") == "COUNT_CALL 99 stop"
        assert router.read("c.ports").startswith("1 input\npush\t-\tInfiniteSource@2 [0]\n1 output\npush\t")
        assert "count\tr\n" in router.read("c.handlers")
        assert router.read("list").splitlines() == ["4", "c", "InfiniteSource@2", "q", "Idle@4"]
        assert router.read("InfiniteSource@2.tickets") == "1024"
        assert router.read("InfiniteSource@2.scheduled") == "false"
        assert router.read("q.length") == "2"
        assert "c -> q" in router.read("flatconfig").replace("\n    ", " ")
        for path, complaint in (("c.nothing", "no 'c.nothing' read handler"), ("x.count", "no element 'x'"),
                                ("c.reset", "no 'c.reset' read handler")):
            with pytest.raises(HandlerError, match=complaint):
                router.read(path)
        with pytest.raises(HandlerError, match="does not take parameters"):
            router.read("c.count", "now")
        with pytest.raises(HandlerError):
            router.write("q.capacity", "many")
        assert router.read("q.capacity") == "5"


def test_stop_ends_the_run_at_once():
    with run("InfiniteSource(LIMIT 100, BURST 1) -> c :: Counter(COUNT_CALL 10 stop) -> Discard;") as router:
        assert router.read("c.count") == "10"
        assert router.cpu.stopped


def test_a_loop_through_a_sorting_element_ends_as_a_counted_drop():
    """Depth 32 is the limit: without it the stack would overflow."""
    with run("InfiniteSource(LIMIT 1) -> s :: Switch(0) -> Null -> s; Idle -> [0] s; s[1] -> Discard;") as router:
        assert router.drops == {"s": {"loop": 1}} or any("loop" in reasons for reasons in router.drops.values())
        assert router.cpu.balance["held"] == 0


def test_a_loop_without_a_sorting_element_ends_too():
    with run("InfiniteSource(LIMIT 3) -> n :: Null -> m :: Null -> n;") as router:
        assert sum(reasons["loop"] for reasons in router.drops.values()) == 3
        assert router.cpu.balance["held"] == 0


class Control(PyElement):
    """Counts how often its task gets to run."""

    ports = "0/0"
    seen = 0

    def configure(self):
        pass

    def initialize(self):
        self.schedule_task()

    def run_task(self):
        self.seen += 1
        return True


def test_a_saturating_source_lets_a_control_task_run():
    """Stride scheduling: with equal tickets the control task runs every second time, whatever the source does."""
    router = make("InfiniteSource -> Discard; control :: Control;", Control).initialize()
    with router:
        for _ in range(50):
            before = router["control"].seen
            router.cpu.run_tasks_once(4)
            assert router["control"].seen >= before + 1


def test_run_gives_the_loop_its_turn_while_a_source_saturates():
    """run() comes back by itself: otherwise the event loop would never serve a signal or a timer again."""
    router = Router.from_text("InfiniteSource -> Discard;").initialize()
    with router:
        router.cpu.budget = 1_000_000
        assert router.cpu.run() is True
        assert router.cpu.run() is True


def test_tickets_give_shares():
    with make("a :: InfiniteSource -> ca :: Counter -> Discard; b :: InfiniteSource -> cb :: Counter -> Discard;"
              "ScheduleInfo(a 3, b 1);").initialize() as router:
        router.cpu.run_tasks_once(4000)
        assert router["ca"].count / router["cb"].count == pytest.approx(3, rel=0.01)


def test_an_idle_queued_graph_makes_no_task_run_in_an_hour():
    """The puller sleeps on its queue's notifier; a timer somewhere must not wake it."""
    with run("Idle -> q :: Queue -> u :: Unqueue -> Discard; TimedSource(60, LIMIT 0) -> Discard;") as router:
        before = router.cpu.task_runs
        router.cpu.advance(router.cpu.now + 3600 * 10**9)
        assert router.cpu.task_runs == before
        router["q"].push(0, [router.packet(b"wake up")])
        router.cpu.advance(router.cpu.now + 1)
        assert router.cpu.task_runs > before


ORDER = """
InfiniteSource(DATA \\<{one}>, LIMIT 2, BURST 2) -> t :: Tee(2);
t[0] -> Print(a) -> Discard;
t[1] -> Print(b) -> Discard;
"""


def test_order_under_tee_and_print_is_clicks(capfd):
    """Each packet goes through both branches before the next one starts: a batch would print a a b b."""
    run(ORDER.format(one="00")).close()
    assert [line[0] for line in capfd.readouterr().err.splitlines()] == ["a", "b", "a", "b"]


class Numbers(PyElement):
    """Gives each packet a number as its first byte."""

    next = 0

    def configure(self):
        pass

    def process(self, packet):
        view = memoryview(packet)
        view[0] = self.next
        view.release()
        self.next = (self.next + 1) % 256
        return packet


class Odd(PyElement):
    """Sends odd packets out of output 1."""

    ports = "1/2"
    processing = "h/h"

    def configure(self):
        pass

    def receive(self, port, packet):
        self.output(bytes(packet)[0] % 2, packet)


class Collect(PyElement):
    """Remembers first bytes."""

    ports = "1/0"

    def configure(self):
        self.got = []

    def receive(self, port, packet):
        self.got.append(bytes(packet)[0])
        packet.kill()


def test_an_appliance_of_three_python_elements():
    with run("InfiniteSource(LIMIT 10) -> Numbers -> o :: Odd; o[0] -> even :: Collect; o[1] -> odd :: Collect;",
             Numbers, Odd, Collect) as router:
        assert router["even"].got == [0, 2, 4, 6, 8]
        assert router["odd"].got == [1, 3, 5, 7, 9]
        assert router.cpu.balance["held"] == 0


@pytest.mark.parametrize("count", [32767, 32768])
def test_an_element_has_so_many_outputs_that_their_numbers_fit(count):
    """Past that, the number of an output would be taken for the reason of a drop."""
    text = f"d :: Discard; Idle -> x :: Switch({count - 1});" + "".join(f"x[{port}] -> d;" for port in range(count))
    if count > 32767:
        with pytest.raises(ConfigError, match="32768 outputs: there can be 32767 at most"):
            Router.from_text(text, simulated=0)
        return
    with Router.from_text(text, simulated=0) as router:
        router["x"].push(0, [router.packet(b"x")])
        assert router["d"].count == 1


def test_a_router_that_is_forgotten_lets_go_of_its_packets():
    """Without close(), the packets in its queues would be lost to the process."""
    gc.collect()
    before = arena()
    router = Router.from_text("Idle -> q :: Queue -> Idle", simulated=0).initialize()
    router["q"].push(0, [router.packet(b"x") for _ in range(500)])
    assert arena() != before
    del router
    gc.collect()
    assert arena() == before


def test_an_element_with_wrong_arguments_is_not_asked_by_others():
    """What it has not got yet would be taken for what it has: ConnTrackConfirm wrote into Python's None."""
    with pytest.raises(ConfigError) as caught:
        Router.from_text("Idle -> track :: ConnTrack(NONESUCH 1) -> ConnTrackConfirm(track) -> Discard;")
    messages = [str(diagnostic.message) for diagnostic in caught.value.diagnostics.errors]
    assert any("NONESUCH" in message for message in messages)
    assert any("'track' has wrong arguments itself" in message for message in messages)
    assert repr(None) == "None"


@pytest.mark.parametrize("when", ["configure", "initialize"])
@pytest.mark.parametrize(("text", "said"), [("no memory for that: lower CAPACITY", "no memory for that: lower CAPA"),
                                            ("", "there is no memory for it")])
def test_an_element_that_finds_no_memory_refuses_the_configuration(when, text, said):
    """A number with one digit too many must not end a reload in a traceback."""
    def fail(self):
        raise MemoryError(text)

    registry = Registry()
    registry.register(type("Greedy", (PyElement,), {"ports": "0/0", when: fail}))
    with pytest.raises(ConfigError, match=said):
        Router.from_text("Greedy;", registry=registry, simulated=0).initialize()

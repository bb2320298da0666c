"""Virtual time moves to the next timer when nothing else is left to do, and never past where it was told to stop."""

import pytest

from netos.drivers.devices import give_device
from netos.drivers.memory import memory_pair
from netos.kernel.vcpu import VirtualCpu
from netos.router import Router

START = 10**18
SECOND = 10**9


def running(text, *devices):
    """A router in virtual time, and the outer ends of the cables at its devices."""
    cpu = VirtualCpu(START)
    ends = []
    for name in devices:
        ours, theirs = memory_pair(f"{name}-outside", name)
        give_device(cpu, theirs)
        ends.append(ours)
    return Router.from_text(text, cpu=cpu).initialize(), ends


def test_a_packet_that_starts_no_task_does_not_bring_the_next_timer_forward():
    """Else a router's neighbours expire when a frame is dropped that happens to be the last thing to do."""
    router, (end,) = running("FromDevice(d) -> Discard; TimedSource(300) -> later :: Counter -> Discard", "d")
    with router:
        end.send(bytes(60))
        router.cpu.advance(START + SECOND)
        assert router.cpu.now == START + SECOND
        assert router["later"].count == 0
        router.cpu.advance(START + 301 * SECOND)
        assert router["later"].count == 1


def test_frames_that_have_arrived_come_before_timers_that_are_to_expire():
    router, (end,) = running("FromDevice(d) -> SetTimestamp -> stamped :: Queue -> Idle; TimedSource(5) -> Discard",
                             "d")
    with router:
        end.send(bytes(60))
        router.cpu.advance(START + 6 * SECOND)
        (packet,) = router["stamped"].pull(0)
        assert packet.timestamp < START + SECOND
        packet.kill()


@pytest.mark.parametrize("until", [START, START + 1, START + 3 * SECOND + 5])
def test_time_stops_where_it_is_told_to(until):
    router, _ = running("RatedSource(RATE 10) -> Discard; TimedSource(0.3) -> Discard")
    with router:
        router.cpu.advance(until)
        assert until <= router.cpu.now < until + 1000       # each look at the clock moves it by a nanosecond

"""The lab's table: tests with their results, devices with their counts, drops by element and reason."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netos.drivers.devices import claims_of

if TYPE_CHECKING:
    from netos.router import Router


class Report:
    """Collects lines, prints them as they come, and remembers whether all tests passed."""

    def __init__(self) -> None:
        self.failed = 0

    def heading(self, text: str) -> None:
        """Begin a part."""
        print(f"\n{text}", flush=True)

    def test(self, name: str, passed: bool, result: str) -> None:
        """One test's line."""
        self.failed += not passed
        print(f"  {'ok  ' if passed else 'FAIL'}  {name:<28}{result}", flush=True)


def latencies(milliseconds: Sequence[float]) -> str:
    """Minimum, median and maximum, as ping prints them."""
    if not milliseconds:
        return "no answer"
    return f"min/median/max {min(milliseconds):.3f}/{statistics.median(milliseconds):.3f}/{max(milliseconds):.3f} ms"


def rate(count: float, seconds: float, unit: str) -> str:
    """A rate with a prefix: 12.3 Gb/s."""
    value = count / seconds if seconds else 0.0
    for prefix in ("", "k", "M", "G"):
        if value < 1000 or prefix == "G":
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    raise AssertionError("unreachable")


def device_lines(router: Router) -> list[str]:
    """What each device has carried."""
    lines = [f"  {'device':<14}{'received':>12}{'bytes':>16}{'sent':>12}{'bytes':>16}{'errors':>8}"]
    for name, claim in sorted(claims_of(router.cpu).items()):
        device = claim.device
        if device is None:
            continue
        lines.append(f"  {name:<14}{device.rx_packets:>12}{device.rx_bytes:>16}{device.tx_packets:>12}"
                     f"{device.tx_bytes:>16}{device.rx_errors + device.tx_errors:>8}")
    return lines


def drop_lines(router: Router) -> list[str]:
    """What was dropped where and why, and that nothing is unaccounted for."""
    lines = [f"  {count:>8}  {reason:<20}{element}" for element, reasons in router.drops.items()
             for reason, count in sorted(reasons.items())] or ["  none"]
    lines += [f"  in software for {element}: {segmented} segmented, {completed} checksums completed"
              for element, (segmented, completed) in router.offloads.items()]
    balance = router.cpu.balance
    lines.append(f"  received {balance['received']} + created {balance['created']} = sent {balance['sent']} + consumed "
                 f"{balance['consumed']} + dropped {balance['dropped']} + held {balance['held']}")
    return lines

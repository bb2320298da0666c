"""The doctor: every check of the machine in order, and its findings as text or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netos.control.doctor_access import ACCESS_CHECKS
from netos.control.doctor_machine import MACHINE_CHECKS
from netos.control.doctor_software import SOFTWARE_CHECKS
from netos.control.findings import Finding, warning
from netos.control.host import Host

Check = Callable[[Host], Finding]
ALL_CHECKS: tuple[Check, ...] = (*ACCESS_CHECKS, *SOFTWARE_CHECKS, *MACHINE_CHECKS)


def examine(host: Host, checks: Sequence[Check] = ALL_CHECKS) -> list[Finding]:
    """What each check finds; one that breaks over an odd machine does not hide the others."""
    found = []
    for check in checks:
        try:
            found.append(check(host))
        except Exception as error:
            name = getattr(check, "__name__", "?").replace("_", " ")
            found.append(warning(name, f"could not be checked: {type(error).__name__}: {error}",
                                 "look at it by hand, and tell the makers of netos"))
    return found


def problems(findings: Sequence[Finding]) -> int:
    """How many findings keep netos from running."""
    return sum(finding.level == "problem" for finding in findings)


def findings_text(findings: Sequence[Finding], only_bad: bool = False) -> str:
    """One line a finding, below it the fix; the last line counts."""
    lines = []
    for finding in findings:
        if finding.fix or not only_bad:
            lines.append(f"{finding.level:<8} {finding.check:<14} {finding.meaning}")
        if finding.fix:
            lines.append(f"{'':<23}   fix: {finding.fix}")
    warnings = sum(finding.level == "warning" for finding in findings)
    bad = problems(findings)
    lines.append(f"{len(findings)} checks: {bad} problem{'s' * (bad != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    return "\n".join(lines)


def findings_json(findings: Sequence[Finding]) -> dict[str, object]:
    """The findings for machines."""
    return {"checks": [finding._asdict() for finding in findings], "problems": problems(findings),
            "warnings": sum(finding.level == "warning" for finding in findings)}

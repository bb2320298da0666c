"""The doctor's checks of what is installed: uvloop, the elements, the service manager."""

from __future__ import annotations

import re
import sys

from netos.control.findings import Finding, fine, problem, warning
from netos.control.host import Host
from netos.errors import NetosError

NOTIFY_RELOAD_SINCE = 253
DROP_IN = "/etc/systemd/system/netos@.service.d"


def uvloop(host: Host) -> Finding:
    """The event loop of netos run."""
    why = host.import_error("uvloop")
    if why:
        return problem("uvloop", f"netos run cannot start: {why}", f"{sys.executable} -m pip install uvloop")
    return fine("uvloop", "it can be imported")


def elements(host: Host) -> Finding:
    """An unrelated package is called elements too; and extensions fit one version of Python."""
    try:
        count = host.elements()
    except NetosError as error:
        return problem("elements", str(error), f"{sys.executable} -m pip uninstall elements, then install netos anew")
    why = host.import_error("elements.standard.counter")
    if why:
        return problem("elements", f"they cannot be imported: {why}",
                       f"build netos for this Python: {sys.executable} -m pip install --force-reinstall SOURCE")
    return fine("elements", f"{count} files of netos's own")


def systemd(host: Host) -> Finding:
    """The unit is of Type=notify-reload, which systemd has since version 253."""
    if not host.exists("/run/systemd/system"):
        return warning("systemd", "it does not run this machine: nothing starts netos at boot or after a crash",
                       "let the service manager that is there run: netos run /etc/netos/NAME.click --name NAME")
    found = re.match(r"systemd (\d+)", host.output("systemctl", "--version"))
    number = int(found[1]) if found else 0
    if number >= NOTIFY_RELOAD_SINCE:
        return fine("systemd", f"version {number} runs this machine")
    return warning("systemd", f"version {number or 'unknown'} does not know Type=notify-reload of netos@.service",
                   f"sudo install -d {DROP_IN} && printf '[Service]\\nType=notify\\nExecReload=/bin/kill -HUP $MAINPID"
                   f"\\n' | sudo tee {DROP_IN}/notify.conf && sudo systemctl daemon-reload")


SOFTWARE_CHECKS = (uvloop, elements, systemd)

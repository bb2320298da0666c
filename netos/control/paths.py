"""Where the control socket of a running appliance is, by the appliance's name."""

from __future__ import annotations

import os
import re
import stat

from netos.errors import NetosError

DEFAULT_NAME = "default"
SYSTEM_FOLDER = "/run/netos"
GROUP = "netos"                 # may operate what root runs, where there is such a group
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")


def runtime_folder() -> str:
    """The folder for this user's sockets: what systemd gives, /run/netos for root, else the user's own."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        return given
    if os.geteuid() == 0:
        return SYSTEM_FOLDER
    personal = os.environ.get("XDG_RUNTIME_DIR")
    return os.path.join(personal, "netos") if personal else f"/tmp/netos-{os.geteuid()}"


def socket_path(name: str = DEFAULT_NAME) -> str:
    """Where an appliance of that name, started by this user, listens."""
    if not NAME.fullmatch(name):
        raise NetosError(f"'{name}' cannot be the name of an appliance: letters, digits and _ . @ - are wanted")
    return os.path.join(runtime_folder(), f"{name}.sock")


def find_socket(name: str = DEFAULT_NAME) -> str:
    """Where to reach an appliance of that name: this user's, else the system's."""
    own = socket_path(name)
    system = os.path.join(SYSTEM_FOLDER, os.path.basename(own))
    return system if not os.path.lexists(own) and os.path.lexists(system) else own


def make_runtime_folder(folder: str) -> None:
    """Make a folder for sockets that nobody else may write to; refuse one that belongs to somebody else."""
    try:
        os.makedirs(folder, mode=0o755 if folder == SYSTEM_FOLDER else 0o700, exist_ok=True)
        status = os.lstat(folder)
    except OSError as error:
        raise NetosError(f"cannot make {folder} for the control socket: {error.strerror}; "
                         "name another place with --control PATH") from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), 0):
        raise NetosError(f"{folder} belongs to somebody else: name another place with --control PATH")


def control_group() -> int | None:
    """The group that may operate what root runs, if there is one."""
    import grp

    try:
        return grp.getgrnam(GROUP).gr_gid if os.geteuid() == 0 else None
    except KeyError:
        return None

"""The doctor's checks of what this user may do: the tun device, capabilities, limits, directories."""

from __future__ import annotations

import errno
import os
import resource

from netos.control.findings import Finding, fine, problem, warning
from netos.control.host import TUN, Host
from netos.control.privileges import CAP_NET_ADMIN

FILES_WANTED, FILES_NEEDED = 1024, 64
LOCKED_WANTED = 64 << 20


def tun(host: Host) -> Finding:
    """TAP devices come from /dev/net/tun."""
    if not host.exists(TUN):
        return problem("tun", f"{TUN} is missing: there can be no TAP device",
                       "sudo modprobe tun (in a container: start it with --device /dev/net/tun)")
    code = host.open_error(TUN)
    if code in (errno.EACCES, errno.EPERM):
        return problem("tun", f"{TUN} is closed to this user: there can be no TAP device", f"sudo chmod 666 {TUN}")
    if code:
        return problem("tun", f"{TUN} cannot be opened: {os.strerror(code)}", "sudo modprobe tun")
    if host.user == 0 and not host.is_public(TUN):
        return warning("tun", f"only root can open {TUN}: appliances that run as another user have no TAP device",
                       f"sudo chmod 666 {TUN}")
    return fine("tun", f"{TUN} can be opened")


def capabilities(host: Host) -> Finding:
    """CAP_NET_ADMIN makes and configures interfaces."""
    if effective(host) >> CAP_NET_ADMIN & 1:
        return fine("capabilities", "CAP_NET_ADMIN is there: TAP interfaces can be made and configured")
    return warning("capabilities", "no CAP_NET_ADMIN: only TAP interfaces that were made for this user can be used",
                   "run netos with sudo or from its unit, or: sudo ip tuntap add dev tap0 mode tap user $USER")


def effective(host: Host) -> int:
    """The effective capabilities of this process, a bit each."""
    for line in host.read("/proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return int(value, 16)
    return 0


def open_files(host: Host) -> Finding:
    """Devices, control clients and captures each take a descriptor."""
    limit = host.limit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= FILES_WANTED:
        return fine("open files", "no limit" if limit == resource.RLIM_INFINITY else f"{limit} may be open at once")
    state = problem if limit < FILES_NEEDED else warning
    return state("open files", f"only {limit} may be open at once: devices and control clients may be refused",
                 "ulimit -n 65536 (in a unit: LimitNOFILE=65536)")


def locked_memory(host: Host) -> Finding:
    """Memory that a device writes to on its own must stay where it is."""
    limit = host.limit(resource.RLIMIT_MEMLOCK)
    if limit == resource.RLIM_INFINITY or limit >= LOCKED_WANTED:
        return fine("locked memory",
                    "no limit" if limit == resource.RLIM_INFINITY else f"{limit >> 20} MiB may be locked")
    return warning("locked memory", f"{limit >> 10} KiB may be locked: enough for TAP devices, "
                   "too little for devices that pin their buffers",
                   "ulimit -l unlimited (in a unit: LimitMEMLOCK=256M)")


def runtime_directory(host: Host) -> Finding:
    """The control socket lies there."""
    folder = host.runtime_folder()
    if host.is_writable(folder):
        return fine("runtime", f"control sockets can be made in {folder}")
    return problem("runtime", f"no control socket can be made in {folder}: netos run would refuse to start",
                   f"sudo install -d -o {host.user} {folder} (or: netos run --control none)")


def state_directory(host: Host) -> Finding:
    """The last good configuration and the audit log lie there."""
    folder = host.state_folder
    if host.is_writable(folder):
        return fine("state", f"the last good configuration can be kept in {folder}")
    return warning("state", f"{folder} cannot be written: no last good configuration at boot, no audit log",
                   f"sudo install -d -o {host.user} -m 750 {folder} (or name another place with --state)")


def sandbox(host: Host) -> Finding:
    """netos run --sandbox is made of the kernel's Landlock and system call filters."""
    abi = host.landlock()
    filters = "errno" in host.read("/proc/sys/kernel/seccomp/actions_avail").split()
    missing = [name for name, there in (("Landlock", abi), ("system call filters", filters)) if not there]
    if missing:
        return warning("sandbox", f"this kernel gives no {' and no '.join(missing)}: netos run --sandbox can do less",
                       "boot Linux 5.13 or later, with landlock among the names of lsm= on its command line"
                       if not abi else "boot a kernel with CONFIG_SECCOMP_FILTER=y")
    return fine("sandbox", f"Landlock (ABI {abi}) and system call filters are there")


ACCESS_CHECKS = (tun, capabilities, open_files, locked_memory, runtime_directory, state_directory, sandbox)

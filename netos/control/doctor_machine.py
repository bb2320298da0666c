"""The doctor's checks of kernel and hardware: features, huge pages, processors, clock, swap."""

from __future__ import annotations

import re

from netos.control.findings import Finding, fine, problem, warning
from netos.control.host import Host

FACILITIES = ("epoll", "timerfd", "eventfd", "memfd")
UDP_OFFLOAD_SINCE = (6, 2)
ARENA_MIB = 132                     # the packet buffers of a process, unless NETOS_SMALL_BUFFERS says otherwise
QUICK_CLOCKS = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "timebase", "stp"}
CPUS = "/sys/devices/system/cpu"
CLOCKS = "/sys/devices/system/clocksource/clocksource0"


def kernel(host: Host) -> Finding:
    """What the kernel base is built on."""
    release = host.read("/proc/sys/kernel/osrelease")
    refused = [f"{name} ({why})" for name in FACILITIES if (why := host.attempt(name))]
    if refused:
        return problem("kernel", f"Linux {release} refuses {', '.join(refused)}: the virtual CPU cannot start",
                       "allow these calls in the container's or the unit's system call filter")
    return fine("kernel", f"Linux {release} has {', '.join(FACILITIES)}")


def namespaces(host: Host) -> Finding:
    """netos lab and the NETNS keyword use network namespaces."""
    if not host.exists("/proc/self/ns/net"):
        return warning("namespaces", "this kernel has no network namespaces: netos lab uses memory devices",
                       "boot a kernel with CONFIG_NET_NS=y")
    if host.user == 0:
        return fine("namespaces", "network namespaces can be made")
    if host.read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return warning("namespaces", "users may not make namespaces: netos lab uses memory devices",
                       "sudo sysctl kernel.unprivileged_userns_clone=1")
    if host.read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return warning("namespaces", "AppArmor keeps users from making namespaces: netos lab uses memory devices",
                       "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0")
    if host.read("/proc/sys/user/max_user_namespaces") in ("", "0"):
        return warning("namespaces", "users may not make namespaces: netos lab uses memory devices",
                       "sudo sysctl user.max_user_namespaces=10000")
    return fine("namespaces", "network namespaces can be made within a user namespace")


def udp_offload(host: Host) -> Finding:
    """TAP takes UDP packets that are yet to be cut into segments (USO), since Linux 6.2."""
    taken, how = host.takes_udp_offload(), "tried"
    if taken is None:
        taken, how = version(host.read("/proc/sys/kernel/osrelease")) >= UDP_OFFLOAD_SINCE, "by its version"
    if taken:
        return fine("udp offload", f"the kernel takes and gives UDP segments uncut ({how})")
    return warning("udp offload", f"this kernel has no UDP segmentation on TAP ({how}): large UDP packets are cut in "
                   "software", "boot Linux 6.2 or later; `uname -r` tells what runs")


def version(release: str) -> tuple[int, int]:
    """The first two numbers of a kernel release."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def huge_pages(host: Host) -> Finding:
    """Packet buffers in huge pages need fewer entries of the translation cache."""
    memory = dict(re.findall(r"^(HugePages_Free|Hugepagesize):\s+(\d+)", host.read("/proc/meminfo"), re.MULTILINE))
    size, free = int(memory.get("Hugepagesize", 0)), int(memory.get("HugePages_Free", 0))
    if not size:
        return warning("huge pages", "this kernel has none: packet buffers lie in ordinary pages, a little slower",
                       "boot a kernel with CONFIG_HUGETLBFS=y")
    wanted = -(-(ARENA_MIB << 10) // size)
    if free >= wanted:
        return fine("huge pages", f"{free} of {size >> 10} MiB are free, an appliance takes {wanted}")
    return warning("huge pages", f"{free} are free, an appliance takes {wanted}: its packet buffers lie in ordinary "
                   "pages, a little slower", f"sudo sysctl -w vm.nr_hugepages={wanted} (for each appliance as many)")


def isolation(host: Host) -> Finding:
    """A processor that the kernel's scheduler leaves alone forwards without pauses."""
    *others, last = re.findall(r"\d+", host.read(f"{CPUS}/online")) or ["0"]
    if not others:
        return fine("isolation", "one processor: there is none to set aside")
    isolated, quiet = (host.read(f"{CPUS}/{name}").replace("(null)", "") for name in ("isolated", "nohz_full"))
    if isolated and quiet:
        return fine("isolation", f"processors {isolated} are set aside, {quiet} without a timer tick")
    return warning("isolation", "processors are set aside, but interrupted by the timer tick" if isolated else
                   "no processor is set aside: other programs take turns with the packets, latency varies",
                   f"add `isolcpus={last} nohz_full={last} rcu_nocbs={last}` to GRUB_CMDLINE_LINUX in "
                   "/etc/default/grub, then: sudo update-grub && sudo reboot")


def governor(host: Host) -> Finding:
    """A processor that saves power wakes slowly."""
    chosen = set(host.read_all(f"{CPUS}/cpu[0-9]*/cpufreq/scaling_governor")) - {"", "performance"}
    if not chosen:
        return fine("governor", "processors run at full speed, or the machine under them decides")
    return warning("governor", f"processors save power ({', '.join(sorted(chosen))}): the first packets after a pause "
                   "are slow", f"echo performance | sudo tee {CPUS}/cpu*/cpufreq/scaling_governor")


def clock(host: Host) -> Finding:
    """The time is read every turn; a quick clock source is read without a system call."""
    current = host.read(f"{CLOCKS}/current_clocksource")
    if current in QUICK_CLOCKS:
        return fine("clock", f"{current} is read without a system call")
    fix = f"echo tsc | sudo tee {CLOCKS}/current_clocksource" \
        if "tsc" in host.read(f"{CLOCKS}/available_clocksource").split() else \
        "see why the kernel turned the tsc away: sudo dmesg | grep -i -e tsc -e clocksource"
    return warning("clock", f"the clock source is {current or 'unknown'}: each look at the time is a slow system call",
                   fix)


def swap(host: Host) -> Finding:
    """A page that was swapped out stops the packets until it is back."""
    if len(host.read("/proc/swaps").splitlines()) <= 1:
        return fine("swap", "there is none")
    return warning("swap", "memory may be swapped out, and packets wait until it is back",
                   "sudo swapoff -a (the unit does it for itself with MemorySwapMax=0)")


MACHINE_CHECKS = (kernel, namespaces, udp_offload, huge_pages, isolation, governor, clock, swap)

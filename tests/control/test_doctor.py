"""netos doctor: each check finds a well machine well, and each illness with its fix."""

import errno
import fnmatch
import os
import re
import resource
from pathlib import Path

import pytest

from netos.control import doctor_access, doctor_machine, doctor_software
from netos.control.doctor import ALL_CHECKS, examine, findings_json, findings_text, problems
from netos.control.findings import fine, problem, warning
from netos.control.host import Host
from netos.errors import NetosError

CPU = "/sys/devices/system/cpu"
CLOCK = "/sys/devices/system/clocksource/clocksource0"
GOVERNOR = f"{CPU}/cpu0/cpufreq/scaling_governor"
WELL = {
    "/dev/net/tun": "",
    "/proc/self/status": "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t0000000000001000\n",
    "/proc/self/ns/net": "",
    "/proc/sys/kernel/osrelease": "6.8.0-31-generic",
    "/proc/sys/user/max_user_namespaces": "1000",
    "/proc/sys/kernel/seccomp/actions_avail": "kill_process errno allow",
    "/proc/meminfo": "MemTotal: 8 kB\nHugePages_Total:     200\nHugePages_Free:      66\nHugepagesize:    2048 kB",
    "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority",
    "/run/systemd/system": "",
    f"{CPU}/online": "0-3", f"{CPU}/isolated": "2-3", f"{CPU}/nohz_full": "2-3", GOVERNOR: "performance",
    f"{CLOCK}/current_clocksource": "tsc", f"{CLOCK}/available_clocksource": "tsc hpet acpi_pm",
}


class FakeHost(Host):
    """A machine made of a dictionary of files (None: not there) and of answers."""

    user = 0

    def __init__(self, files=None, **answers):
        super().__init__()
        self.files = {name: text for name, text in {**WELL, **(files or {})}.items() if text is not None}
        self.limits = {resource.RLIMIT_NOFILE: 65536, resource.RLIMIT_MEMLOCK: -1}
        self.refused, self.unwritable, self.missing = {}, (), {}
        self.tun_error, self.offload, self.found = 0, True, 120
        self.public = True
        self.abi = 7
        self.printed = "systemd 255 (255.4-1)\n+PAM"
        vars(self).update(answers)

    def landlock(self):
        return self.abi

    def read(self, name):
        return self.files.get(name, "")

    def read_all(self, pattern):
        return [text for name, text in self.files.items() if fnmatch.fnmatch(name, pattern)]

    def exists(self, name):
        return name in self.files

    def open_error(self, name):
        return self.tun_error

    def is_public(self, name):
        return self.public

    def is_writable(self, folder):
        return folder not in self.unwritable

    def runtime_folder(self):
        return "/run/netos"

    def limit(self, number):
        return self.limits[number]

    def attempt(self, facility):
        return self.refused.get(facility, "")

    def takes_udp_offload(self):
        return self.offload

    def import_error(self, module):
        return self.missing.get(module, "")

    def elements(self):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def output(self, *command):
        return self.printed if command == ("systemctl", "--version") else ""


def user(files=None, **answers):
    """A machine seen by somebody who is not root."""
    return FakeHost(files, user=1000, **answers)


def limits(files=65536, locked=-1):
    return FakeHost(limits={resource.RLIMIT_NOFILE: files, resource.RLIMIT_MEMLOCK: locked})


def test_a_well_machine():
    assert [(found.level, found.fix) for found in examine(FakeHost())] == [("ok", "")] * len(ALL_CHECKS)


WELL_TOO = [
    (doctor_access.tun, user(public=False), "can be opened"),
    (doctor_access.open_files, limits(files=-1), "no limit"),
    (doctor_access.open_files, limits(files=1024), "1024"),
    (doctor_access.locked_memory, limits(locked=64 << 20), "64 MiB"),
    (doctor_machine.udp_offload, FakeHost(offload=None), "by its version"),
    (doctor_machine.isolation, FakeHost({f"{CPU}/online": "0", f"{CPU}/isolated": None}), "one processor"),
    (doctor_machine.governor, FakeHost({GOVERNOR: None}), "machine under them decides"),
    (doctor_machine.clock, FakeHost({f"{CLOCK}/current_clocksource": "kvm-clock"}), "kvm-clock is read"),
    (doctor_machine.namespaces, user(), "within a user namespace"),
    (doctor_machine.huge_pages, FakeHost({"/proc/meminfo": "HugePages_Free: 1\nHugepagesize: 1048576 kB"}), "takes 1"),
    (doctor_software.systemd, FakeHost(printed="systemd 253"), "253"),
]


@pytest.mark.parametrize(("check", "host", "meaning"), WELL_TOO)
def test_well_in_other_ways(check, host, meaning):
    found = check(host)
    assert (found.level, found.fix) == ("ok", "")
    assert meaning in found.meaning


ILL = [
    (doctor_access.tun, FakeHost({"/dev/net/tun": None}), "problem", "is missing", "sudo modprobe tun"),
    (doctor_access.tun, FakeHost(tun_error=errno.EACCES), "problem", "closed to this user", "chmod 666 /dev/net/tun"),
    (doctor_access.tun, FakeHost(tun_error=errno.ENODEV), "problem", "No such device", "sudo modprobe tun"),
    (doctor_access.tun, FakeHost(public=False), "warning", "only root can open", "chmod 666 /dev/net/tun"),
    (doctor_access.capabilities, FakeHost({"/proc/self/status": "CapEff:\t000001ffffffefff"}), "warning",
     "no CAP_NET_ADMIN", "ip tuntap add dev tap0"),
    (doctor_access.capabilities, FakeHost({"/proc/self/status": None}), "warning", "no CAP_NET_ADMIN", "sudo"),
    (doctor_access.open_files, limits(files=256), "warning", "only 256", "LimitNOFILE=65536"),
    (doctor_access.open_files, limits(files=32), "problem", "only 32", "ulimit -n"),
    (doctor_access.locked_memory, limits(locked=8 << 20), "warning", "8192 KiB", "LimitMEMLOCK="),
    (doctor_access.runtime_directory, user(unwritable=["/run/netos"]), "problem", "/run/netos",
     "install -d -o 1000 /run/netos"),
    (doctor_access.state_directory, user(unwritable=["/srv/x"], state_folder="/srv/x"), "warning",
     "/srv/x cannot be written", "install -d -o 1000 -m 750 /srv/x"),
    (doctor_access.sandbox, FakeHost(abi=0), "warning", "no Landlock", "lsm="),
    (doctor_access.sandbox, FakeHost({"/proc/sys/kernel/seccomp/actions_avail": None}), "warning",
     "no system call filters", "CONFIG_SECCOMP_FILTER"),
    (doctor_software.uvloop, FakeHost(missing={"uvloop": "No module named 'uvloop'"}), "problem", "No module named",
     "-m pip install uvloop"),
    (doctor_software.elements, FakeHost(found=NetosError("the package `elements` at /x is not netos's")), "problem",
     "at /x is not netos's", "pip uninstall elements"),
    (doctor_software.elements, FakeHost(missing={"elements.standard.counter": "undefined symbol"}), "problem",
     "undefined symbol", "build netos for this Python"),
    (doctor_software.systemd, FakeHost({"/run/systemd/system": None}), "warning", "does not run",
     "netos run /etc/netos"),
    (doctor_software.systemd, FakeHost(printed="systemd 252 (252.38)"), "warning", "252 does not know",
     r"Type=notify\nExecReload=/bin/kill -HUP $MAINPID\n"),
    (doctor_software.systemd, FakeHost(printed=""), "warning", "unknown", "daemon-reload"),
    (doctor_machine.kernel, FakeHost(refused={"memfd": "Operation not permitted"}), "problem",
     "memfd (Operation not permitted)", "filter"),
    (doctor_machine.namespaces, FakeHost({"/proc/self/ns/net": None}), "warning", "no network namespaces", "NET_NS"),
    (doctor_machine.namespaces, user({"/proc/sys/kernel/unprivileged_userns_clone": "0"}), "warning", "may not",
     "sysctl kernel.unprivileged_userns_clone=1"),
    (doctor_machine.namespaces, user({"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}), "warning",
     "AppArmor", "apparmor_restrict_unprivileged_userns=0"),
    (doctor_machine.namespaces, user({"/proc/sys/user/max_user_namespaces": "0"}), "warning", "may not",
     "sysctl user.max_user_namespaces="),
    (doctor_machine.udp_offload, FakeHost(offload=False), "warning", "(tried)", "Linux 6.2"),
    (doctor_machine.udp_offload, FakeHost({"/proc/sys/kernel/osrelease": "6.1.0"}, offload=None), "warning",
     "by its version", "Linux 6.2"),
    (doctor_machine.udp_offload, FakeHost({"/proc/sys/kernel/osrelease": "odd"}, offload=None), "warning",
     "by its version", "Linux 6.2"),
    (doctor_machine.huge_pages, FakeHost({"/proc/meminfo": "HugePages_Free: 65\nHugepagesize: 2048 kB"}), "warning",
     "65 are free, an appliance takes 66", "vm.nr_hugepages=66"),
    (doctor_machine.huge_pages, FakeHost({"/proc/meminfo": "MemTotal: 8 kB"}), "warning", "has none", "HUGETLBFS"),
    (doctor_machine.isolation, FakeHost({f"{CPU}/isolated": ""}), "warning", "no processor is set aside",
     "isolcpus=3 nohz_full=3"),
    (doctor_machine.isolation, FakeHost({f"{CPU}/nohz_full": "(null)"}), "warning", "timer tick", "nohz_full=3"),
    (doctor_machine.governor, FakeHost({GOVERNOR: "powersave"}), "warning", "(powersave)",
     "echo performance | sudo tee"),
    (doctor_machine.clock, FakeHost({f"{CLOCK}/current_clocksource": "hpet"}), "warning", "hpet",
     "echo tsc | sudo tee"),
    (doctor_machine.clock, FakeHost({f"{CLOCK}/current_clocksource": "hpet", f"{CLOCK}/available_clocksource": "hpet"}),
     "warning", "hpet", "dmesg"),
    (doctor_machine.swap, FakeHost({"/proc/swaps": "Filename\tType\n/dev/sda2 partition"}), "warning", "swapped out",
     "sudo swapoff -a"),
]


@pytest.mark.parametrize(("check", "host", "level", "meaning", "fix"), ILL)
def test_illnesses(check, host, level, meaning, fix):
    found = check(host)
    assert found.level == level
    assert meaning in found.meaning
    assert fix in found.fix


def test_every_check_is_seen_ill():
    """A check without such a test might call everything well."""
    assert {check for check, *_ in ILL} == set(ALL_CHECKS)


def test_one_line_each_and_names_of_their_own():
    found = [check(host) for check, host, *_ in ILL]
    assert not any("\n" in one.meaning + one.fix for one in found)
    assert len({one.check for one in examine(FakeHost())}) == len(ALL_CHECKS)


def test_the_manual_has_every_check():
    text = (Path(__file__).parents[2] / "docs/operate.md").read_text()
    named = {name for row in re.findall(r"^\| ([a-z, ]+) \|", text, re.MULTILINE) for name in row.split(", ")}
    assert {one.check for one in examine(FakeHost())} <= named
    assert f"{len(ALL_CHECKS)} checks: " in text


def test_a_check_that_breaks_does_not_hide_the_others():
    found = examine(FakeHost({"/proc/self/status": "CapEff: many"}))
    assert len(found) == len(ALL_CHECKS)
    assert [(one.check, one.level) for one in found if one.fix] == [("capabilities", "warning")]
    assert "ValueError" in next(one.meaning for one in found if one.fix)


FOUND = [fine("a", "it is there"), warning("b", "it is slow", "sudo x"), problem("c", "it is gone", "sudo y")]


def test_text():
    assert findings_text(FOUND).splitlines() == [
        "ok       a              it is there",
        "warning  b              it is slow", f"{'':26}fix: sudo x",
        "problem  c              it is gone", f"{'':26}fix: sudo y",
        "3 checks: 1 problem, 1 warning"]
    assert "it is there" not in findings_text(FOUND, only_bad=True)
    assert findings_text(FOUND[:1]).endswith("1 checks: 0 problems, 0 warnings")


def test_json():
    assert problems(FOUND) == 1
    assert findings_json(FOUND) == {"problems": 1, "warnings": 1, "checks": [
        {"check": "a", "level": "ok", "meaning": "it is there", "fix": ""},
        {"check": "b", "level": "warning", "meaning": "it is slow", "fix": "sudo x"},
        {"check": "c", "level": "problem", "meaning": "it is gone", "fix": "sudo y"}]}


def test_the_machine_that_is_there(tmp_path):
    """What the fake stands for: files under another root, in one that has almost nothing."""
    for name, text in WELL.items():
        (tmp_path / name.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name.lstrip("/")).write_text(text + "\n")
    host = Host(str(tmp_path))
    assert host.read("/proc/sys/kernel/osrelease") == "6.8.0-31-generic"
    assert host.read("/proc/nothing") == ""
    assert host.read_all(f"{CPU}/cpu[0-9]*/cpufreq/scaling_governor") == ["performance"]
    assert host.exists("/dev/net/tun")
    assert host.open_error("/dev/net/tun") == 0
    assert host.open_error("/dev/net/nothing") == errno.ENOENT
    (tmp_path / "dev/net/tun").chmod(0o660)
    assert not host.is_public("/dev/net/tun")
    (tmp_path / "dev/net/tun").chmod(0o666)
    assert host.is_public("/dev/net/tun")
    assert host.takes_udp_offload() is None         # an ordinary file is no tun device
    assert host.is_writable("/made/if/missing")
    assert not host.is_writable("/dev/net/tun/below-a-file")
    assert [host.attempt(name) for name in doctor_machine.FACILITIES] == [""] * 4
    assert host.limit(resource.RLIMIT_NOFILE) == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert host.import_error("netos.errors") == ""
    assert "nothing_of_this_name" in host.import_error("nothing_of_this_name")
    assert host.elements() > 50
    assert host.output("nothing-of-this-name") == ""
    assert host.output("echo", "well") == "well"
    assert host.user == os.geteuid()

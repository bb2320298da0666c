"""DHCP and DNS against other people's servers, dnsmasq and udhcpd, in a namespace behind a tap."""

import asyncio
import shutil
import socket
import subprocess

import pytest

from netos.aio import resolving
from netos.aio.host import Host
from netos.aio.loop import EventLoop
from netos.errors import NetosError
from netos.testing.namespace import UNSANITIZED, NetworkNamespace, has_capability

pytestmark = [pytest.mark.root, pytest.mark.skipif(not has_capability(21), reason="needs root: taps and namespaces")]
CONFIG = """FromDevice(tap0, NETNS {}, ADDRESS 10.0.0.1/24, UP true, BURST 32)
    -> host :: HostStack(ETHER 02:00:00:00:00:07, DHCP true) -> ToDevice(tap0, BURST 32);"""
DNSMASQ = (*UNSANITIZED, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--bind-dynamic", "--interface=tap0",
           "--no-resolv", "--no-hosts", "--user=root", "--pid-file=", "--no-ping", "--local=/netos.example/",
           "--address=/www.netos.example/192.0.2.7", "--cname=alias.netos.example,long.netos.example",
           "--domain=netos.example",
           "--dhcp-range=10.0.0.50,10.0.0.50,255.255.255.0,2m", "--dhcp-option=option:mtu,1400",
           "--dhcp-option=option:classless-static-route,172.16.0.0/16,10.0.0.9,0.0.0.0/0,10.0.0.1",
           *(f"--host-record=long.netos.example,198.51.100.{number}" for number in range(1, 201)))
UDHCPD = """interface tap0
start 10.0.0.60
end 10.0.0.60
option subnet 255.255.255.0
option router 10.0.0.1
option dns 10.0.0.1
option domain netos.example
lease_file {0}/leases
pidfile {0}/pid
"""


@pytest.fixture
def space():
    with NetworkNamespace() as made:
        yield made


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def names(host, *wanted):
    """The addresses of names, asked for by a loop on the host; what cannot be found as an error's number."""
    async def main():
        loop, found = asyncio.get_running_loop(), []
        for name in wanted:
            try:
                found.append([entry[4][0] for entry in await loop.getaddrinfo(name, 0, type=socket.SOCK_STREAM)])
            except socket.gaierror as error:
                found.append(error.errno)
        return found

    with asyncio.Runner(loop_factory=lambda: EventLoop(host=host)) as runner:
        return runner.run(main())


@needs("dnsmasq")
def test_dnsmasq(space, tmp_path, monkeypatch):
    """A lease with its routes and MTU, the names of the lease's domain, an answer that needs TCP, no name."""
    monkeypatch.setattr(resolving, "CONFIGURATION", tmp_path / "missing")
    with open(tmp_path / "log", "w") as log:
        space.popen(*DNSMASQ, f"--dhcp-leasefile={tmp_path}/leases", stdout=log, stderr=subprocess.STDOUT)
    host = Host(config=CONFIG.format(space.path), patience=15)
    try:
        lease = host.elements[0].dhcp.lease
        assert (str(lease.interface), lease.mtu, lease.domain) == ("10.0.0.50/24", 1400, "netos.example")
        assert [f"{network} {gateway}" for network, gateway in lease.routes] == [
            "172.16.0.0/16 10.0.0.9", "0.0.0.0/0 10.0.0.1"]
        assert "02:00:00:00:00:07 10.0.0.50" in (tmp_path / "leases").read_text()
        www, short, alias, missing = names(host, "www.netos.example", "www", "alias.netos.example", "no.netos.example")
        assert www == short == ["192.0.2.7"]
        assert len(alias) == 200
        assert missing == socket.EAI_NONAME
    finally:
        host.close()


@needs("udhcpd")
def test_udhcpd(space, tmp_path):
    """BusyBox's server answers in its own way: broadcasts, padded, with no T1 and T2."""
    (tmp_path / "conf").write_text(UDHCPD.format(tmp_path))
    (tmp_path / "leases").touch()
    space.ip("tuntap add tap0 mode tap")                # it does not wait for its interface
    space.ip("addr add 10.0.0.1/24 dev tap0")
    space.ip("link set tap0 up")
    space.popen(*UNSANITIZED, "udhcpd", "-f", str(tmp_path / "conf"), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
    for _ in range(200):                                # until it hears, or it would be asked again after four seconds
        if ":0043" in space.run("cat", "/proc/net/udp").stdout:
            break
    host = Host(config=CONFIG.format(space.path).replace("ADDRESS 10.0.0.1/24, ", ""), patience=15)
    lease = host.elements[0].dhcp.lease
    host.close()
    assert (str(lease.interface), [str(router) for router in lease.routers]) == ("10.0.0.60/24", ["10.0.0.1"])


def test_nobody_answers(space):
    """The error says what to look at; nothing is left open."""
    with pytest.raises(NetosError, match=r"no DHCP server has given an address within 0\.2 seconds"):
        Host(config=CONFIG.format(space.path), patience=0.2)

"""netos exec: run a Python program, unchanged, with its asyncio on netos's own protocol stack."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from netos.addresses import EtherAddress, is_of_one_host, parse_ipv4, parse_ipv4_prefix
from netos.cli.configuration import UsageError

if TYPE_CHECKING:
    from netos.aio.host import Host

SMALLEST_MTU, LARGEST_MTU = 68, 65521           # RFC 791's; what a tap device can have
DHCP_MTU = 576                                  # what a client must be able to take (RFC 2131 section 2)
PATIENCE = 30.0
Parsed = TypeVar("Parsed")
SUMMARY = "run a Python program with its asyncio on netos's own TCP/IP"


def parser() -> argparse.ArgumentParser:
    """The verb's options; the program comes behind them."""
    made = argparse.ArgumentParser(
        prog="netos exec", description=SUMMARY, usage="netos exec [OPTION]... -- PROGRAM [ARGUMENT]...",
        epilog="PROGRAM is `python [-m MODULE | -c CODE | FILE]`, a script, or a command that is a Python script, such "
               "as uvicorn. IPv4 connections, servers and datagrams that it makes through an asyncio event loop, "
               "uvloop's too, are netos's; blocking sockets and threads that open them, look-ups with "
               "socket.getaddrinfo() and child processes still use the host's network, and netos cannot see that.")
    made.add_argument("--tap", default="", metavar="NAME", help="the tap device to be on, made if it is not there")
    made.add_argument("--address", default="", metavar="ADDRESS/LENGTH", help="the program's address on it")
    made.add_argument("--gateway", default="", metavar="ADDRESS", help="the router to everywhere else")
    made.add_argument("--dhcp", action="store_true", help="get address and gateway by DHCP")
    made.add_argument("--patience", type=float, metavar="SECONDS",
                      help=f"how long to wait for a DHCP server's answer (default {PATIENCE:g})")
    made.add_argument("--dns", action="append", default=[], metavar="ADDRESS",
                      help="a server to ask for names; may be repeated (default: DHCP's, else those of resolv.conf)")
    made.add_argument("--ether", default="", metavar="ADDRESS", help="the Ethernet address (default: a random one)")
    made.add_argument("--mtu", type=int, default=1500, metavar="BYTES", help="the link's MTU (default %(default)s)")
    made.add_argument("--no-offload", action="store_true", help="leave checksums and segmentation to netos's own code")
    made.add_argument("--config", default="", metavar="FILE",
                      help="a configuration with a HostStack to be on, instead of a tap device")
    made.add_argument("--quiet", action="store_true", help="do not say what the program was given")
    made.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the program; the exit status is its own."""
    from netos.aio.program import parse_program, run_program

    options = parser().parse_args(argv)
    words = options.program[1:] if options.program[:1] == ["--"] else options.program
    check(options, words)
    program = parse_program(words)
    host = make_host(options).use()
    if not options.quiet:
        print(description(options, host), file=sys.stderr, flush=True)
    status = run_program(program)
    if host.loop is None:           # else a daemon thread's loop runs on it: as under python, it ends with the process
        host.close()
    return status


def check(options: argparse.Namespace, words: list[str]) -> None:
    """UsageError for what cannot be meant."""
    if not words:
        raise UsageError("name a program: netos exec --tap tap0 --address 10.0.0.2/24 -- python app.py")
    usual = parser().parse_args([])
    link = [name for name in ("tap", "address", "gateway", "dhcp", "ether", "mtu", "no_offload")
            if getattr(options, name) != getattr(usual, name)]
    if options.config and link:
        raise UsageError(f"--config excludes --{link[0].replace('_', '-')}: the configuration has the link")
    if not options.tap and link:
        raise UsageError(f"--{link[0].replace('_', '-')} is about a tap device: name one with --tap")
    if options.tap and bool(options.address) == options.dhcp:
        raise UsageError("a tap device needs --address ADDRESS/LENGTH or --dhcp, and not both")
    if options.patience is not None and not (options.dhcp or options.config):
        raise UsageError("--patience is about DHCP: ask for an address with --dhcp")
    if options.patience is not None and not 0 <= options.patience < inf:
        raise UsageError(f"--patience: {options.patience:g} is no number of seconds")
    for server in options.dns:
        understood("dns", parse_ipv4, server)
    if options.tap:
        check_link(options)


def check_link(options: argparse.Namespace) -> None:
    """UsageError for a link that no host can have."""
    if not re.fullmatch(r"[\w.-]{1,15}", options.tap):
        raise UsageError(f"--tap: {options.tap!r} cannot be a tap device: 1 to 15 letters, digits, _ - .")
    least = DHCP_MTU if options.dhcp else SMALLEST_MTU
    if not least <= options.mtu <= LARGEST_MTU:
        raise UsageError(f"--mtu: {options.mtu} is not from {least} to {LARGEST_MTU} bytes"
                         f"{', as DHCP needs it' if options.dhcp else ''}")
    gateway = understood("gateway", parse_ipv4, options.gateway) if options.gateway else None
    if options.ether and understood("ether", EtherAddress, options.ether).is_group:
        raise UsageError(f"--ether: {options.ether} is a group's address, not one host's: its first byte must be even")
    if not options.address:
        if gateway is not None:
            raise UsageError("--gateway: the DHCP server tells it: leave it out")
        return
    address = understood("address", parse_ipv4_prefix, options.address)
    if not is_of_one_host(address):
        raise UsageError(f"--address: {options.address} is not the address of one host")
    if gateway is not None and (gateway == address.ip or gateway not in address.network):
        raise UsageError(f"--gateway: {gateway} is no neighbour: a gateway is another host in the network of --address")


def understood(name: str, parse: Callable[[str], Parsed], text: str) -> Parsed:
    """What an option's text means, or UsageError."""
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from None


def make_host(options: argparse.Namespace) -> Host:
    """The host that the program is to be on."""
    from netos.aio.host import Host

    patience = PATIENCE if options.patience is None else options.patience
    if options.config:
        try:
            text = Path(options.config).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{options.config} cannot be read: {getattr(error, 'strerror', None) or error}") from None
        return Host(config=text, dns=options.dns, patience=patience, filename=options.config)
    return Host(options.tap, options.address, ether=options.ether, gateway=options.gateway, mtu=options.mtu,
                offload=not options.no_offload, dhcp=options.dhcp, dns=options.dns, patience=patience,
                filename=f"--tap {options.tap}")


def description(options: argparse.Namespace, host: Host) -> str:
    """What the program was given, in a line."""
    given = ", ".join(f"{address} ({element.name})" for element in host.elements
                      for address in host.stack.addresses(element.name))
    if options.config:
        return f"netos exec: {given or '127.0.0.1 alone'}, by {options.config}"
    if not options.tap:
        return "netos exec: 127.0.0.1 alone; --tap and --address give it a network"
    lease = host.elements[0].dhcp.lease if options.dhcp else None
    gateway = options.gateway or (", ".join(map(str, lease.routers)) if lease is not None else "")
    offloads = "no offloads" if options.no_offload else "checksum and segmentation offload"
    return (f"netos exec: {given.replace(' (host)', '')}{' by DHCP' if options.dhcp else ''}"
            f"{f', gateway {gateway}' if gateway else ''} on {options.tap}, MTU {options.mtu}, {offloads}")

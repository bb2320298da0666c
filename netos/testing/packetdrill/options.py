"""The options in a script's first lines: addresses, tolerance, and how the stack is set up."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

from netos.proto.stack import Stack
from netos.testing.packetdrill.nodes import Script, ScriptError

DEFAULTS = {"local_ip": "192.168.0.1", "remote_ip": "192.0.2.1", "mtu": "1500", "tolerance_usecs": "4000",
            "bind_port": "8080", "connect_port": "8080", "tcp_ts_tick_usecs": "0", "ip_version": "ipv4"}
# Settings of the stack, by the names Linux has for them
SETTINGS: dict[str, tuple[str, Callable[[int], bool | int]]] = {
    "tcp_window_scaling": ("window_scaling", bool), "tcp_timestamps": ("timestamps", bool), "tcp_sack": ("sack", bool),
    "tcp_ecn": ("ecn", lambda value: value == 1), "tcp_syncookies": ("always_cookies", lambda value: value == 2),
    "receive_buffer": ("receive_buffer", int), "send_buffer": ("send_buffer", int),
    "initial_window": ("initial_window", int)}
PASSED_OVER = ("non_fatal", "speed", "wire_protocol", "gateway_ip", "netmask_ip", "send_omit_free", "local_linux_ip",
               "verbose", "dry_run", "feature", "init_scripts", "code_sockopt", "code_command", "code_format")


def read_options(script: Script) -> dict[str, str]:
    """The script's options and the defaults of others; raises ScriptError."""
    found = dict(DEFAULTS)
    for name, (line, value) in script.options.items():
        if name in PASSED_OVER:
            continue
        if name not in DEFAULTS and name not in SETTINGS:
            known = ", --".join([*DEFAULTS, *SETTINGS])
            raise ScriptError(script.name, line, f"the option --{name} is not known: there are --{known}")
        try:
            if name.endswith("_ip"):
                value = str(IPv4Address(value))
            elif name != "ip_version":
                int(value)
            elif value != "ipv4":
                raise ValueError
        except ValueError:
            what = "the stack has IPv4 only" if name == "ip_version" else f"'{value}' is none"
            raise ScriptError(script.name, line, f"--{name}: {what}") from None
        found[name] = value
    return found


def configure(stack: Stack, link: str, script: Script, options: dict[str, str]) -> None:
    """Set a stack up as the script has it; raises ScriptError."""
    try:
        for name in ("bind_port", "connect_port"):
            if not 1 <= int(options[name]) <= 65535:
                raise ValueError(f"a port is from 1 to 65535, not {options[name]}")
        stack.configure_tcp(**{setting: of(int(options[name]))              # type: ignore[arg-type]
                               for name, (setting, of) in SETTINGS.items() if name in options})
        stack.set_interface(link, mtu=int(options["mtu"]))
        stack.set_addresses(link, [f"{options['local_ip']}/16"])
        stack.add_route("0.0.0.0/0", interface=link)
    except (ValueError, OverflowError) as error:
        line = next(iter(script.options.values()), (1, ""))[0]
        raise ScriptError(script.name, line, f"an option has a value that cannot be: {error}") from None

"""Who may import whom: imports and cimports go one way. Fails on an arrow that docs/architecture.md does not have."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+([^#\n]*)|c?import\s+([\w.]+))", re.MULTILINE)

# What a place may import of netos, as prefixes; the first place that matches a module counts.
ALLOWED = [
    ("netos.errors", []),
    ("netos.addresses", []),
    ("netos.wire", []),
    ("netos.checksum", ["netos.wire"]),
    ("netos.kernel.clock", []),
    ("netos.kernel.memory", []),
    ("netos.kernel.inbox", []),
    ("netos.kernel.guard", ["netos.kernel.inbox"]),
    ("netos.kernel.task", ["netos.kernel.inbox"]),
    ("netos.kernel.timer", ["netos.kernel.inbox"]),
    ("netos.kernel.notifier", ["netos.kernel.inbox", "netos.kernel.task"]),
    ("netos.packet", ["netos.kernel.clock", "netos.kernel.memory", "netos.kernel.inbox"]),
    ("netos.packet_handle", ["netos.packet", "netos.kernel.memory", "netos.kernel.inbox"]),
    ("netos.proto", [
        "netos.proto", "netos.packet", "netos.packet_handle", "netos.kernel.clock", "netos.addresses", "netos.wire",
        "netos.checksum", "netos.errors"]),
    ("netos.drivers", [
        "netos.drivers", "netos.packet", "netos.packet_handle", "netos.kernel.clock", "netos.errors", "netos.wire",
        "netos.addresses", "netos.kernel.memory", "netos.kernel.vcpu"]),
    ("netos.lang", ["netos.lang", "netos.errors"]),
    ("netos.args", [
        "netos.args", "netos.errors", "netos.addresses", "netos.lang.quoting", "netos.drivers.interface"]),
    ("netos.kernel", ["netos.kernel", "netos.packet", "netos.packet_handle", "netos.errors", "netos.drivers.device"]),
    ("netos.staging", ["netos.element", "netos.packet"]),
    ("netos.drophook", ["netos.packet"]),
    ("netos.element", ["netos.kernel", "netos.packet", "netos.packet_handle", "netos.drophook"]),
    ("netos.pyelement", ["netos.element", "netos.kernel", "netos.packet", "netos.packet_handle"]),
    ("netos.offload", ["netos.packet", "netos.packet_handle", "netos.checksum", "netos.wire", "netos.proto"]),
    ("netos.offload_shim", ["netos.element", "netos.offload", "netos.packet"]),
    ("netos.dropsample", ["netos.drophook", "netos.element", "netos.packet", "netos.kernel.clock"]),
    ("netos.portpatch", ["netos.element", "netos.packet", "netos.errors"]),
    ("netos.capture", ["netos.portpatch", "netos.packet", "netos.kernel.clock", "netos.proto.bpf", "netos.wire"]),
    ("netos.trace", [
        "netos.capture", "netos.drophook", "netos.element", "netos.portpatch", "netos.packet", "netos.errors"]),
    ("netos.crossing", ["netos.element", "netos.portpatch", "netos.packet", "netos.kernel"]),
    ("netos.placement", [
        "netos.crossing", "netos.errors", "netos.pyelement", "netos.element", "netos.kernel", "netos.router"]),
    ("netos.run_count", ["netos.kernel"]),
    ("netos.handlers", ["netos.errors", "netos.args"]),
    ("netos.registry", ["netos.errors", "netos.lang"]),
    ("netos.default_handlers", ["netos.errors", "netos.handlers", "netos.element", "netos.router"]),
    ("netos.global_handlers", ["netos.errors", "netos.handlers", "netos.lang", "netos.router"]),
    ("netos.hotswap", []),
    ("netos.complaints", ["netos.args", "netos.errors", "netos.element", "netos.lang"]),
    ("netos.router", [
        "netos.args", "netos.errors", "netos.element", "netos.kernel", "netos.lang", "netos.handlers",
        "netos.global_handlers", "netos.default_handlers", "netos.registry", "netos.offload_shim",
        "netos.complaints", "netos.placement", "netos.run_count"]),
    ("netos.builder", ["netos.router", "netos.errors", "netos.handlers", "netos.lang", "netos.registry"]),
    ("netos.aio", [
        "netos.aio", "netos.proto", "netos.kernel", "netos.router", "netos.errors", "netos.addresses", "netos.packet"]),
    ("netos.testing", ["netos", "elements"]),
    ("netos.fuzz", ["netos", "elements"]),
    ("netos.cli", ["netos", "elements"]),
    ("netos.control", ["netos", "elements"]),
    ("netos.__main__", ["netos.cli"]),
    ("netos.__init__", [
        "netos.pyelement", "netos.builder", "netos.router", "netos.packet", "netos.packet_handle", "netos.aio"]),
    ("elements.device", [
        "netos.element", "netos.packet", "netos.packet_handle", "netos.kernel", "netos.args", "netos.handlers",
        "netos.errors", "netos.drivers", "netos.wire", "elements", "netos.proto", "netos.addresses"]),
    ("elements.userlevel", [
        "netos.control", "netos.pyelement", "netos.args", "netos.handlers", "netos.errors", "netos.kernel"]),
    ("elements.analysis", [
        "netos.element", "netos.packet", "netos.packet_handle", "netos.kernel", "netos.args", "netos.handlers",
        "netos.errors", "netos.drivers.pcapfile", "netos.drivers.pcapwriter", "netos.wire", "elements",
        "netos.proto"]),
    ("elements", [
        "netos.element", "netos.staging", "netos.pyelement", "netos.packet", "netos.packet_handle", "netos.kernel",
        "netos.args",
        "netos.handlers", "netos.errors", "netos.wire", "netos.checksum", "netos.proto", "netos.addresses",
        "netos.offload", "netos.lang.quoting", "netos.PyElement", "elements"]),
]
FORBIDDEN_ANYWHERE = {"netos": ["scapy"], "elements": ["scapy", "asyncio", "uvloop"], "netos.proto": ["asyncio"]}


def modules():
    for folder in ("netos", "elements"):
        for path in sorted((ROOT / folder).rglob("*.p*")):
            if path.suffix in (".py", ".pyx", ".pxd") and path.read_text().strip():
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                if name.endswith("__init__") and name != "netos.__init__":
                    continue
                yield pytest.param(name, path, id=str(path.relative_to(ROOT)))


def imported(path):
    for source, names, plain in IMPORT.findall(path.read_text()):
        if plain:
            yield plain
        elif source in ("netos", "elements") or (source.count(".") == 1 and (ROOT / source.replace(".", "/")).is_dir()):
            each = (name.strip() for name in names.strip("( )\\").split(","))
            yield from (f"{source}.{name.split(' ')[0]}" for name in each if name)
        else:
            yield source


@pytest.mark.parametrize(("name", "path"), list(modules()))
def test_imports_go_one_way(name, path):
    allowed = next(targets for place, targets in ALLOWED if name == place or name.startswith(place + "."))
    for target in imported(path):
        head = target.split(".")[0]
        if head in ("netos", "elements"):
            assert any(target == place or target.startswith(place + ".") for place in [*allowed, name]), \
                f"{name} must not import {target}"
        for place, forbidden in FORBIDDEN_ANYWHERE.items():
            if name.startswith(place) and not name.startswith("netos.testing") and not name.startswith("netos.cli"):
                assert head not in forbidden, f"{name} must not import {target}"


def test_every_folder_with_cython_is_a_cython_package():
    """Without an empty __init__.pxd, installed packages cannot be cimported from."""
    for folder in {path.parent for pattern in ("*.pyx", "*.pxd") for top in ("netos", "elements")
                   for path in (ROOT / top).rglob(pattern)}:
        assert (folder / "__init__.py").exists(), folder
        assert (folder / "__init__.pxd").exists(), folder
        assert not (folder / "__init__.pxd").read_text(), folder

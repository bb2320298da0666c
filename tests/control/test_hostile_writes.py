"""Every write handler of every element, given texts that make no sense: refused with a text, and nothing has changed.

What a handler accepts may change what it likes. What it refuses changes nothing that can be read, and no text makes
anything but HandlerError come out.
"""

import struct
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netos.errors import ConfigError, HandlerError
from netos.registry import default_registry
from netos.router import Router
from netos.testing.harness import ElementHarness

TEXTS = [
    "", " ", "\n\n\n", "\0", "A" * 70000, "-1", "9" * 30, "1e309", "nan", "0x", "'", '"open', "(", "/* ", "// x", "$x",
    "${", "\xff\xfe\x80", "true,", ", , ,", "1, 2, 3, 4, 5, 6, 7, 8, 9", "1 2 3 4 5 6 7 8 9", "%s%n%d", "../../etc",
    "10.0.0.0/33", "300.1.1.1", "00:11:22:33:44:55:66", "allow", "@", "}{", "1\r\nWRITE stop", "\\<zz>", "KEYWORD 1",
    "\u0663", "CAPACITY -5", "1/0", "12/08", "0 0 0", "tcp and (", "FILE /etc/shadow", "FILE /dev", "1s 2s", "[0]",
]
# A configuration for each class that needs one.
ARGUMENTS = {
    "AddressInfo": ["a 1.0.0.1"], "AddressSet": ["10.0.0.0/8"], "ARPQuerier": ["10.0.0.1", "02:00:00:00:00:01"],
    "ARPResponder": ["10.0.0.1 02:00:00:00:00:01"], "BandwidthShaper": ["1000"], "CheckPaint": ["1"],
    "Classifier": ["12/0800"], "DirectIPLookup": ["10.0.0.0/8 0"],
    "EtherEncap": ["0x0800", "1:1:1:1:1:1", "2:2:2:2:2:2"], "EtherRewrite": ["1:1:1:1:1:1", "2:2:2:2:2:2"],
    "FixIPSrc": ["10.0.0.1"], "FromDevice": ["mem:hostile-in"], "GetIPAddress": ["16"],
    "HostEtherFilter": ["02:00:00:00:00:01"], "ICMPError": ["10.0.0.1", "3", "1"],
    "ICMPPingRewriter": ["drop"], "ICMPPingSource": ["10.0.0.1", "10.0.0.2"], "IPAddrRewriter": ["drop"],
    "IPClassifier": ["tcp"], "IPEncap": ["udp", "10.0.0.1", "10.0.0.2"], "IPFilter": ["allow tcp"],
    "IPFragmenter": ["1500"], "IPGWOptions": ["10.0.0.1"], "IPInputCombo": ["1"],
    "IPOutputCombo": ["1", "10.0.0.1", "1500"], "IPRewriter": ["drop"], "LinearIPLookup": ["10.0.0.0/8 0"],
    "Message": ["x"], "Paint": ["1"], "PaintTee": ["1"], "RadixIPLookup": ["10.0.0.0/8 0"], "RateLimit": ["10"],
    "SetIPAddress": ["10.0.0.1"], "Shaper": ["10"], "StaticIPLookup": ["10.0.0.0/8 0"], "StaticSwitch": ["0"],
    "StrideSched": ["1"], "Strip": ["14"], "TCPRewriter": ["drop"], "ToDevice": ["mem:hostile-out"], "Truncate": ["60"],
    "UDPIPEncap": ["10.0.0.1", "1", "10.0.0.2", "2"], "UDPRewriter": ["drop"], "Unstrip": ["14"],
}
# Graphs for those that need company; the element is called x.
GRAPHS = {
    "ConnTrackConfirm": "Idle -> t :: ConnTrack -> x :: ConnTrackConfirm(t) -> Discard;",
    "DestinationNat": "Idle -> t :: ConnTrack "
                      "-> x :: DestinationNat(t, FORWARD tcp 10.0.0.1:80 10.0.0.2:8080) -> Discard;",
    "SourceNat": "Idle -> t :: ConnTrack -> x :: SourceNat(t, 10.0.0.1) -> Discard;",
    "ICMPRewriter": "Idle -> w :: IPRewriter(drop) -> Discard; Idle -> x :: ICMPRewriter(w) -> Discard;",
    "RuleSet": 'Idle -> x :: RuleSet(FILE "RULES") -> Discard;',
    "FromDump": 'x :: FromDump("CAPTURE", STOP false) -> Discard;',
    **{name: f"Idle -> HostStack(10.0.0.2/24) -> Discard; x :: {name}{arguments};" for name, arguments in (
        ("ChargenServer", ""), ("DiscardServer", ""), ("EchoServer", ""), ("DnsServer", '("ZONE")'),
        ("HttpFileServer", "(/tmp)"), ("TcpSplice", "(80, 10.0.0.3:80)"))},
}
WITHOUT = {
    "KernelTap": "makes an interface, and writes are those of a device's counters",
    "ToDump": "writes are those of its counters",
    "ControlSocket": "listens",
    "HarnessFeed": "", "HarnessOutput": "", "HarnessPull": "",
}
RESTLESS = {"now", "random", "shift", "step", "cycles", "runs"}        # change by themselves, or by being read


@contextmanager
def element(name, folder):
    """A router with the element called x on a clock that stands still."""
    if name not in GRAPHS:
        with ElementHarness(name, *ARGUMENTS.get(name, [])) as harness:
            yield harness.router
        return
    (folder / "rules").write_text("allow tcp\n")
    (folder / "capture").write_bytes(struct.pack("IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    (folder / "zone").write_text("a. 60 SOA b. c. 1 1h 1h 1h 60\n NS b.\n")
    text = GRAPHS[name]
    for word in ("RULES", "CAPTURE", "ZONE"):
        text = text.replace(word, str(folder / word.lower()))
    with Router.from_text(text, simulated=10**18) as router:
        yield router


def answers(router):
    """What every handler of every element answers that answers without an argument."""
    found = {}
    for each in router.order:
        for handler in router.handlers(each.name).values():
            if handler.read is not None and not handler.read_parameter and handler.name not in RESTLESS:
                try:
                    found[each.name, handler.name] = handler.read("")
                except HandlerError as error:
                    found[each.name, handler.name] = str(error)
    return found


def attempt(router, handler, text):
    """Write; a refusal says something and changes nothing. Whether it was refused."""
    before = answers(router)
    try:
        router.write(f"x.{handler}", text)
    except HandlerError as error:
        said = str(error).strip()
    else:
        return False
    assert said, (handler, text)
    assert answers(router) == before, (handler, text)
    return True


def writable(router):
    return [handler.name for handler in router.handlers("x").values() if handler.write is not None]


@pytest.mark.parametrize("name", default_registry.names())
def test_texts_that_make_no_sense(name, tmp_path):
    if name in WITHOUT:
        pytest.skip(WITHOUT[name] or "is a test's")
    try:
        with element(name, tmp_path) as router:
            for handler in writable(router):
                for text in TEXTS:
                    attempt(router, handler, text)
                router.cpu.run_tasks_once(3)        # what was accepted must not trip anything later
    except ConfigError as error:
        pytest.fail(f"{name} needs a configuration here to have its handlers tried: add one\n{error}")


@pytest.mark.parametrize(("name", "handler", "text"), [
    ("Queue", "capacity", "many"), ("RadixIPLookup", "add", "10.0.0.0/33 0"), ("Classifier", "config", "12/zz"),
    ("RuleSet", "load", "/etc/shadow-that-is-not-there"), ("ConnTrack", "timeout", "tcp soon"),
    ("SourceNat", "config", "t, nowhere"), ("RateLimit", "rate", "-1"), ("ARPQuerier", "insert", "10.0.0.1"),
    ("EtherSwitch", "timeout", "1h 2h"), ("IPFilter", "config", "allow tcp and")])
def test_refusals(name, handler, text, tmp_path):
    with element(name, tmp_path) as router:
        assert handler not in writable(router) or attempt(router, handler, text)


@given(name=st.sampled_from(["Queue", "RadixIPLookup", "IPFilter", "ConnTrack", "EtherEncap", "RateLimit", "Script"]),
       data=st.data())
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_text(tmp_path, name, data):
    """Pieces of what is right, in any order, and any characters between."""
    pieces = st.sampled_from(["10.0.0.0/8", "0", "1", "tcp", "allow", "-", ",", " ", "(", ")", '"', "timeout", "\0"])
    with element(name, tmp_path) as router:
        handler = data.draw(st.sampled_from(writable(router)))
        text = data.draw(st.lists(pieces | st.text(st.characters(max_codepoint=255), max_size=5), max_size=8))
        attempt(router, handler, "".join(text))

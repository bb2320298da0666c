"""netos flows against a running appliance: what it lists, counts and kills, and what it says of mistakes."""

import json

import pytest

from elements.firewall.flow_scan import first_packet
from netos.addresses import IPv4Address
from netos.cli import main
from netos.control import flows

INSIDE, WORLD = int(IPv4Address("10.0.1.2")), int(IPv4Address("198.51.100.7"))
BEGIN = [(17, INSIDE, 5000 + number, WORLD, 53) for number in range(3)] + [(6, INSIDE, 4000, WORLD, 443)]
SOURCES = "".join(f"InfiniteSource(DATA \\<{first_packet(key).hex()}>, LIMIT 1, STOP false) -> all;\n" for key in BEGIN)
TEXT = f"""all :: MarkIPHeader -> track :: ConnTrack -> masquerade :: SourceNat(track, 192.0.2.1) -> Discard;
{SOURCES} Idle -> other :: IPRewriter(keep 0 0) -> Discard"""


@pytest.fixture
def ask(running, capfd):
    """Run `netos flows` against the appliance; its exit status, what it printed, and its complaints."""
    with running(TEXT) as path:
        def run(*arguments):
            status = main.main(["flows", "--socket", path, *arguments])
            out, error = capfd.readouterr()
            return status, out, error

        while "4 flows" not in run("--count")[1]:
            pass
        yield run


def test_the_list(ask):
    status, out, _ = ask()
    assert status == 0
    head, *lines = out.splitlines()
    assert head.startswith("PROTO")
    assert len(lines) == 4
    (web,) = [line for line in lines if line.startswith("tcp")]
    assert "syn-sent" in web
    assert "10.0.1.2:4000 > 198.51.100.7:443" in web
    assert "as 192.0.2.1:4000 > 198.51.100.7:443, unanswered in track" in web


def test_filters_and_states(ask):
    assert len(ask("udp", "and", "src", "port", "5000-5001")[1].splitlines()) == 3
    assert len(ask("host 192.0.2.1 and tcp")[1].splitlines()) == 2
    assert ask("--count", "--state", "syn-sent,established")[1].startswith("1 flow:")
    assert ask("--count", "--table", "other")[1] == "0 flows\n"
    assert ask("--count", "--table", "masquerade", "udp")[1] == "3 flows\n"
    assert ask("host 10.9.9.9")[1] == "no flow that fits\n"


def test_limits(ask):
    lines = ask("-n", "2")[1].splitlines()
    assert len(lines) == 4
    assert lines[-1] == "2 of 4 flows; -n 0 lists all"
    assert len(ask("-n", "0")[1].splitlines()) == 5


@pytest.mark.parametrize("slots", [1, 3])
def test_what_is_listed_in_parts_is_the_whole(ask, monkeypatch, slots):
    monkeypatch.setattr(flows, "SLOTS", slots)
    monkeypatch.setattr(flows, "KILLED", slots)
    found = json.loads(ask("--json", "--table", "track")[1])
    assert sorted(flow["original"]["source_port"] for flow in found) == [4000, 5000, 5001, 5002]
    assert all(flow["translated"]["source"] == "192.0.2.1" and flow["table"] == "track" for flow in found)
    assert {flow["protocol"] for flow in found} == {"tcp", "udp"}
    assert ask("--kill", "udp")[1].startswith("3 flows killed")


def test_killing(ask):
    assert ask("--kill", "dst port 53 and src port > 5000")[1] == "2 flows killed: 2 in track, 0 in other\n"
    assert json.loads(ask("--count", "--json")[1]) == {"count": 2, "tables": {"track": 2, "other": 0}}
    assert json.loads(ask("--kill", "--all", "--json")[1])["killed"] == 2
    assert ask()[1] == "no flow\n"


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("--kill",), "--kill wants a FILTER"), (("--kill", "--all", "udp"), "--kill wants"),
    (("--all",), "goes with --kill"),
    (("-n", "-1"), "0 for all"), (("--table", "nat"), "these have: track, other"), (("prot", "tcp"), "unknown word"),
    (("--state", "sleepy"), "is no state"), (("--kill", "--state", "sleepy"), "is no state"),
])
def test_refusals(ask, arguments, complaint):
    status, out, error = ask(*arguments)
    assert status > 0
    assert out == ""
    assert error.startswith("netos flows: ")
    assert complaint in error
    assert "4 flows" in ask("--count")[1]


def test_without_an_appliance_it_says_how_to_start_one(capfd, tmp_path):
    assert main.main(["flows", "--socket", str(tmp_path / "none")]) == 1
    assert "start one with 'netos run FILE'" in capfd.readouterr().err

"""ARPPrint says what ARP packets say, and passes everything on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netos.errors import ConfigError
from netos.testing.arp import REPLY, arp_frame, arp_reply, arp_request, station
from netos.testing.harness import ElementHarness, run_element

ASKED = arp_request(station(2), "10.0.0.2", "10.0.0.1")
ANSWERED = arp_reply(station(1), "10.0.0.1", station(2), "10.0.0.2")


def test_requests_and_replies_in_words(capfd: pytest.CaptureFixture[str]) -> None:
    with ElementHarness("ARPPrint", "arp", "TIMESTAMP false") as harness:
        harness.push(0, [ASKED, ANSWERED[14:]])
        assert harness.outputs == [[ASKED, ANSWERED[14:]]]
    assert capfd.readouterr().err == ("arp: arp who-has 10.0.0.1 tell 10.0.0.2\n"
                                      "arp: arp reply 10.0.0.1 is-at 02-00-00-00-00-01\n")


def test_timestamp_and_ethernet_addresses(capfd: pytest.CaptureFixture[str]) -> None:
    def stamped(router: Any) -> Any:
        packet = router.packet(ANSWERED)
        packet.timestamp = 5_000_000_007
        return packet

    with ElementHarness("ARPPrint", "ETHER true", "OUTFILE -") as harness:
        harness.push(0, [stamped])
    assert capfd.readouterr().out == ("5.000000007: 02-00-00-00-00-01 > 02-00-00-00-00-02: "
                                      "arp reply 10.0.0.1 is-at 02-00-00-00-00-01\n")


def test_odd_packets_are_described_and_passed(capfd: pytest.CaptureFixture[str]) -> None:
    odd = [ASKED[:41], b"", arp_frame(REPLY, station(1), "1.2.3.4", station(2), "5.6.7.8", protocol_length=255),
           arp_frame(25, station(1), "1.2.3.4", station(2), "5.6.7.8")]
    with ElementHarness("ARPPrint", "TIMESTAMP false") as harness:
        harness.push(0, odd)
        assert harness.outputs == [odd]
    assert capfd.readouterr().err.splitlines() == [
        "truncated-arp (27 bytes)", "truncated-arp (0 bytes)", "arp of other types (0001080006ff)",
        "arp op 25 from 1.2.3.4 for 5.6.7.8"]


def test_a_file_takes_the_lines_while_active(tmp_path: Path) -> None:
    path = tmp_path / "arp.txt"
    with ElementHarness("ARPPrint", "TIMESTAMP false", "ACTIVE false", f'OUTFILE "{path}"') as harness:
        harness.push(0, [ASKED])
        harness.write("active", "true")
        harness.push(0, [ANSWERED])
        assert harness.read("active") == "true"
    assert path.read_text() == "arp reply 10.0.0.1 is-at 02-00-00-00-00-01\n"


def test_a_file_that_cannot_be_written_refuses_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"), ElementHarness("ARPPrint", f"OUTFILE {tmp_path}/no/where"):
        pass


def test_pushed_and_pulled(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_element("ARPPrint", push=[ASKED, b"x"]) == [[ASKED, b"x"]]

"""The scripts of tests/proto/scripts hold, packet by packet: the stack does at every time what the RFCs say."""

from pathlib import Path

import pytest

from netos.testing.packetdrill import Runner, parse

SCRIPTS = sorted((Path(__file__).parents[2] / "proto" / "scripts").glob("*.pkt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path):
    """What goes out differs from the script, comes at another time, or a packet's buffer is forgotten."""
    runner = Runner(parse(path.read_text(), path.name), strict=True)
    runner.run()
    assert runner.cpu.balance["held"] == 0


def test_there_are_scripts():
    """The folder was moved: nothing would be tested."""
    assert len(SCRIPTS) >= 30

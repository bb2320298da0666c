"""netos lab over memory devices, and how it reads a configuration's variables; the real one is in tests/configs."""

import pytest

from netos.cli.configuration import UsageError
from netos.cli.lab import main
from netos.cli.lab_plan import make_plan


@pytest.mark.parametrize("config", ["router", "bridge", "ping-responder"])
def test_the_memory_lab_passes_its_own_tests(config, capfd):
    assert main([f"configs/{config}.click", "--memory"]) == 0
    output = capfd.readouterr().out
    assert "20 received" in output
    assert "FAIL" not in output
    assert "held 0" in output


def test_a_configuration_that_forwards_nothing_fails(tmp_path, capfd):
    """Otherwise the lab would say ok whatever the appliance does."""
    config = tmp_path / "black-hole.click"
    config.write_text("define($DEV0 tap0, $DEV1 tap1)\nFromDevice($DEV0) -> Discard; FromDevice($DEV1) -> Discard;\n"
                      "Idle -> ToDevice($DEV0); Idle -> ToDevice($DEV1);")
    assert main([str(config), "--memory"]) == 1
    assert "FAIL" in capfd.readouterr().out


def test_a_refused_configuration_ends_with_3_and_its_errors(tmp_path, capfd):
    config = tmp_path / "bad.click"
    config.write_text("define($DEV0 a, $DEV1 b)\nFromDevice($DEV0) -> Discart;")
    assert main([str(config), "--memory"]) == 3
    assert "did you mean 'Discard'" in capfd.readouterr().err


def test_the_plan_follows_the_variables():
    text = "define($DEV0 tap0, $ADDR0 10.0.1.1/24, // comment, $X 1\n $DEV1 tap1, $ADDR1 10.0.2.1/24)\n"
    routed = make_plan(text, {"ADDR1": "192.0.2.1/28"})
    assert [str(host.address) for host in routed.hosts] == ["10.0.1.2/24", "192.0.2.2/28"]
    assert routed.hops == ("10.0.1.1", "192.0.2.2")
    assert make_plan("define($DEV tap9, $ADDR 10.0.1.1)\n", {}).hosts[0].device == "tap9"
    with pytest.raises(UsageError, match="DEV0"):
        make_plan("Idle -> Discard;", {})
    with pytest.raises(UsageError, match="variables"):
        make_plan("define($DEV0 a, $DEV1 b, $ADDR0 x, $ADDR1 y)", {})


@pytest.mark.parametrize("seconds", ["-5", "0", "nan", "inf"])
def test_a_transfer_takes_some_time(seconds, capfd):
    """A transfer of no bytes would arrive with every byte equal."""
    assert main(["configs/router.click", "--seconds", seconds]) == 2
    assert "must be more than 0" in capfd.readouterr().err

"""netos run: driver scripts and signal scripts work as under `netos click`; the signals are real."""

from netos.cli.run import main


def run(capfd, tmp_path, text):
    (tmp_path / "x.click").write_text(text)
    status = main([str(tmp_path / "x.click"), "--quiet"])
    return status, capfd.readouterr().out


def test_a_driver_script_may_refuse_a_stop(capfd, tmp_path):
    text = "Script(wait 1ms, write stop); DriverManager(wait_stop, print 1, wait 1ms, print 2)"
    assert run(capfd, tmp_path, text) == (0, "1\n2\n")


def test_a_signal_lets_the_driver_script_run_to_its_end(capfd, tmp_path):
    text = "Script(wait 1ms, set x $(kill INT $$)); DriverManager(wait_stop 9, print 1, wait 1h, print 2)"
    assert run(capfd, tmp_path, text) == (0, "1\n2\n")


def test_a_signal_script_replaces_what_a_signal_does(capfd, tmp_path):
    text = "Script(wait 1ms, set x $(kill INT $$)); Script(TYPE SIGNAL INT, print 'signal', write stop)"
    assert run(capfd, tmp_path, text) == (0, "signal\n")

"""netos click, run in this process in simulated time, and a few times as a process of its own."""

import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from netos.cli.click import main

ROOT = Path(__file__).parents[2]
SOURCE = "s :: InfiniteSource(DATA abcd, LIMIT 5, STOP true) -> c :: Counter -> d :: Discard"


def click(capfd, *arguments):
    """Exit status, standard output, standard error."""
    status = main(["--simtime", *arguments])
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def test_one_handler_is_printed_alone(capfd):
    assert click(capfd, "-e", SOURCE, "-h", "c.count") == (0, "5\n", "")


def test_several_handlers_are_printed_with_their_names(capfd):
    assert click(capfd, "-e", SOURCE, "-h", "c.count", "-h", "c.byte_count") == (
        0, "c.count:\n5\n\nc.byte_count:\n20\n\n", "")


def test_handlers_of_patterns_and_classes(capfd):
    assert click(capfd, "-e", SOURCE, "-h", "?.count")[1] == "s.count:\n5\n\nc.count:\n5\n\nd.count:\n5\n\n"
    assert click(capfd, "-e", SOURCE, "-h", "Counter.count")[1] == "c.count:\n5\n\n"
    assert click(capfd, "-e", SOURCE, "-h", "*.byte_count")[1] == "c.byte_count:\n20\n\n"


def test_time_has_no_other_factor_than_1(capfd):
    assert click(capfd, "-e", SOURCE, "-h", "timewarp")[1] == "simulation\n"
    assert main(["-q", "-e", "Idle -> Discard", "-h", "timewarp"]) == 0
    assert capfd.readouterr().out == "1\n"
    assert main(["-e", "Script(write timewarp 2, print $?, stop)"]) == 0
    assert "--simtime simulates time" in capfd.readouterr().err


def test_global_handlers(capfd):
    assert click(capfd, "-e", SOURCE, "-h", "list")[1] == "3\ns\nc\nd\n"


@pytest.mark.parametrize(("handler", "message"), [
    ("x.count", "no element 'x'"), ("x*.count", "no element matching 'x*'"), ("c.nosuch", "no 'c.nosuch' handler"),
    ("c.reset", "'c.reset' is a write handler"), ("nosuch", "no 'nosuch' handler"),
])
def test_handlers_that_cannot_be_printed(capfd, handler, message):
    assert click(capfd, "-e", SOURCE, "-h", handler) == (1, "", f"{message}\n")


def test_private_handlers_are_hidden(capfd):
    assert click(capfd, "-e", "s :: Script(TYPE PASSIVE)", "-h", "s.cat")[0] == 1


@pytest.mark.parametrize(("value", "status"), [("3", 3), ("true", 0), ("false", 1), ("-1", 255), ("maybe", 255)])
def test_exit_handler(capfd, value, status):
    assert click(capfd, "-e", f"s :: Script(export x {value})", "-x", "s.x")[0] == status


def test_an_exit_handler_that_fails(capfd):
    status, _, error = click(capfd, "-e", SOURCE, "-x", "c.nosuch")
    assert (status, error) == (255, "no 'c.nosuch' read handler\n")


def test_quit_initialises_but_does_not_run(capfd):
    assert click(capfd, "-qe", f"{SOURCE}; Script(print 1)", "-h", "c.count") == (0, "0\n", "")


def test_the_flat_configuration(capfd, tmp_path):
    text = "c :: { input -> x :: Counter -> output } -> Discard; Idle -> c"
    flat = "Discard@2 :: Discard;\nIdle@3 :: Idle;\nc/x :: Counter;\n\nIdle@3 -> c/x\n    -> Discard@2;\n"
    assert click(capfd, "-qo-", "-e", text) == (0, flat, "")
    assert click(capfd, "-qo", str(tmp_path / "flat"), "-e", text) == (0, "", "")
    assert (tmp_path / "flat").read_text() == flat


def test_an_output_file_that_cannot_be_written_does_not_prevent_the_run(capfd):
    status, out, error = click(capfd, "-o", "/nonexistent/x", "-e", SOURCE, "-h", "c.count")
    assert (status, out, error) == (0, "5\n", "/nonexistent/x: No such file or directory\n")


def test_time_is_printed(capfd):
    _, out, _ = click(capfd, "-te", SOURCE)
    user, system, real = out.split()
    assert user.endswith("u")
    assert system.endswith("s")
    assert real.startswith("0:00.")


def test_definitions_replace_variables(capfd):
    assert click(capfd, "-e", "define($n 1) InfiniteSource(LIMIT $n, STOP true) -> c :: Counter -> Discard",
                 "n=7", "-h", "c.count")[1] == "7\n"


def test_a_file_of_any_bytes(capfdbinary, tmp_path):
    (tmp_path / "x.click").write_bytes(b'Script(print "\xe9", stop)')
    assert main(["--simtime", str(tmp_path / "x.click")]) == 0
    assert capfdbinary.readouterr().out == b"\xe9\n"


def test_standard_input(capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{SOURCE}; nonsense".encode())))
    assert click(capfd)[0] == 1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SOURCE.encode())))
    assert click(capfd, "-", "-h", "c.count")[:2] == (0, "5\n")


def test_a_file_that_is_not_there(capfd):
    status, _, error = click(capfd, "/nonexistent/x.click")
    assert status == 1
    assert "/nonexistent/x.click: No such file or directory" in error


def test_libraries_are_looked_for_in_the_click_path(capfd, tmp_path, monkeypatch):
    (tmp_path / "lib.click").write_text("elementclass C { input -> Counter -> output }")
    text = "require(library lib.click) Idle -> C -> Discard"
    assert click(capfd, "-qe", text)[0] == 1
    assert click(capfd, "-C", str(tmp_path), "-qe", text)[0] == 0
    monkeypatch.setenv("CLICKPATH", f"/nonexistent:{tmp_path}")
    assert click(capfd, "-qe", text)[0] == 0


def test_an_empty_configuration_is_a_warning(capfd):
    assert click(capfd, "-e", "") == (0, "", "warning: config: configuration has no elements, exiting\n")
    assert click(capfd, "-we", "") == (0, "", "")
    assert click(capfd, "-qe", "") == (0, "", "")


def test_simulated_time_starts_where_it_is_told(capfd):
    assert main(["--simtime=50", "-e", "Script(wait 2, print $(now))"]) == 0
    assert capfd.readouterr().out.startswith("52.0")


def test_in_simulated_time_a_year_takes_no_time(capfd):
    assert click(capfd, "-e", "Script(wait 365d, print 1, stop)") == (0, "1\n", "")


def test_errors_are_clicks_lines(capfd):
    status, out, error = click(capfd, "-e", "c :: Counter(1, X 2);\nIdle -> c -> [1] Discard; x -> c")
    lines = error.splitlines()
    assert (status, out) == (1, "")
    assert "config:2: undeclared element 'x'" in lines
    place = lines.index("config:1: While configuring 'c :: Counter':")
    assert lines[place + 1:place + 3] == ["  X: unknown argument", "  too many arguments"]


def test_a_graph_that_parses_says_that_it_is_not_initialized(capfd):
    status, _, error = click(capfd, "-e", "Idle -> Discard(1)")
    assert status == 1
    assert error.endswith("  too many arguments\nRouter could not be initialized!\n")


def test_a_failing_initialize(capfd):
    status, _, error = click(capfd, "-e", "FromDump(/nonexistent/x.pcap) -> Discard")
    assert status == 1
    assert "While " in error
    assert error.endswith("Router could not be initialized!\n")


def test_bad_options_show_the_usage(capfd):
    status, out, error = click(capfd, "--nonsense")
    assert (status, out) == (1, "")
    assert error.startswith("netos click: unrecognized option '--nonsense'\nUsage: netos click ")


def test_help_and_version(capfd):
    assert click(capfd, "--help")[1].startswith("Usage: netos click")
    assert click(capfd, "-v")[1].startswith("netos click (netos) ")


def test_a_driver_script_runs(capfd):
    assert click(capfd, "-e", f"{SOURCE}; DriverManager(wait_stop, read c.count, wait 1s, print 'done')",
                 "-h", "c.count") == (0, "done\n5\n", "c.count:\n5\n")


def process(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "netos.cli.main", "click", *arguments], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_process_and_its_handlers_are_still_printed(number):
    with process("-e", f"{SOURCE}; Script(print 'up'); DriverManager(wait_stop 2, print 'end')",
                 "-h", "c.count") as running:
        assert running.stdout.readline() == b"up\n"
        running.send_signal(number)
        out, error = running.communicate(timeout=20)
    assert (running.returncode, out, complaints(error)) == (0, b"end\n5\n", [])


def complaints(error):
    """The lines of standard error, but for the watchdog's on a busy machine."""
    return [line for line in error.splitlines() if b" in one go" not in line]


def test_control_sockets_are_elements(capfd, tmp_path):
    arguments = ["-q", "-e", "Idle -> Discard", "-p", "0", "-p", "0", "-u", str(tmp_path / "x")]
    names = ["click_driver@@ControlSocket", "click_driver@@ControlSocket@1", "click_driver@@ControlSocket@2"]
    assert click(capfd, *arguments, "-h", "list")[1].split() == ["5", "Idle@1", "Discard@2", *names]
    assert click(capfd, *arguments, "-h", f"{names[2]}.filename")[1] == f"{tmp_path / 'x'}\n"


def test_a_process_answers_on_its_control_socket(tmp_path):
    path = str(tmp_path / "x")
    with process("-u", path, "-e", "c :: Counter; Idle -> c -> Discard; Script(print 'up')") as running:
        assert running.stdout.readline() == b"up\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(path)
            client.sendall(b"READ c.count\nWRITE stop\n")
            found = b""
            while data := client.recv(999):
                found += data
        _, error = running.communicate(timeout=20)
    told = complaints(error)
    assert (running.returncode, told) == (0, [])
    assert found.endswith(b"DATA 1\r\n0200 Write handler 'stop' OK\r\n")


def test_bytes_stay_bytes():
    with process("-e", "Script(print $x, stop)", os.fsdecode(b"x=\xe9\x80"), "--simtime") as running:
        out, error = running.communicate(timeout=20)
    assert (out, error) == (b"\xe9\x80\n", b"")


def test_a_reader_that_goes_away_is_no_traceback():
    with process("-e", "Script(print list, loop)", "--simtime") as running:
        running.stdout.close()
        error = running.stderr.read()
    assert b"Traceback" not in error


def test_a_small_start_imports_nothing_heavy():
    """Each of these modules costs milliseconds of the sixty that a start may take."""
    code = ("import sys; from netos.cli.main import main; main(['click', '-q', '-e', 'Idle -> Counter -> Discard;']);"
            "heavy = ('asyncio', 'uvloop', 'argparse', 'logging', 'inspect', 'dataclasses', 'difflib', 'email',"
            "'importlib.metadata', 'subprocess', 'socket', 'tempfile', 'traceback');"
            "print([name for name in heavy if name in sys.modules])")
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"

"""The log of netos run: what people read, what machines read, what the journal is told."""

import io
import json
import logging
import os

import pytest

from netos.control.logs import JsonFormatter, TextFormatter, event, is_journal, set_up, timestamp


@pytest.fixture
def log():
    """A log into memory: a function of the form and further options that makes it, and its stream."""
    root, netos = logging.getLogger(), logging.getLogger("netos")
    before = root.handlers[:], root.level, netos.level
    stream = io.StringIO()
    yield lambda form="text", **options: set_up(form, stream=stream, **options) and stream
    root.handlers[:], root.level, netos.level = before


def test_people_read_the_message_and_nothing_else(log):
    stream = log()
    event("start", "5 elements on tap0", elements=5)
    logging.getLogger("netos.device").warning("%s: the device is gone", "tap0")
    assert stream.getvalue() == "netos: 5 elements on tap0\nnetos: tap0: the device is gone\n"


def test_machines_read_name_and_facts_of_every_event(log):
    stream = log("json")
    event("reload", "generation 2\nruns", logging.WARNING, generation=2)
    logging.getLogger("netos.device").error("gone")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {"level": "warning", "logger": "netos", "event": "reload", "message": "generation 2\nruns",
                     "fields": {"generation": 2}}
    assert (second["level"], second["event"], second["fields"]) == ("error", "device", {})


def test_a_traceback_stays_on_its_line_of_json(log):
    stream = log("json")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("netos.router").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["traceback"].endswith("ValueError: no")


def test_quiet_leaves_warnings(log):
    stream = log(quiet=True)
    event("start", "unheard")
    event("audit", "heard", logging.WARNING)
    assert stream.getvalue() == "netos: heard\n"


def test_setting_up_twice_does_not_say_things_twice(log):
    log()
    stream = log()
    event("start", "once")
    assert stream.getvalue() == "netos: once\n"


@pytest.mark.parametrize(("level", "number"), [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4),
                                               (logging.ERROR, 3), (logging.CRITICAL, 2)])
@pytest.mark.parametrize("formatter", [TextFormatter(True), JsonFormatter(True)], ids=["text", "json"])
def test_the_journal_learns_the_level_of_every_line(formatter, level, number):
    record = logging.LogRecord("netos", level, "", 0, "one\ntwo", (), None)
    lines = formatter.format(record).splitlines()
    assert all(line.startswith(f"<{number}>") for line in lines)


def test_the_journal_is_known_by_device_and_inode(tmp_path):
    with (tmp_path / "log").open("w") as file:
        status = os.fstat(file.fileno())
        assert is_journal(file, f"{status.st_dev}:{status.st_ino}")
        assert not is_journal(file, f"{status.st_dev}:{status.st_ino + 1}")     # standard error was redirected
        for environment in ("", "1", "a:b", ":"):
            assert not is_journal(file, environment)
    assert not is_journal(io.StringIO(), "1:2")


def test_a_reader_that_went_away_does_not_matter(log):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stream:
        set_up(stream=stream)
        event("start", "lost")
        logging.getLogger().handlers = [handler for handler in logging.getLogger().handlers
                                        if getattr(handler, "stream", None) is not stream]
        try:
            stream.close()
        except BrokenPipeError:
            pass
    log()


def test_times_are_in_utc_with_milliseconds():
    assert timestamp(0.0625) == "1970-01-01T00:00:00.062Z"
    assert timestamp(1e9) == "2001-09-09T01:46:40.000Z"

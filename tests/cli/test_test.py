"""netos test: our own cases pass, wrong ones fail with what was expected and what came, mistakes have their line."""

import json
import sys
from pathlib import Path

import pytest

from netos.cli.test import main

pytest.importorskip("scapy")

CONFIGS = Path(__file__).parents[2] / "configs"
WIRE = """FromDevice(a) -> seen :: Counter -> old :: Classifier(12/0800, -);
old[0] -> Strip(14) -> CheckIPHeader -> ttl :: DecIPTTL -> Unstrip(14) -> out :: Queue -> ToDevice($to);
old[1] -> out; define($to b)"""
FRAME = 'Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")'


@pytest.fixture
def run(capfd, tmp_path):
    def go(cases, *arguments, config=WIRE):
        (tmp_path / "x.click").write_text(config)
        (tmp_path / "x.cases").write_text(cases)
        from netos.cli.main import main as netos

        status = netos(["test", str(tmp_path / "x.click"), str(tmp_path / "x.cases"), *arguments])
        captured = capfd.readouterr()
        return status, captured.out.replace(f"{tmp_path}/", ""), captured.err.replace(f"{tmp_path}/", "")
    return go


@pytest.mark.parametrize("batch", ["1", "256"])
@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIGS / "tests").glob("*.cases")))
def test_the_configurations_pass_their_cases(capfd, name, batch):
    status = main([str(CONFIGS / f"{name}.click"), str(CONFIGS / "tests" / f"{name}.cases"), "--batch", batch])
    out = capfd.readouterr().out
    assert status == 0, out
    assert "FAIL" not in out
    assert " 0 failed" in out


def test_the_example_of_the_documentation_works(run):
    example = (CONFIGS.parent / "docs" / "testing.md").read_text().split("```")[1]
    status, out, _ = run(example, config=(CONFIGS / "ping-responder.click").read_text())
    assert status == 0, out


def test_a_case_that_fails_shows_what_was_expected_and_what_came(run):
    status, out, _ = run(f"""case the TTL stays
    send a {FRAME}/IP(src="1.2.3.4", dst="1.2.3.5", ttl=9)/UDP(sport=1, dport=2)/b"hello"
    expect b Ether()/IP(ttl=9)/UDP()/b"hullo"
case another
    expect nothing""")
    assert status == 1
    lines = out.splitlines()
    assert lines[0] == "FAIL  the TTL stays"
    assert lines[1].startswith("      x.cases:3: expect b ")
    assert [line.strip() for line in lines[2:5]] == [
        "IP.ttl: expected 9, got 8", "payload: expected b'hullo', got b'hello'",
        "expected  Ether()/IP(ttl=9)/UDP()/Raw(load=b'hullo')"]
    assert "0000  02 00 00 00 00 02 02 00 00 00 00 01 08 00 45 00" in out
    assert lines[-2:] == ["ok    another", "x.click: 2 cases, 1 failed"]


@pytest.mark.parametrize(("expected", "fits"), [
    ("Ether()", True),
    ('Ether(dst="02:00:00:00:00:02".x)', None),
    ('Ether(src="02:00:00:00:00:03")', False),
    ("Ether()/ARP()", False),
    ('Ether()/IP(src="1.2.3.0/24", ttl=(1, 8))/UDP(dport=[1, 2])', True),
    ('Ether()/IP(src="1.2.4.0/24")', False),
    ("Ether()/IP(ttl=(9, 255))", False),
    ("Ether()/IP()/UDP(dport=[1, 3])", False),
    ("Ether()/IP()/TCP()", False),
    ('Ether()/IP()/UDP()/b"hello"', True),
    ('Ether()/IP()/UDP()/b"hell"', False),
    ("Ether()/IP(chksum=1)", False),
    ("hex 02" + ".." * 13 + "45 00 00:21" + ".." * 29, True),
    ("hex 02" + ".." * 13 + "45 00 00:22" + ".." * 29, False),
    ("hex 02", False),
    ("nothing", False),
])
def test_only_what_is_written_is_compared(run, expected, fits):
    device = "" if expected == "nothing" else "b "
    status, _, _ = run(f"""case x
    send a {FRAME}/IP(src="1.2.3.4", dst="1.2.3.5", ttl=9)/UDP(sport=1, dport=2)/b"hello"
    expect {device}{expected}""")
    assert status == {True: 0, False: 1, None: 2}[fits]


def test_checksums_that_are_not_written_must_be_right(run):
    """Nothing between these devices looks at the UDP checksum; the expectation does."""
    sent = f'{FRAME}/IP(src="1.2.3.4", dst="1.2.3.5", ttl=9)/UDP(sport=1, dport=2, chksum=0x1234)/b"hello"'
    status, out, _ = run(f"case x\n send a {sent}\n expect b Ether()/IP()/UDP()")
    assert status == 1
    assert "UDP.chksum: 0x1234 is wrong, " in out
    assert run(f"case x\n send a {sent}\n expect b Ether()/IP()/UDP(chksum=0x1234)")[0] == 0
    assert run(f"case x\n send a {sent}\n expect b Ether()/IP()")[0] == 0


def test_frames_that_nobody_expects_fail_the_case_unless_they_are_ignored(run):
    sent = f'case x\n send a {FRAME}/b"1"\n'
    status, out, _ = run(sent)
    assert status == 1
    assert "x.cases:1: the end of the case: expect these frames, or 'ignore' them" in out
    assert run(f"{sent} ignore b")[0] == 0
    assert run(f"{sent} ignore a")[0] == 1
    assert run(f"{sent} expect nothing a\n ignore")[0] == 0


def test_a_missing_frame_is_explained_by_drops(run):
    status, out, _ = run(f"""case x
    send a {FRAME}/IP(src="1.2.3.4", dst="1.2.3.5", ttl=1)/UDP()
    expect b Ether()""")
    assert status == 1
    assert "nothing came out of b\n        ttl dropped 1 as ttl-expired\n" in out


def test_what_stands_first_is_done_at_the_start_of_each_case(run):
    """Each case has its own appliance, names and variables."""
    status, out, _ = run(f"""let frame = {FRAME}/b"x"   # the same for all
        send a frame
        case one
        let frame = frame/b"y"
        send a frame * 2
        expect b [{FRAME}/b"x"] + [frame] * 2
        handler seen.count == 3
        case two
        set to=c
        expect c frame
        handler seen.count == 1
        case three
        expect b frame""")
    assert (status, out.splitlines()[-1]) == (0, "x.click: 3 cases, 0 failed"), out


def test_handlers_drops_and_virtual_time(run):
    good = f"""case x
    send a {FRAME}/IP(src="1.2.3.4", dst="1.2.3.5", ttl=1)/UDP()
    drops ttl ttl-expired 1
    drops ttl no-route 0
    wait 3600.5
    handler seen.count == 1"""
    assert run(good)[0] == 0
    for right, wrong in (("expired 1", "expired 2"), ("count == 1", "count == 2"), ("drops ttl", "drops tll"),
                         ("seen.count", "seen.cuont"), ("send a", "send z")):
        assert run(good.replace(right, wrong, 1))[0] == 1


def test_time_passes_only_virtually(run):
    status, out, _ = run("case x\n handler sink.count == 0\n wait 2\n handler sink.count == 2",
                         config="TimedSource(1) -> sink :: Counter -> Discard")
    assert status == 0, out


def test_all_mistakes_of_a_case_file_are_named_with_their_lines(run):
    status, out, error = run("""case a
        send a Ethr()
        send a Ether()/IP(src="1.2.3.4")
        send a Ether(src="02:00:00:00:00:01").show()
        send a IP(src="1.2.3.4")
        expct a x
        expect a Ether(
            dst=1
        drops x bad-chekcsum 1
        set A=3
        case a
        case
        wait x
        handler foo
        expect nothing a b c
        send a
        send a hex 0
        send a hex ..
        send a open("x")
        let in = 4
        send a 5""")
    assert (status, out) == (2, "")
    said = dict(line.removeprefix("x.cases:").split(": ", 1) for line in error.splitlines()[1:])
    assert error.splitlines()[0] == "netos test: nothing was tested"
    assert said["2"] == "there is no layer or name 'Ethr'; did you mean Ether?"
    assert said["3"] == "write Ether's dst: it would be that of the machine this runs on"
    assert said["6"] == "'expct' is no statement; did you mean expect?"
    assert said["7"].startswith("this is no expression")
    assert said["9"].endswith("did you mean bad-checksum?")
    assert said["11"] == "there is a case 'a' already"
    assert set(said) == {str(number) for number in range(2, 22)} - {"8", "10"}


def test_a_variable_cannot_change_once_the_appliance_runs(run):
    status, _, error = run("case a\n wait 1\n set to=c")
    assert status == 2
    assert "x.cases:3: the appliance runs already" in error


def test_a_bad_configuration_has_status_3(run):
    status, out, error = run("case a\n expect nothing", config="FromDevice(a) -> Nonsense -> Discard")
    assert (status, out) == (3, "")
    assert "x.click:1:18: error: undeclared element 'Nonsense'" in error


def test_the_command_line_sets_what_the_cases_do_not(run):
    assert run(f'case x\n send a {FRAME}/b"x"\n expect d Ether()', "to=d")[0] == 0
    assert run(f'set to=e\ncase x\n send a {FRAME}/b"x"\n expect e Ether()', "to=d")[0] == 0


def test_json(run):
    status, out, _ = run(f'case x\n send a {FRAME}/b"x"\n expect b Ether(type=5)\ncase y', "--json")
    found = json.loads(out)
    assert (status, found["failed"], [case["ok"] for case in found["cases"]]) == (1, 1, [False, True])
    assert (found["cases"][0]["case"], found["cases"][0]["failed_line"]) == ("x", 3)
    assert found["cases"][0]["got"].startswith("020000000002")


def test_choosing_cases(run):
    assert run("case one\ncase two", "-k", "tw")[1].startswith("ok    two\n")
    assert run("case one", "-k", "three")[0] == 2
    assert run("# nothing")[0] == 2
    assert run("case x", "--batch", "0")[0] == 2
    assert run("case x", "/nonexistent.cases")[0] == 2


def test_without_scapy_hex_works_and_expressions_say_what_to_do(run, monkeypatch):
    from netos.testing.cases_packets import layers

    layers.cache_clear()
    monkeypatch.setitem(sys.modules, "scapy.all", None)
    assert run("case x\n send a hex 000000000000 000000000000 9999 01\n expect b hex " + ".." * 15)[0] == 0
    assert "got       15 bytes" in run("case x\n send a hex 000000000000 000000000000 9999 01\n expect b hex 00")[1]
    status, _, error = run("case x\n send a Ether()\n send a Ether()")
    assert status == 2
    assert "x.cases:2: this needs scapy: install it" in error
    assert error.count("scapy:") == 1

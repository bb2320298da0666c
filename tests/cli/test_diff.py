"""netos diff: elements, arguments, rules and connections that differ, and exit statuses that scripts can use."""

import json

import pytest

from netos.cli.main import main

OLD = """// the old one
define($LENGTH 100)
source :: Idle -> rules :: IPFilter(allow icmp, allow tcp, drop all) -> q :: Queue($LENGTH) -> Unqueue -> Discard;
"""


@pytest.fixture
def diff(capfd, tmp_path):
    def run(new, *arguments, old=OLD):
        (tmp_path / "old").write_text(old)
        (tmp_path / "new").write_text(new)
        status = main(["diff", str(tmp_path / "old"), str(tmp_path / "new"), *arguments])
        captured = capfd.readouterr()
        return status, captured.out, captured.err.replace(f"{tmp_path}/", "")
    return run


def test_spelling_is_no_difference(diff):
    new = """define($LENGTH 100) rules :: IPFilter(allow icmp,allow tcp, /* none */ drop all);
        source :: Idle; q :: Queue( 100 ); source -> rules; q -> Unqueue -> Discard; rules -> q;"""
    assert diff(new) == (0, "no difference\n", "")
    assert json.loads(diff(new, "--json")[1])["same"] is True


def test_rules_and_arguments(diff):
    new = OLD.replace("allow tcp", "allow udp, deny tcp").replace("$LENGTH 100", "$LENGTH 7")
    assert diff(new) == (1, """~ rules :: IPFilter
    - rule 2: allow tcp
    + rule 2: allow udp
    + rule 3: deny tcp
~ q :: Queue
    - argument 1: 100
    + argument 1: 7
""", "")


def test_definitions_count_for_both(diff):
    new = OLD.replace("$LENGTH 100", "$LENGTH 7")
    assert diff(new, "LENGTH=9")[0] == 0
    assert diff(new, "OTHER=9")[0] == 1


def test_elements_and_connections(diff):
    new = OLD.replace("-> q", "-> Counter(COUNT_CALL 5 stop) -> q").replace("Unqueue", "u :: Unqueue(5)")
    assert diff(new) == (1, """- Unqueue@4 :: Unqueue
+ Counter@3 :: Counter(COUNT_CALL 5 stop)
+ u :: Unqueue(5)
- rules [0] -> [0] q
- q [0] -> [0] Unqueue@4
- Unqueue@4 [0] -> [0] Discard@5
+ rules [0] -> [0] Counter@3
+ Counter@3 [0] -> [0] q
+ q [0] -> [0] u
+ u [0] -> [0] Discard@6
""", "")


def test_another_class(diff):
    assert diff(OLD.replace("Idle", "InfiniteSource")) == (1, "~ source :: InfiniteSource, was Idle\n", "")


def test_json(diff):
    new = OLD.replace("allow tcp, ", "").replace("Unqueue", "Unqueue(BURST 2)")
    assert json.loads(diff(new, "--json")[1]) == {
        "same": False, "added": [], "removed": [], "connected": [], "disconnected": [],
        "changed": [{"name": "rules", "old_class": "IPFilter", "class": "IPFilter", "rules": True,
                     "changes": [{"position": 2, "old": "allow tcp", "new": None}]},
                    {"name": "Unqueue@4", "old_class": "Unqueue", "class": "Unqueue", "rules": False,
                     "changes": [{"position": None, "old": None, "new": "BURST 2"}]}]}


def test_the_errors_of_both_are_printed(diff):
    status, out, error = diff("Idle -> Discrd", old="Idle -> IPFilter(allow nonsense) -> Discard")
    assert (status, out) == (3, "")
    assert "old:1:24: error: " in error
    assert "new:1:9: error: " in error


def test_usage(capfd, tmp_path):
    assert main(["diff", str(tmp_path)]) == 2
    assert main(["diff", "/nonexistent/a", "/nonexistent/b"]) == 2
    assert "two configurations, please" in capfd.readouterr().err

"""Script: its instructions, types and variables, in virtual time."""

import os

import pytest

from netos.errors import ConfigError, HandlerError
from netos.router import Router

START = 10**18
SECOND = 10**9


def make(text):
    return Router.from_text(text, simulated=START).initialize()


def started(text):
    """A router whose active scripts have run up to their first wait."""
    router = make(text)
    router.cpu.advance(START + 1)
    return router


def run(text):
    """Run to the end of time; the seconds that have passed."""
    router = make(text)
    router.cpu.advance()
    passed = (router.cpu.now - START) // 1000 / 1e6
    router.close()
    return passed


def printed(capfd, *instructions, others=""):
    run(f"Script({', '.join(instructions)}); {others}")
    captured = capfd.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def complaint(capfd, *instructions):
    run(f"s :: Script({', '.join(instructions)})")
    error = capfd.readouterr().err
    assert error.startswith("While executing 's :: Script':\n  ")
    return error.partition("\n")[2].strip()


def test_an_active_script_runs_once_when_the_router_has_started(capfd):
    router = make("Script(print 1, print 2)")
    assert capfd.readouterr().out == ""
    router.cpu.advance(START + SECOND)
    assert capfd.readouterr().out == "1\n2\n"
    router.close()


def test_wait_time_waits_exactly_that_long(capfd):
    assert run("Script(wait 1.5s, print 1, wait_for 2ms, wait_time 3us, print 2)") == 1.502003
    assert capfd.readouterr().out == "1\n2\n"


def test_a_wait_may_be_computed(capfd):
    assert run("Script(set t 3, wait $(add $t 1)s)") == 4


def test_a_bad_time_ends_the_script(capfd):
    assert "syntax error at 'wait'" in complaint(capfd, "wait soon", "print 1")
    assert capfd.readouterr().out == ""


def test_print_takes_handlers_and_texts(capfd):
    assert printed(capfd, "print c.count", "print 'c.count'", 'print "a  b"', "print 1 2", "printn 1", "print",
                   others="Idle -> c :: Counter -> Discard") == ["0", "c.count", "a  b", "1 2", "1"]


def test_print_adds_a_newline_only_where_there_is_none(capfd):
    run('Script(print "a\\n", printn "b\\n", printn c)')
    assert capfd.readouterr().out == "a\nb\n"


def test_print_to_files(tmp_path):
    file = tmp_path / "out"
    run(f'Script(print >{file} 1, print >>{file} 2, save f.class {file}.class, append f.class {file}.class);'
        "f :: Idle -> Discard")
    assert file.read_text() == "1\n2\n"
    assert (tmp_path / "out.class").read_text() == "IdleIdle"


def test_print_to_a_file_that_cannot_be_written(capfd):
    assert "/nonexistent/file: No such file" in complaint(capfd, "print >/nonexistent/file 1")


def test_read_shows_name_and_value_on_standard_error(capfd):
    run("Script(read c.count); Idle -> c :: Counter -> Discard")
    assert capfd.readouterr().err == "c.count:\n0\n"


def test_write_sets_the_status(capfd):
    run("Script(write c.reset, print $?, write c.nosuch, print $?); Idle -> c :: Counter -> Discard")
    captured = capfd.readouterr()
    assert captured.out == "0\n-22\n"
    assert "no 'c.nosuch' write handler" in captured.err


def test_a_q_takes_quotes_off(capfd):
    assert printed(capfd, 'set a "1"', 'setq b "1"', 'print "$a$b"', "print $a", 'print $(length $a)',
                   'print $(length $b)') == ["11", "1", "3", "1"]


def test_variables_and_defaults(capfd):
    assert printed(capfd, "set x 1 2", "print ${x}3", "print '$x'", "print $unknown", "print ${x[1]}") == [
        "1 23", "$x", "$unknown", "2"]


def test_defaults():
    """In a configuration the language itself replaces `${x-default}`; the get handler and calls come with their own."""
    router = make("s :: Script(init x 1, wait)")
    expand = router["s"].machine.expand
    assert expand("${x-none} ${z-none} ${z-$x} $(add ${z-2} 1)") == "1 none 1 3"
    router.close()


def test_process_number(capfd):
    assert printed(capfd, "print $$") == [str(os.getpid())]


def test_nested_handler_calls(capfd):
    assert printed(capfd, "set i 4", "print $(add $i $(mul 2 3))", 'print "<$(add 1 1)>"') == ["10", "<2>"]


def test_a_value_is_not_expanded_again(capfd):
    assert printed(capfd, "set x 1", "set y '$x'", "print $y", "print \"$y\"") == ["$x", "$x"]


def test_a_failing_call_is_said_and_empty(capfd):
    run("s :: Script(print <$(div 1 0)>)")
    captured = capfd.readouterr()
    assert captured.out == "<>\n"
    assert "division by zero" in captured.err


def test_loops_and_conditions(capfd):
    assert printed(capfd, "set i 0", "label again", "set i $(add $i 1)", "print $i",
                   "goto again $(lt $i 3)", "print 'done'") == ["1", "2", "3", "done"]


def test_goto_with_a_bad_condition_goes_on(capfd):
    run("Script(goto end maybe, print 1)")
    captured = capfd.readouterr()
    assert captured.out == "1\n"
    assert "bad condition 'maybe'" in captured.err


@pytest.mark.parametrize("jump", ["end", "exit", "goto end", "goto exit", "return", "error"])
def test_ways_to_end(capfd, jump):
    run(f"Script(print 1, {jump}, print 2)")
    assert capfd.readouterr().out == "1\n"


def test_an_endless_loop_is_given_up(capfd):
    run("s :: Script(set i 0, label again, set i $(add $i 1), goto again); Script(wait 1, print s.get i)")
    captured = capfd.readouterr()
    assert "too many jumps, giving up" in captured.err


def test_a_loop_that_waits_is_not_given_up():
    router = make("s :: Script(init i 0, wait 1ms, set i $(add $i 1), loop)")
    router.cpu.advance(START + 3 * SECOND)
    assert 2990 <= int(router.read("s.get", "i")) <= 3000
    router.close()


def test_loop_goes_back_to_the_beginning():
    router = started("s :: Script(init i 0, set i $(add $i 1), wait, loop)")
    router.cpu.advance(START + SECOND)
    for _ in range(3):
        router.write("s.step")
    assert router.read("s.get", "i") == "4"
    router.close()


def test_steps():
    """wait_step N takes N steps, one handler call may bring several, and each is used once."""
    router = started("s :: Script(init at 0, wait_step 3, set at 1, pause, set at 2, wait_step, set at 3)")
    def at():
        return router.read("s.get", "at")
    router.write("s.step", "2")
    assert at() == "0"
    router.write("s.step")
    assert at() == "1"
    router.write("s.step", "2")
    assert at() == "3"
    router.close()


def test_steps_taken_by_the_script_itself_come_after():
    router = started("s :: Script(init at 0, wait, write s.step 2, set at 1, wait, set at 2, wait, set at 3, wait)")
    router.write("s.step")
    assert router.read("s.get", "at") == "3"
    router.close()


def test_a_step_ends_a_timed_wait():
    router = started("s :: Script(init at 0, wait 10, set at 1, wait 10, set at 2)")
    router.write("s.step")
    assert router.read("s.get", "at") == "1"
    router.cpu.advance(START + 9 * SECOND)
    assert router.read("s.get", "at") == "1"
    router.cpu.advance(START + 11 * SECOND)
    assert router.read("s.get", "at") == "2"
    router.close()


def test_the_goto_handler():
    router = make("s :: Script(init at 0, wait, label one, set at 1, wait, label two, set at 2, wait)")
    router.write("s.goto", "two")
    assert router.read("s.get", "at") == "2"
    router.write("s.goto", "one")
    assert router.read("s.get", "at") == "1"
    with pytest.raises(HandlerError, match="nonexistent label"):
        router.write("s.goto", "three")
    router.close()


def test_stop_lowers_the_run_count():
    router = make("Script(wait 1, stop); Script(wait 2, stop)")
    router.cpu.advance()
    assert router.run_count == 0
    assert router.cpu.now < START + 1.1 * SECOND
    router.close()


# Passive and proxy scripts

def test_a_passive_script_runs_when_it_is_called():
    router = make("s :: Script(TYPE PASSIVE, return $(add $1 $2))")
    router.cpu.advance(START + SECOND)
    assert router.read("s.run", "3 4") == "7"
    assert router.read("s.run", "5 6") == "11"
    router.close()


def test_what_a_run_was_called_with():
    router = make("s :: Script(TYPE PASSIVE, set all \"$0/$#/$args/$write/$1/$3\", return $all)")
    assert router.read("s.run", "a b") == '"run/2/a b/false/a/"'
    router.write("s.run", "x")
    assert router.read("s.get", "all") == '"run/1/x/true/x/"'
    router.close()


def test_returnq():
    router = make('s :: Script(TYPE PASSIVE, returnq "a b")')
    assert router.read("s.run") == "a b"
    router.close()


def test_error_refuses_the_call():
    router = make("s :: Script(TYPE PASSIVE, goto bad $(gt $1 5), return ok, label bad, errorq \"too large\")")
    assert router.read("s.run", "5") == "ok"
    with pytest.raises(HandlerError, match="too large"):
        router.read("s.run", "6")
    with pytest.raises(HandlerError, match="too large"):
        router.write("s.run", "6")
    router.close()


def test_recursion_has_its_own_place_and_parameters():
    router = make("f :: Script(TYPE PASSIVE, goto one $(le $1 1), return $(mul $1 $(f.run $(sub $1 1))), "
                  "label one, return 1)")
    assert router.read("f.run", "6") == "720"
    router.close()


def test_endless_recursion_is_refused(capfd):
    router = make("f :: Script(TYPE PASSIVE, return $(f.run))")
    assert router.read("f.run") == ""
    assert "too deeply" in capfd.readouterr().err
    router.close()


def test_a_proxy_has_every_handler():
    router = make('p :: Script(TYPE PROXY, set last "$0 $write $args", return $0$1)')
    assert router.read("p.anything", "1") == "anything1"
    router.write("p.other", "a b")
    assert router.read("p.get", "last") == '"other true a b"'
    assert "anything" not in router.read("p.handlers")
    router.close()


def test_only_a_proxy_has_every_handler():
    router = make("s :: Script(TYPE PASSIVE)")
    with pytest.raises(HandlerError, match=r"no 's.anything' read handler"):
        router.read("s.anything")
    router.close()


def test_exported_variables_are_handlers():
    router = started('s :: Script(export a 1, exportq b "2 3", wait, set a 4)')
    assert (router.read("s.a"), router.read("s.b")) == ("1", "2 3")
    router.write("s.step")
    assert router.read("s.a") == "4"
    assert "a\tr\n" in router.read("s.handlers")
    router.close()


def test_init_comes_before_everything():
    router = make("s :: Script(wait, init x $(add 1 1))")
    assert router.read("s.get", "x") == "2"
    router.close()


# Packets

def test_a_packet_script_chooses_the_output():
    router = make("s :: Script(TYPE PACKET, init n 0, set n $(add $n 1), return $(mod $n 2));"
                  "InfiniteSource(LIMIT 5) -> s; s [0] -> a :: Counter -> Discard; s [1] -> b :: Counter -> Discard")
    router.cpu.advance(START + SECOND)
    assert (router.read("a.count"), router.read("b.count")) == ("2", "3")
    assert router.cpu.balance["held"] == 0
    router.close()


def test_a_packet_script_knows_the_input():
    """Ports make PACKET the default type; without `return` packets leave by output 0; other values end them."""
    router = make("s :: Script(set last $input, return $(if $(eq $input 1) 0 -1));"
                  "InfiniteSource(LIMIT 2) -> s; InfiniteSource(LIMIT 3) -> [1] s; s -> c :: Counter -> Discard;"
                  "InfiniteSource(LIMIT 4) -> t :: Script(print >>/dev/null 1) -> d :: Counter -> Discard")
    router.cpu.advance(START + SECOND)
    assert (router.read("c.count"), router.read("d.count")) == ("3", "4")
    assert router.cpu.balance["held"] == 0
    router.close()


def test_a_pulled_packet_script():
    router = make("InfiniteSource(LIMIT 4) -> Queue -> s :: Script(TYPE PACKET, init n 0, set n $(add $n 1),"
                  "return $(mod $n 2)) -> c :: Counter -> Discard; s [1] -> d :: Counter -> Discard")
    router.cpu.advance(START + SECOND)
    assert (router.read("c.count"), router.read("d.count")) == ("2", "2")
    assert router.cpu.balance["held"] == 0
    router.close()


def test_a_packet_script_that_fails_ends_the_packet(capfd):
    router = make("InfiniteSource(LIMIT 2) -> Script(error) -> c :: Counter -> Discard")
    router.cpu.advance(START + SECOND)
    assert router.read("c.count") == "0"
    assert router.cpu.balance["held"] == 0
    assert "the script has failed" in capfd.readouterr().err
    router.close()


# Signals, configuration

def test_a_signal_script_asks_for_its_signals():
    router = make("s :: Script(TYPE SIGNAL HUP SIGUSR1 12, init n 0, set n $(add $n 1))")
    assert sorted(router.signal_calls) == [1, 10, 12]
    router.signal_calls[1]()
    router.signal_calls[12]()
    assert router.read("s.get", "n") == "2"
    router.close()


@pytest.mark.parametrize("kind", ["NONSENSE", "SIGNAL", "SIGNAL NOSUCH", "ACTIVE PASSIVE", "SIGNAL 0"])
def test_bad_types_are_refused(kind):
    with pytest.raises(ConfigError, match="TYPE"):
        make(f"Script(TYPE {kind}, print 1)")


def test_syntax_errors_refuse_the_configuration():
    with pytest.raises(ConfigError) as caught:
        make("Script(prunt 1, goto nowhere)")
    assert [error.message.partition(":")[0].partition(";")[0] for error in caught.value.diagnostics.errors] == [
        "syntax error at 'prunt'", "no such label 'nowhere'"]

"""Errors of arguments point at what was written: the exact lines that `netos check` and `netos click` print."""

import pytest

from netos import Router
from netos.errors import ConfigError, HandlerError
from netos.lang import check_graph, parse_config, render, render_click
from netos.registry import default_registry


def complain(text, printed=render):
    """What is printed about a configuration that cannot be configured."""
    graph, diagnostics = parse_config(text, "x", class_info=default_registry.class_info,
                                      class_names=default_registry.names)
    assert not [*diagnostics, *check_graph(graph, default_registry.class_info).diagnostics]
    with pytest.raises(ConfigError) as caught:
        Router(graph, diagnostics=diagnostics).initialize()
    return (printed(caught.value.diagnostics, graph.source_lines) if printed is render else
            printed(caught.value.diagnostics))


def test_a_bad_value_is_marked_from_its_keyword_on():
    assert complain("Idle -> c :: Counter(COUNT_CALL 5, BYTE_COUNT_CALL 1 c.reset) -> Discard(BURST /* a */ x)") == (
        "x:1:22: error: While configuring 'c :: Counter': "
        "COUNT_CALL: parse error: '' is not a handler (as element.handler)\n"
        "    Idle -> c :: Counter(COUNT_CALL 5, BYTE_COUNT_CALL 1 c.reset) -> Discard(BURST /* a */ x)\n"
        "                         ^~~~~~~~~~~~\n"
        "x:1:74: error: While configuring 'Discard@3 :: Discard': BURST: parse error: invalid number 'x'\n"
        "    Idle -> c :: Counter(COUNT_CALL 5, BYTE_COUNT_CALL 1 c.reset) -> Discard(BURST /* a */ x)\n"
        "                                                                             ^~~~~~~~~~~~~~~\n")


def test_several_lines_and_comments():
    assert complain("q :: RatedSource(DATA x, // 1, 2\n  RATE\n   fast,\n  SPEED 3) -> Discard") == (
        "x:2:3: error: While configuring 'q :: RatedSource': RATE: parse error: invalid number 'fast'\n"
        "      RATE\n"
        "      ^~~~\n"
        "x:4:3: error: While configuring 'q :: RatedSource': SPEED: unknown argument\n"
        "      SPEED 3) -> Discard\n"
        "      ^~~~~\n")


def test_click_keeps_its_lines():
    """The line is the element's, which may be another than the argument's."""
    assert complain("q :: RatedSource(DATA x, // 1, 2\n  RATE\n   fast,\n  SPEED 3) -> Discard", render_click) == (
        "x:1: While configuring 'q :: RatedSource':\n"
        "  RATE: parse error: invalid number 'fast'\n"
        "  SPEED: unknown argument\n")


def test_missing_and_surplus_arguments():
    assert complain("Idle -> s :: Strip() -> s2 :: Strip -> Strip(1, 2, 3) -> Discard") == (
        "x:1:20: error: While configuring 's :: Strip': LENGTH: required argument missing\n"
        "    Idle -> s :: Strip() -> s2 :: Strip -> Strip(1, 2, 3) -> Discard\n"
        "                       ^\n"
        "x:1:31: error: While configuring 's2 :: Strip': LENGTH: required argument missing\n"
        "    Idle -> s :: Strip() -> s2 :: Strip -> Strip(1, 2, 3) -> Discard\n"
        "                                  ^~~~~\n"
        "x:1:49: error: While configuring 'Strip@4 :: Strip': too many arguments\n"
        "    Idle -> s :: Strip() -> s2 :: Strip -> Strip(1, 2, 3) -> Discard\n"
        "                                                    ^\n")


def test_a_variable_is_marked_in_the_compound_and_its_use_is_named():
    text = ("elementclass Fast { $n, CAP $cap |\n  input -> q :: Queue($cap) -> Strip(length) -> output }\n"
            "Idle -> Fast(2, CAP 2y) -> Discard")
    assert complain(text) == (
        "x:2:23: error: While configuring 'Fast@2/q :: Queue': CAPACITY: parse error: invalid number '2y'\n"
        "      input -> q :: Queue($cap) -> Strip(length) -> output }\n"
        "                          ^~~~\n"
        "  in 'Fast@2 :: Fast', used at x:3:9\n"
        "x:2:38: error: While configuring 'Fast@2/Strip@2 :: Strip': LENGTH: parse error: invalid number 'length'\n"
        "      input -> q :: Queue($cap) -> Strip(length) -> output }\n"
        "                                         ^~~~~~\n")
    assert complain(text, render_click) == (
        "x:2: While configuring 'Fast@2/q :: Queue':\n  CAPACITY: parse error: invalid number '2y'\n"
        "x:2: While configuring 'Fast@2/Strip@2 :: Strip':\n  LENGTH: parse error: invalid number 'length'\n")


def test_patterns_and_rules_are_marked_where_they_are_wrong():
    assert complain("Idle -> c :: Classifier(12/0800, 12/08zz /* , */ 33) -> Discard; c[1] -> \n"
                    "IPFilter(allow tcp,\n  deny src hosst 1.2.3.4 && frob) -> Discard;") == (
        "x:1:39: error: While configuring 'c :: Classifier': "
        "pattern 1: value '08zz': 'z' is not a hexadecimal digit or ?\n"
        "    Idle -> c :: Classifier(12/0800, 12/08zz /* , */ 33) -> Discard; c[1] -> \n"
        "                                          ^\n"
        "x:1:50: error: While configuring 'c :: Classifier': "
        "pattern 1: '33' has no '/': write OFFSET/VALUE, as 12/0800\n"
        "    Idle -> c :: Classifier(12/0800, 12/08zz /* , */ 33) -> Discard; c[1] -> \n"
        "                                                     ^~\n"
        "x:3:12: error: While configuring 'IPFilter@4 :: IPFilter': "
        "pattern 1: unknown name 'hosst'; did you mean 'host'?\n"
        "      deny src hosst 1.2.3.4 && frob) -> Discard;\n"
        "               ^~~~~\n"
        "x:3:29: error: While configuring 'IPFilter@4 :: IPFilter': pattern 1: unknown word 'frob'\n"
        "      deny src hosst 1.2.3.4 && frob) -> Discard;\n"
        "                                ^~~~\n")


def test_the_instructions_of_a_script_are_counted_without_its_keywords():
    assert complain("Script(TYPE PASSIVE, goto nowhere, print 1, frob)") == (
        "x:1:22: error: While configuring 'Script@1 :: Script': no such label 'nowhere'\n"
        "    Script(TYPE PASSIVE, goto nowhere, print 1, frob)\n"
        "                         ^~~~~~~~~~~~\n"
        "x:1:45: error: While configuring 'Script@1 :: Script': syntax error at 'frob': no such instruction\n"
        "    Script(TYPE PASSIVE, goto nowhere, print 1, frob)\n"
        "                                                ^~~~\n")


def test_what_an_element_finds_itself():
    """A keyword it names is found whether it was written or not; what names none is about all arguments."""
    assert complain("Idle -> StaticSwitch( 4 ) -> Discard;\n"
                    "Idle -> t :: Tee(1, /* ports */) -> Discard; t[1] -> Discard;\n"
                    "Idle -> c :: Classifier(12/0800, -) -> Discard") == (
        "x:1:23: error: While configuring 'StaticSwitch@2 :: StaticSwitch': OUTPUT: output must be < 1\n"
        "    Idle -> StaticSwitch( 4 ) -> Discard;\n"
        "                          ^\n"
        "x:2:18: error: While configuring 't :: Tee': N: 2 outputs are connected, but N is 1\n"
        "    Idle -> t :: Tee(1, /* ports */) -> Discard; t[1] -> Discard;\n"
        "                     ^\n"
        "x:3:25: error: While configuring 'c :: Classifier': need 1 arguments, one per output port, not 2\n"
        "    Idle -> c :: Classifier(12/0800, -) -> Discard\n"
        "                            ^~~~~~~~~~\n")


def test_warnings_point_too():
    router = Router.from_text("Idle -> Queue -> BandwidthShaper( 300) -> Discard;\n"
                              "Idle -> f :: IPFilter(1 tcp,\n  deny all) -> Discard; f[1] -> Discard", "x")
    assert render(router.diagnostics, router.graph.source_lines) == (
        "x:1:35: warning: While configuring 'BandwidthShaper@3 :: BandwidthShaper': "
        "no units specified for bandwidth 300, assuming Bps\n"
        "    Idle -> Queue -> BandwidthShaper( 300) -> Discard;\n"
        "                                      ^~~\n"
        "x:3:3: warning: While configuring 'f :: IPFilter': "
        "pattern 1: meaning of 'deny' has changed (now it means 'drop')\n"
        "      deny all) -> Discard; f[1] -> Discard\n"
        "      ^~~~\n")


def test_text_written_to_a_handler_says_line_and_column():
    with Router.from_text("Idle -> e :: EtherEncap(1, 1:1:1:1:1:1, 2:2:2:2:2:2) -> Discard;"
                          "Idle -> f :: IPFilter(allow all) -> Discard;"
                          "Idle -> c :: IPClassifier(tcp, -) -> Discard; c[1] -> Discard") as router:
        def refusal(path, text):
            with pytest.raises(HandlerError) as caught:
                router.write(path, text)
            return str(caught.value)
        assert refusal("f.config", "allow tcp,\n deny frob, deny  nonsense") == (
            "While configuring 'f :: IPFilter':\n"
            "  pattern 1: unknown word 'frob' (line 2, column 7)\n"
            "  pattern 2: unknown word 'nonsense' (line 2, column 19)")
        assert refusal("f.config", "frob all") == (
            "While configuring 'f :: IPFilter':\n"
            "  pattern 0: unknown action 'frob': use allow, drop or the number of an output (column 1)")
        assert refusal("c.pattern", "udp, frob") == "c.pattern: pattern 1: unknown word 'frob' (column 6)"
        assert refusal("e.config", "1, 2, 3:3:3:3:3:3") == (
            "While configuring 'e :: EtherEncap':\n"
            "  SRC: parse error: '2' is not an Ethernet address (six hexadecimal bytes, as 00:50:BA:85:84:A9) "
            "(column 4)")
        assert refusal("e.config", "1, 3:3:3:3:3:3") == (
            "While configuring 'e :: EtherEncap':\n  DST: required argument missing")


def test_each_bad_one_of_repeated_arguments_is_marked():
    assert complain("Idle -> RadixIPLookup(1.2.3.0/24 0, 5.0.0.0/8 9.9.9.9 1) -> Discard") == (
        "x:1:37: error: While configuring 'RadixIPLookup@2 :: RadixIPLookup': there is no output 1: 1 are connected\n"
        "    Idle -> RadixIPLookup(1.2.3.0/24 0, 5.0.0.0/8 9.9.9.9 1) -> Discard\n"
        "                                        ^~~~~~~~~~~~~~~~~~~\n")
    assert complain("AddressInfo(a 1.2.3.4, b, c x); Idle -> Discard; ScheduleInfo(nobody 2)\n"
                    "Idle -> [0] r :: IPRewriter(drop, pass 7) -> Discard; Idle -> [1] r") == (
        "x:1:24: error: While configuring 'AddressInfo@1 :: AddressInfo': 'b': expected NAME ADDRESS...\n"
        "    AddressInfo(a 1.2.3.4, b, c x); Idle -> Discard; ScheduleInfo(nobody 2)\n"
        "                           ^\n"
        "x:1:27: error: While configuring 'AddressInfo@1 :: AddressInfo': "
        "c: 'x' is not an IP, IPv6 or Ethernet address or prefix\n"
        "    AddressInfo(a 1.2.3.4, b, c x); Idle -> Discard; ScheduleInfo(nobody 2)\n"
        "                              ^~~\n"
        "x:1:63: error: While configuring 'ScheduleInfo@4 :: ScheduleInfo': 'nobody' does not name an element\n"
        "    AddressInfo(a 1.2.3.4, b, c x); Idle -> Discard; ScheduleInfo(nobody 2)\n"
        "                                                                  ^~~~~~~~\n"
        "x:2:35: error: While configuring 'r :: IPRewriter': output 7 does not exist: there are 1\n"
        "    Idle -> [0] r :: IPRewriter(drop, pass 7) -> Discard; Idle -> [1] r\n"
        "                                      ^~~~~~\n")

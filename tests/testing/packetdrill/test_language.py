"""packetdrill's language: what a script may say, and how its mistakes are told."""

import pytest

from netos.testing.packetdrill import ScriptError, parse, run_script
from netos.testing.packetdrill.__main__ import main
from netos.testing.packetdrill.nodes import CallEvent, CodeEvent, Either, Ellipsis3, Icmp, Ip, Tcp, Time, Udp, Word
from netos.testing.packetdrill.notation import show
from netos.testing.packetdrill.wire import Malformed, decode_options

SERVER = """0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
"""
SECOND = 10**9


@pytest.mark.parametrize(("text", "time"), [
    ("1.5", Time(1_500_000_000, 1_500_000_000)),
    ("+.1", Time(100_000_000, 100_000_000, True)),
    ("*", Time(None)),
    ("1~2", Time(SECOND, 2 * SECOND)),
    ("+1~+2", Time(SECOND, 2 * SECOND, True)),
    ("0...0.2", Time(0, 0, False, 200_000_000)),
    ("+.1...0.000001", None),
    ("", Time(0, 0, True)),
])
def test_times(text, time):
    """A form of time is read otherwise than packetdrill reads it."""
    if time is None:
        with pytest.raises(ScriptError, match="before it begins"):
            parse(f"{text} close(3) = 0")
    else:
        assert parse(f"{text} close(3) = 0").events[0].time == time


@pytest.mark.parametrize(("text", "packet"), [
    ("< S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>",
     Tcp("S", 0, 0, 0, None, 32792, None, (("mss", 1000), ("sackOK",), ("nop",), ("nop",), ("nop",), ("wscale", 7)))),
    ("> S. 0:0(0) ack 1 <...>", Tcp("S.", 0, 0, 0, 1, None, None, None)),
    ("> FPEW. 1:3(2) ack 1", Tcp("FPEW.", 1, 3, 2, 1)),
    ("< . 1:1(0) ack 1 win 5 urg 3 <nop,nop,sack 1:2 5:6>",
     Tcp(".", 1, 1, 0, 1, 5, 3, (("nop",), ("nop",), ("sack", ((1, 2), (5, 6)))))),
    ("> . 4294967295:1(2) ack 1 <nop,nop,TS val 5 ecr 6>",
     Tcp(".", 4294967295, 1, 2, 1, None, None, (("nop",), ("nop",), ("TS", 5, 6)))),
    ("< udp (1000)", Udp(1000)),
    ("< icmp unreachable frag_needed mtu 600 [1:1001(1000)]", Icmp(3, 4, 600, Tcp(".", 1, 1001, 1000))),
    ("> icmp unreachable port_unreachable [udp (20)]", Icmp(3, 3, None, Udp(20))),
    ("< icmp type 11 code 1 [1:2(1)]", Icmp(11, 1, None, Tcp(".", 1, 2, 1))),
])
def test_packets_are_read_and_written(text, packet):
    """A packet is read wrongly, or an error shows it otherwise than it is written."""
    event = parse(f"0 {text}").events[0]
    assert event.packet == packet
    assert event.inbound == (text[0] == "<")
    assert parse(f"0 {text[0]} {show(packet)}").events[0].packet == packet


def test_ip_fields():
    """ECN, TOS and TTL in brackets are lost."""
    assert parse("0 < [ect0] . 1:1(0) ack 1").events[0].ip == Ip(ecn=2)
    assert parse("0 > [tos 0x10, ttl 3] . 1:1(0) ack 1").events[0].ip == Ip(tos=16, ttl=3)


def test_packets_one_after_the_other():
    """The '<' of the next packet without a time is taken for options."""
    events = parse("0 > . 1:1(0) ack 1\n< . 1:1(0) ack 1 win 5\n> . 1:1(0) ack 1 <nop,nop>").events
    assert [event.inbound for event in events] == [False, True, False]


def test_calls_comments_and_code():
    """A call's arguments, its errno, notes, comments in three styles, or a block of code are read wrongly."""
    script = parse('--mtu=600\n/* two\nlines */ 0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0x2 (flags O_RDWR) // c\n# d\n'
                   '+0 read(4, "ab\\n", ...) = -1 EAGAIN (Try again, (later))\n+0 %{ assert tcpi_rtt > 1 }%')
    first, second, code = script.events
    assert script.options == {"mtu": (1, "600")}
    assert isinstance(first, CallEvent)
    assert (first.line, first.result, first.note) == (3, 2, "flags O_RDWR")
    assert first.arguments[2] == Either((Word("O_RDWR"), Word("O_NONBLOCK")))
    assert (second.arguments, second.result, second.error) == ([4, "ab\n", Ellipsis3()], -1, "EAGAIN")
    assert isinstance(code, CodeEvent)
    assert code.line == 6


@pytest.mark.parametrize(("text", "line", "message"), [
    ("0 socket(...) = 3\n0 $", 2, "means nothing here"),
    ("0 /* x", 1, "the comment that begins here does not end"),
    ("0 %{ assert 1", 1, "has no '}%'"),
    ("0 < S 0:5(4)", 1, "from 0 to 5 it is 5 bytes, not 4"),
    ("0 < X 0:0(0)", 1, "expected a segment's flags"),
    ("0 < S 0:0(0) <ms 3>", 1, "the option 'ms' is not known"),
    ("0 < S 0:0(0) <mss 3,foo>", 1, "the option 'foo' is not known"),
    ("0 < S 0:0(0) ack 1", 1, "has the flag '.'"),
    ("0 < . 0:0(0) ack 1 <...>", 1, "write them"),
    ("0 < icmp unreachable nowhere [1:2(1)]", 1, "the ICMP code 'nowhere' is not known"),
    ("0 > ipv4 1.2.3.4", 1, "write the inner packet alone"),
    ("0 close(3 = 0", 1, "expected ','"),
    ("0 close(3)\n", 2, "expected '='"),
    ("--mtu=x", 1, "'x' is none"),
    ("--ip_version=ipv6", 1, "IPv4 only"),
    ("--colour=red", 1, "the option --colour is not known"),
    ("0 `sysctl -q net.ipv4.tcp_sack=0`", 1, "--ignore-commands"),
    ("0 < S 0:0(4294967296) win 5", 1, "65535 bytes at most"),
    ("0 < S 0:0(0) win 70000", 1, "this packet cannot be"),
    ("9999999 close(3) = 0", 1, "too long"),
    ("--mtu=3", 1, "an MTU is from 68"),
    ('0 write(3, "\\x", 3) = 3', 1, "an escape that cannot be"),
    ("0 fork(1) = 0", 1, "there is no system call 'fork'"),
    ("0 close() = 0", 1, "wrong number of arguments"),
    ("0 close(9) = 0", 1, "close() returned -1 EBADF (Bad file descriptor), not 0"),
    ("0 socket(..., SOCK_STREM, 0) = 3", 1, "did you mean SOCK_STREAM?"),
    ("0 socket(AF_INET6, SOCK_STREAM, 0) = 3", 1, "IPv4 only"),
    (f"{SERVER}+0 setsockopt(4, SOL_TCP, TCP_MAXSEG, [9], 4) = 0", 8,
     "returned -1 ENOPROTOOPT (TCP_MAXSEG is not known here: there are IP_RECVERR, IP_TOS"),
    (f"{SERVER}+0 getsockopt(4, SOL_TCP, TCP_INFO, ..., [9]) = 0", 8, "(TCP_INFO is not known here: there are IP_TOS"),
    (f"{SERVER}+0 setsockopt(4, SOL_TCP, TCP_CONGESTION, \"bbr\", 3) = 0", 8, "congestion control is reno), not 0"),
    (f"{SERVER}+0 setsockopt(4, SOL_SOCKET, TCP_NODELAY, [1], 4) = 0", 8,
     "returned -1 ENOPROTOOPT (TCP_NODELAY is not of the level SOL_SOCKET), not 0"),
    (f"{SERVER}+0 read(4, ..., 10) = 10", 8, "read() blocks: say when it returns"),
    (f"{SERVER}+0...0.2 read(4, ..., 10) = 10\n+1 close(4) = 0", 8, "read() still blocks at 1.100000"),
    (f"{SERVER}+0...0.2 read(4, ..., 10) = 10\n+.5 < P. 1:11(10) ack 1 win 9", 8,
     "returned at 0.600000, not at 0.300000"),
    (f"{SERVER}+0...1 write(4, ..., 10) = 10", 8, "returned at once"),
    (f"{SERVER}0 close(4) = 0", 8, "it is 0.100000 already"),
    (f"{SERVER}+0 %{{ assert tcpi_cwnd == 1 }}%", 8, "did you mean tcpi_snd_cwnd?"),
    (f"{SERVER}+0 %{{ assert tcpi_snd_cwnd == 9, 'few' }}%", 8, "is not so (few): tcpi_snd_cwnd is 10"),
    ("0 %{ assert tcpi_state == 1 }%", 1, "there is no open connection that 'tcpi_state' could be of"),
    (f"{SERVER}+0 %{{ import os }}%", 8, "only 'assert' and 'print"),
    (f"{SERVER}+0 %{{ assert ().__class__ }}%", 8, "is not understood"),
    (f"{SERVER}+0 poll([{{fd=4, events=POLLOUT, revents=POLLIN}}], 1, 0) = 1", 8, "is POLLOUT, not POLLIN"),
])
def test_mistakes(text, line, message):
    """A mistake passes, is told at another line, or in other words."""
    with pytest.raises(ScriptError) as caught:
        run_script(text, "x.pkt")
    assert str(caught.value).startswith(f"x.pkt:{line}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(("text", "message", "actual"), [
    ("+.04 > . 1:1(0) ack 1002", "the acknowledgment of the packet that went out at 0.140000 is not as expected",
     "> . 1:1(0) ack 1001"),
    ("+.04 > P. 1:1(0) ack 1001", "the flags of", "> . 1:1(0) ack 1001"),
    ("+.04 > . 1:1(0) ack 1001 win 7", "the window of", "> . 1:1(0) ack 1001 win 65535"),
    ("+.04 > . 1:1(0) ack 1001 <nop,nop,TS val 1 ecr 2>", "the options of", "> . 1:1(0) ack 1001\n"),
    ("+.04 > [ect0] . 1:1(0) ack 1001", "the ECN field of", "> [noecn] . 1:1(0) ack 1001"),
    ("+.02 > . 1:1(0) ack 1001", "no packet went out up to 0.124000", ""),
    ("+.06 > . 1:1(0) ack 1001", "the packet went out at 0.140000, not at 0.160000", "> . 1:1(0) ack 1001"),
    ("+.05~+.06 > . 1:1(0) ack 1001", "not at from 0.150000 to 0.160000", "> . 1:1(0) ack 1001"),
    ("+.04 > udp (5)", "the protocol of", "> . 1:1(0) ack 1001"),
])
def test_packets_that_are_not_as_expected(text, message, actual):
    """The wrong packet, or the right one at the wrong time, passes, or is told so that nobody sees what is wrong."""
    with pytest.raises(ScriptError) as caught:
        run_script(f"{SERVER}+0 < . 1:1001(1000) ack 1 win 1000\n{text}", "x.pkt")
    said = f"{caught.value}\n"
    assert said.startswith("x.pkt:9: ")
    assert message in said
    assert f"\n  script: {text.split(' ', 1)[1]}\n" in said
    assert actual in said


def test_strict_looks_at_packets_that_the_script_leaves_out():
    """A packet too many passes."""
    script = f"{SERVER}+0 < . 1:1001(1000) ack 1 win 1000\n+1 close(3) = 0"
    run_script(script)
    with pytest.raises(ScriptError, match=r"0.140000 that the script does not expect\n  actual: > . 1:1\(0\) ack 1001"):
        run_script(script, strict=True)


def test_command_line(tmp_path, capsys):
    """The exit status or what is printed does not tell which script failed and where."""
    good, bad, command = (tmp_path / name for name in ("good.pkt", "bad.pkt", "command.pkt"))
    good.write_text(SERVER)
    bad.write_text(f"{SERVER}+0 write(4, ..., 5) = 4")
    command.write_text(f"`./defaults.sh`\n{SERVER}+0 %{{ print(tcpi_snd_cwnd) }}%")
    assert main([str(good)]) == 0
    assert main([str(good), str(bad)]) == 1
    assert f"FAIL {bad}:8: write() returned 5, not 4" in capsys.readouterr().out
    assert main([str(command)]) == 1
    assert main(["-v", "--ignore-commands", str(command)]) == 0
    said = capsys.readouterr().out
    assert "0.000000 < S 0:0(0) win 1000 <mss 1000>" in said
    assert "\n10\n" in said
    good.write_text(SERVER.replace("1000>", "1000,nop,wscale 7>").replace("<...>", "<mss 1460,nop,wscale 8>"))
    assert main([str(good)]) == 1
    assert "actual: > S. 0:0(0) ack 1 <mss 1460,nop,wscale 5>" in capsys.readouterr().out
    assert main(["--lenient", str(good)]) == 0
    assert main([str(tmp_path / "none.pkt")]) == 2
    assert "cannot read" in capsys.readouterr().err


@pytest.mark.parametrize("options", [
    b"\x08\x09" + bytes(7), b"\x05\x08" + bytes(6), b"\x02\x03\x05", b"\x02", b"\x02\x01"])
def test_options_that_the_stack_must_not_send(options):
    """A stack that sends them ends the script with a traceback, not with its line."""
    with pytest.raises(Malformed):
        decode_options(options)

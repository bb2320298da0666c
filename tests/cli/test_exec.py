"""netos exec runs programs as python does, with every event loop on the stack; real peers reach them over a tap."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netos.cli.main import main
from netos.testing.namespace import NetworkNamespace, has_capability, namespaces_refused

ROOT = Path(__file__).parents[2]
# The build under test, wherever make has put it, and none that is found because it lies in the working directory; what
# make sets to keep that away from its own tests would keep a program's folder from the program.
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"},
               "PYTHONPATH": os.path.abspath(os.environ.get("PYTHONPATH") or ROOT)}


def netos_exec(*arguments, cwd="/"):
    return subprocess.run([sys.executable, "-m", "netos", "exec", *arguments], capture_output=True, text=True,
                          timeout=60, env=ENVIRONMENT, cwd=cwd)


LOOPS = """
import asyncio, sys, uvloop
async def main(): return type(asyncio.get_running_loop())
class Own(asyncio.SelectorEventLoop): pass
made = [
    asyncio.run(main()), uvloop.run(main()), uvloop.Loop().run_until_complete(main()),
    uvloop.new_event_loop().run_until_complete(main()), asyncio.new_event_loop().run_until_complete(main()),
    asyncio.DefaultEventLoopPolicy().new_event_loop().run_until_complete(main()),
    asyncio.Runner(loop_factory=asyncio.SelectorEventLoop).run(main()), Own().run_until_complete(main()),
]
uvloop.install()
made.append(asyncio.run(main()))
for one in made:
    assert any(base.__module__.startswith("netos.aio") for base in one.__mro__), one
print(len(made), [hasattr(one, "print_debug_info") for one in made])
"""


def test_however_a_loop_is_made_it_is_on_the_stack():
    done = netos_exec("--", "python", "-c", LOOPS)
    uv = [False, True, True, True, False, False, False, False, True]
    assert done.stdout == f"9 {uv}\n", done.stderr


def test_a_script_sees_what_python_shows_it(tmp_path):
    script = tmp_path / "app.py"
    (tmp_path / "beside.py").write_text("name = 'beside'\n")
    script.write_text("import sys, beside, pickle, __main__\nclass C: pass\n"
                      "pickle.loads(pickle.dumps(C()))\n"
                      "print(__name__, __file__, sys.argv, beside.name, sys.path[0])\nsys.exit(7)\n")
    ours = netos_exec("--quiet", "--", "python", "app.py", "--tap", "x", cwd=tmp_path)
    theirs = subprocess.run([sys.executable, "app.py", "--tap", "x"], capture_output=True, text=True, cwd=tmp_path,
                            env=ENVIRONMENT)
    assert (ours.returncode, ours.stdout, ours.stderr) == (7, theirs.stdout, theirs.stderr)


@pytest.mark.parametrize("words", [
    ["-m", "app", "a"], ["-c", "import sys; print(sys.argv); raise SystemExit('no')", "b"], ["app.py"]])
def test_modules_code_and_errors_end_as_under_python(words, tmp_path):
    (tmp_path / "app.py").write_text("import sys\nprint(sys.argv, __name__)\nraise ValueError('of the program')\n")
    ours = netos_exec("--quiet", "--", "python", *words, cwd=tmp_path)
    theirs = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.stderr.splitlines()[-1:] == theirs.stderr.splitlines()[-1:]
    assert "netos" not in ours.stderr


def test_an_interrupt_ends_it_by_the_signal():
    child = subprocess.Popen([sys.executable, "-m", "netos", "exec", "--quiet", "--", "-c",
                              "import asyncio\nasync def main():\n print('up', flush=True)\n await asyncio.sleep(60)\n"
                              "asyncio.run(main())"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=ENVIRONMENT, cwd="/")
    assert child.stdout.readline() == "up\n"
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=20)
    assert child.returncode == -signal.SIGINT
    assert error.splitlines()[-1] == "KeyboardInterrupt"


LINK = ["--tap", "t", "--address", "10.0.0.2/24"]


@pytest.mark.parametrize(("arguments", "status", "message"), [
    ([], 2, "name a program"),
    (["--tap", "t", "--", "x.py"], 2, "needs --address"),
    (["--tap", "t", "--address", "10.0.0.2/24", "--dhcp", "--", "x.py"], 2, "not both"),
    (["--gateway", "10.0.0.1", "--", "x.py"], 2, "--gateway is about a tap device"),
    (["--config", "x", "--tap", "t", "--", "x.py"], 2, "--config excludes --tap"),
    (["--dns", "ns.example", "--", "x.py"], 2, "--dns: 'ns.example' is not an IPv4 address"),
    ([*LINK, "--tap", "ta,p", "--", "x.py"], 2, "--tap: 'ta,p' cannot be a tap device"),
    ([*LINK, "--patience", "5", "--", "x.py"], 2, "--patience is about DHCP"),
    (["--tap", "t", "--dhcp", "--patience", "nan", "--", "x.py"], 2, "--patience: nan is no number of seconds"),
    (["--tap", "t", "--dhcp", "--patience", "-1", "--", "x.py"], 2, "--patience: -1 is no number of seconds"),
    ([*LINK, "--mtu", "67", "--", "x.py"], 2, "--mtu: 67 is not from 68"),
    ([*LINK, "--gateway", "x", "--", "x.py"], 2, "--gateway: 'x' is not an IPv4 address"),
    ([*LINK, "--gateway", "10.0.1.1", "--", "x.py"], 2, "--gateway: 10.0.1.1 is no neighbour"),
    ([*LINK, "--gateway", "10.0.0.2", "--", "x.py"], 2, "--gateway: 10.0.0.2 is no neighbour"),
    (["--tap", "t", "--dhcp", "--gateway", "10.0.0.1", "--", "x.py"], 2, "--gateway: the DHCP server tells it"),
    (["--tap", "t", "--dhcp", "--mtu", "575", "--", "x.py"], 2, "--mtu: 575 is not from 576"),
    (["--mtu", "9000", "--", "x.py"], 2, "--mtu is about a tap device"),
    (["--config", "x", "--mtu", "9000", "--", "x.py"], 2, "--config excludes --mtu"),
    ([*LINK, "--ether", "zz", "--", "x.py"], 2, "--ether: 'zz' is not an Ethernet address"),
    ([*LINK, "--ether", "ff:ff:ff:ff:ff:ff", "--", "x.py"], 2, "--ether: ff:ff:ff:ff:ff:ff is a group's address"),
    ([*LINK, "--address", "10.0.0.2", "--", "x.py"], 2, "--address: '10.0.0.2' is not an IPv4 prefix"),
    ([*LINK, "--address", "10.0.0.255/24", "--", "x.py"], 2, "--address: 10.0.0.255/24 is not the address of one host"),
    ([*LINK, "--address", "224.0.0.1/24", "--", "x.py"], 2, "--address: 224.0.0.1/24 is not the address of one host"),
    (["--", "no-such-program"], 127, "there is no program no-such-program"),
    (["--", "/bin/sh"], 127, "no Python script"),
    (["--", "python"], 127, "python without a program"),
    (["--", "python", "-X", "dev"], 127, "option -X"),
    (["--", "-m"], 127, "-m needs an argument"),
])
def test_what_cannot_be_is_said_in_a_line(arguments, status, message, capsys):
    assert main(["exec", *arguments]) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_patience_with_dhcp_is_the_users(tmp_path, capsys):
    """Half a minute passed before anybody heard of it, and for the advice to wait longer there was no option."""
    config = tmp_path / "host.click"
    config.write_text("Idle -> HostStack(ETHER 02:00:00:00:00:02, DHCP true) -> Discard;")
    assert main(["exec", "--config", str(config), "--patience", "0.05", "--", "-c", "print('started')"]) == 1
    told = capsys.readouterr()
    assert "no DHCP server has given an address within 0.05 seconds" in told.err
    assert "--patience SECONDS" in told.err
    assert told.out == ""


def test_a_socket_of_the_programs_own_is_warned_about():
    done = netos_exec("--", "python", "-c", "import asyncio, socket\nasync def main():\n"
                      " own = socket.create_server(('127.0.0.1', 0))\n"
                      " (await asyncio.start_server(print, sock=own)).close()\n"
                      "asyncio.run(main())")
    assert "on the host's network" in done.stderr
    assert done.returncode == 0


SERVER = """
import asyncio, ssl, sys
async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + b"x" * 1000000)
    writer.close()
async def main():
    context = None
    if sys.argv[2:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[2:])
    server = await asyncio.start_server(serve, "0.0.0.0", 8080, ssl=context)
    print("up", flush=True)
    await server.serve_forever()
if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""
CLIENT = """
import asyncio, sys
async def main():
    reader, writer = await asyncio.open_connection("10.99.0.1", int(sys.argv[1]))
    writer.write(b"ping")
    writer.write_eof()
    print(await reader.read())
asyncio.run(main())
"""
PEER = """
import socket
server = socket.create_server(("10.99.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
while data := connection.recv(100):
    connection.sendall(data[::-1])
"""
FETCH = """
import ssl, sys, urllib.request
print(len(urllib.request.urlopen(sys.argv[1], context=ssl._create_unverified_context()).read()))
"""


@pytest.fixture(scope="module")
def link():
    if not has_capability(12) or not has_capability(21) or namespaces_refused():
        pytest.skip("needs root: a tap device in a network namespace")
    with NetworkNamespace() as namespace:
        namespace.ip("tuntap add dev nt-exec mode tap")
        namespace.ip("addr add 10.99.0.1/24 dev nt-exec")
        namespace.ip("link set nt-exec up")
        yield namespace


def start(link, *words, **options):
    return link.popen(sys.executable, "-m", "netos", "exec", "--tap", "nt-exec", "--address", "10.99.0.2/24", "--",
                      "python", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
                      cwd="/")


@pytest.mark.root
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_kernel_peer_is_served_over_a_tap(link, loop, scheme):
    support = pytest.importorskip("test.support", reason="this Python has no test package, whose certificate is used")
    certificates = Path(support.__file__).parents[1] / "certdata"
    files = [str(certificates / "keycert3.pem")] if scheme == "https" else []
    child = start(link, "-c", SERVER, loop, *files)
    assert child.stdout.readline() == "up\n", child.stderr.read()
    assert link.run(sys.executable, "-c", FETCH, f"{scheme}://10.99.0.2:8080/").stdout == "1000000\n"
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=20)
    assert error.splitlines()[0] == \
        "netos exec: 10.99.0.2/24 on nt-exec, MTU 1500, checksum and segmentation offload"


@pytest.mark.root
def test_a_client_reaches_a_kernel_server(link):
    peer = link.popen(sys.executable, "-c", PEER, stdout=subprocess.PIPE, text=True)
    child = start(link, "-c", CLIENT, peer.stdout.readline().strip())
    out, error = child.communicate(timeout=20)
    assert out == "b'gnip'\n", error

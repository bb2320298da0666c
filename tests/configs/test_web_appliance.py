"""The web appliance with the machine's kernel as its client: curl through its firewall, also during reloads."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import test_namespaces

from netos.testing.namespace import UNSANITIZED, NetworkNamespace
from netos.testing.running import RunningNetos

CONFIG = (test_namespaces.ROOT / "configs/web-appliance.click").read_text()
CONTENT = os.urandom(1 << 20) * 8
CURL = (*UNSANITIZED, "curl", "-s")
pytestmark = [*test_namespaces.pytestmark,
              pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")]


@pytest.fixture(params=[(), ("--threaded",)], ids=["inline", "threaded"])
def appliance(request, tmp_path):
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text("hello\n")
    (root / "large").write_bytes(CONTENT)
    with NetworkNamespace() as space:
        def launch(command, **options):
            return subprocess.Popen(space.command(*command), **options)

        with RunningNetos(tmp_path, CONFIG, "FILES=true", f"ROOT={root}", *request.param, launch=launch) as running:
            running.event("start")
            space.ip("addr add 10.0.0.1/24 dev tap0")
            space.ip("link set tap0 up")
            running.space = space
            yield running


def curl(appliance, *arguments, check=True):
    return appliance.space.run(*CURL, "-m", "20", *arguments, check=check)


def reload(appliance, text=CONFIG):
    appliance.config.write_text(text)
    return subprocess.run([sys.executable, "-m", "netos", "reload", "--socket", appliance.control,
                           str(appliance.config), "FILES=true", f"ROOT={appliance.folder / 'www'}"],
                          cwd=test_namespaces.ROOT, capture_output=True, text=True)


def test_the_web_is_served_and_nothing_else(appliance):
    assert curl(appliance, "http://10.0.0.2/").stdout == "hello\n"
    assert curl(appliance, "-m", "1", "http://10.0.0.2:8080/", check=False).returncode == 28
    assert '"refused": {"filtered"' in appliance_drops(appliance)
    got = appliance.folder / "got"
    curl(appliance, "-o", str(got), "-r", "1000000-", "http://10.0.0.2/large")
    assert got.read_bytes() == CONTENT[1000000:]


def appliance_drops(appliance):
    with appliance.client() as client:
        elements = json.loads(client.read("counters"))["elements"]
    return json.dumps({name: counts["drops"] for name, counts in elements.items() if counts["drops"]})


# A client that takes a little, says so, and takes the rest when it is told to. What its kernel may hold is limited: it
# would have the whole file before the first reload, and the connection nothing to survive.
SLOW_READER = """
import socket, sys
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
client.connect(("10.0.0.2", 80))
client.sendall(b"GET /large HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
begun = client.recv(1000)
print("begun", flush=True)
sys.stdin.readline()
with open(sys.argv[1], "wb") as got:
    got.write(begun)
    while data := client.recv(65536):
        got.write(data)
"""


def test_a_download_survives_reloads_good_and_bad(appliance):
    """The stack is the virtual CPU's: a new graph goes on with the connections of the old one."""
    got = appliance.folder / "got"
    with subprocess.Popen(appliance.space.command(sys.executable, "-c", SLOW_READER, str(got)), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as download:
        assert download.stdout.readline() == "begun\n"
        assert reload(appliance, CONFIG.replace("QUEUE 1000", "QUEUE 900")).returncode == 0
        assert reload(appliance, CONFIG.replace("10.0.0.2/24", "10.0.0.3/24").replace("$ROOT,", "/nowhere,")).returncode
        assert reload(appliance, CONFIG.replace("host ::", "other ::").replace(" host;", " other;").replace(
            "\nhost ->", "\nother ->")).returncode == 0
        with appliance.client() as client:
            connections = client.read("other.connections")
        assert connections.count("ESTABLISHED") == 1, connections       # most of the file is still to come
        download.communicate("go on\n", timeout=60)
    assert got.read_bytes().partition(b"\r\n\r\n")[2] == CONTENT
    assert curl(appliance, "http://10.0.0.2/").stdout == "hello\n"


PAGE = """
from aiohttp import web

async def hello(request):
    return web.Response(text=f"hello {request.remote}")

app = web.Application()
app.router.add_get("/", hello)
web.run_app(app, host="0.0.0.0", port=80, print=lambda _: print("ready", flush=True))
"""


def test_an_aiohttp_page_behind_the_same_rules(tmp_path):
    """netos exec --config: the program knows nothing of netos, and nothing but the rules' ports is reached."""
    pytest.importorskip("aiohttp")
    (tmp_path / "app.py").write_text(PAGE)
    command = [sys.executable, "-m", "netos", "exec", "--config", "configs/web-appliance.click", "--", "python",
               str(tmp_path / "app.py")]
    with NetworkNamespace() as space:
        process = space.popen(*command, cwd=test_namespaces.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
        while (line := process.stdout.readline()) and "ready" not in line:
            pass
        assert line, process.stderr.read()
        space.ip("addr add 10.0.0.1/24 dev tap0")
        space.ip("link set tap0 up")
        got = space.run(*CURL, "-m", "10", "http://10.0.0.2/")
        assert got.stdout == "hello 10.0.0.1"
        assert space.run(*CURL, "-m", "0.5", "http://10.0.0.2:8080/", check=False).returncode == 28

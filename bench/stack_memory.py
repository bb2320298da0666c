"""(m) Memory of the stack: ten thousand idle connections; a hundred thousand that come and go.

Two stacks back to back in virtual time, in a process of its own: python -m bench.stack_memory idle|churn COUNT.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

from bench.measure import Fact
from netos.kernel.vcpu import VirtualCpu
from netos.proto.endpoints import TcpEndpoint, TcpListener
from netos.testing.link import Link

ROOT = Path(__file__).parent.parent
AT_ONCE = 100
Pairs = list[tuple[TcpEndpoint, TcpEndpoint]]


def resident() -> int:
    """Bytes of this process that lie in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def taken(link: Link) -> int:
    """Bytes that both stacks say TCP has."""
    return sum(sum(stack.memory.values()) for stack in (link.left, link.right))


def connect(link: Link, listener: TcpListener) -> Pairs:
    """So many connections at once, each of which has carried a request and its answer."""
    clients = [TcpEndpoint(link.left, ("10.0.0.2", 80)) for _ in range(AT_ONCE)]
    assert link.run(lambda: listener.waiting == AT_ONCE, seconds=5)
    servers = {server.remote: server for server in iter(listener.accept, None)}
    pairs = [(client, servers[client.local]) for client in clients]
    for client, _server in pairs:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert link.run(lambda: all(server.readable for _client, server in pairs), seconds=5)
    for _client, server in pairs:
        server.send(server.receive())
    assert link.run(lambda: all(client.readable for client, _server in pairs), seconds=5)
    for client, _server in pairs:
        client.receive()
    assert link.run(lambda: not any(server.unsent for _client, server in pairs), seconds=5)
    return pairs


def disconnect(link: Link, pairs: Pairs) -> None:
    """The client closes, then the server."""
    for client, _server in pairs:
        client.close()
    assert link.run(lambda: all(server.finished for _client, server in pairs), seconds=5)
    for _client, server in pairs:
        server.close()
    link.run(seconds=1)


def idle(count: int) -> dict[str, float]:
    """Bytes a connection's end has in C and in all, its Python object included, once it has been idle for a minute."""
    link = Link(cpu=VirtualCpu(0))
    listener = TcpListener(link.right, ("0.0.0.0", 80), AT_ONCE)
    disconnect(link, connect(link, listener))
    pairs: Pairs = []
    link.run(seconds=120)
    before, in_c = resident(), taken(link)
    while len(pairs) < count:
        pairs += connect(link, listener)
    link.run(seconds=60)
    return {"c": (taken(link) - in_c) / count / 2, "all": (resident() - before) / count / 2}


def churn(count: int) -> dict[str, float]:
    """Bytes in memory and taken by TCP after a fifth of the connections, and after all; and blocks that are left."""
    link = Link(cpu=VirtualCpu(0))
    listener = TcpListener(link.right, ("0.0.0.0", 80), AT_ONCE)
    found = {"resident": 0.0, "c": 0.0}
    for number in range(0, count, AT_ONCE):
        if number == count // 5:
            link.run(seconds=120)
            found = {"resident": resident(), "c": taken(link)}
        disconnect(link, connect(link, listener))
    link.run(seconds=120)
    return {"resident": resident() - found["resident"], "c": taken(link) - found["c"],
            "opened": link.right.counters["tcp_passive_opens"], "held": link.cpu.balance["held"],
            "left": sum(sum(stack.tcp_count) for stack in (link.left, link.right))}


def measured(what: str, count: int) -> dict[str, float]:
    """The same in a fresh process."""
    done = subprocess.run([sys.executable, "-m", "bench.stack_memory", what, str(count)], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, text=True, timeout=600)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def facts(quick: bool = False) -> list[Fact]:
    """What they are."""
    connections, rounds = 10_000, 100_000
    one, many = measured("idle", connections), measured("churn", rounds)
    return [
        Fact(f"m  C memory of an idle connection, of {connections}", f"{one['c']:.0f} bytes", "<= 2048",
             f"{one['all']:.0f} resident, its Python object included"),
        Fact(f"m  growth from connection {rounds // 5} to {rounds}", f"{many['resident'] / 1024:.0f} KiB resident",
             "0", f"TCP {many['c'] / 1024:.0f} KiB; {many['opened']:.0f} opened; left: {many['left']:.0f} connections, "
             f"{many['held']:.0f} packets"),
    ]


if __name__ == "__main__":
    print(json.dumps({"idle": idle, "churn": churn}[sys.argv[1]](int(sys.argv[2]))))

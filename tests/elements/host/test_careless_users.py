"""Users who begin, ask, stop reading, hang up and vanish as chance has it, through reloads: none is stuck or lost."""

import contextlib
import random

import pytest

from netos.proto.endpoints import TcpEndpoint

REQUESTS = [
    b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n", b"junk\r\n\r\n",
    b"GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-300000\r\n\r\n", b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /small HTTP/1.0\r\n\r\n", b"\r\n", b"GET /no",
]
APPLIANCE = """
web :: HttpFileServer({}, 8080, STACK server, IDLE 20, CONNECTIONS 50);
b2 :: HostStack(10.0.5.1/24, ETHER 02:00:00:00:05:01);
s :: HostStack(10.0.5.2/24, ETHER 02:00:00:00:05:02, STACK server);
b2 -> Unqueue -> s -> Unqueue -> b2;
splice :: TcpSplice(80, 10.0.5.2:8080, IDLE 20, CONNECTIONS 20);
echo :: EchoServer(CONNECTIONS 10, IDLE 20);
"""


@pytest.mark.parametrize("seed", range(5))
def test_all_of_them_are_forgotten_in_time(pair, tmp_path, seed):
    (tmp_path / "small").write_bytes(bytes(100000))
    (tmp_path / "large").write_bytes(bytes(5000000))
    chance, text = random.Random(seed), APPLIANCE.format(tmp_path)
    hosts, users = pair(text), []
    for step in range(400):
        action, user = chance.randrange(10), chance.choice(users) if users else None
        with contextlib.suppress(OSError):      # it is over already
            if action < 3:
                users.append(TcpEndpoint(hosts.client, ("10.0.0.2", chance.choice((80, 80, 80, 7)))))
            elif user is None:
                pass
            elif action < 6:
                user.send(chance.choice(REQUESTS) * chance.choice((1, 1, 1, 30)))
            elif action == 6:
                user.receive(chance.choice((10, 5000, None)))
            elif action == 7:
                user.shutdown()
            elif action == 8:
                users.remove(user)
                chance.choice((user.abort, user.close))()
        hosts.wait(chance.choice((0, 0.001, 0.05, 0.3)))
        if step % 130 == 129:
            hosts.reload(text)
    for user in users:
        user.abort()
    hosts.wait(40)
    assert [hosts.read(f"{name}.connections") for name in ("web", "splice", "echo")] == ["0", "0", "0"]
    assert [hosts.read(f"{name}.counts").split()[:2] for name in ("b", "s")] == [["0", "0"]] * 2
    assert int(hosts.read("web.requests")) > 20

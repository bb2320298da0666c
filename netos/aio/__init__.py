"""asyncio on netos's own protocol stack: event loops whose IPv4 sockets never reach the host's network.

    import netos.aio
    netos.aio.run(main())                       # asyncio.run, on a stack of its own that has 127.0.0.1
    with netos.aio.Host("tap0", "10.0.0.2/24"): # … or an address on a tap interface
        netos.aio.run(main())
"""

from netos.aio.host import Host, current_host
from netos.aio.loop import EventLoop, EventLoopPolicy, run
from netos.aio.sockets import StackSocket as socket

__all__ = ["EventLoop", "EventLoopPolicy", "Host", "current_host", "run", "socket"]

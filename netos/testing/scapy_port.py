"""ScapyPort: a socket of scapy's plugged into a stack, an appliance or a router of this process; no root, no network.

    port = ScapyPort(stack)                                     # interface eth0, virtual time
    port.sr1(IP() / ICMP(), timeout=1)                          # from the port's address to the stack's
    port.sr(IP() / TCP(dport=(1, 1000), flags="S"), timeout=1)
    sniff(opened_socket=port, timeout=10); sendp(frame, socket=port); port.am(ARP_am, IP_addr="10.0.0.9")(timeout=1)

Timeouts are virtual: they pass at once. Needs scapy: pip install 'netos[scapy]'.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from netos.proto.stack import Stack
from netos.testing.arp import arp_reply, arp_request
from netos.testing.scapy_media import Clock, medium_of
from netos.testing.scapy_socket import PortSocket, layer2, layer3

sendrecv = import_module("scapy.sendrecv")
SECOND = 1_000_000_000
FOREVER = 3600 * SECOND             # how long to wait where scapy would wait for ever
BROADCAST = "ff:ff:ff:ff:ff:ff"
ARP_TYPE, ARP_FRAME = b"\x08\x06", 42


class ScapyPort(PortSocket):
    """A station on a link of `target`: a Stack (`device` is its interface), an Appliance (one of its devices), or a
    Router (the far end of one of its memory devices); a router's virtual CPU is in virtual time.

    `address` (10.0.0.9/24), `ether` and `gateway` are the station's own; on a Stack an address of the same network is
    chosen. Where a packet leaves them open it goes from there to the stack, and the port resolves and answers ARP.
    `ethernet` is False where packets begin with their IP header. With `real_time` timeouts take as long as they say.
    `answer(machine)` has one of scapy's answering machines answer all along; `tap()` is another socket, with copies of
    everything, for a sniffer of its own. `each` is called at every step: where a program on the stack does its part.
    """

    def __init__(self, target: Any, device: Any = None, *, address: str = "", ether: str = "02:00:00:5c:a9:01",
                 gateway: str = "", ethernet: bool = True, real_time: bool = False,
                 each: Callable[[], object] | None = None) -> None:
        super().__init__(self, 2)
        self.medium = medium_of(target, device)
        self.clock = Clock(self.medium, real_time)
        self.ethernet = ethernet
        self.ether = ether
        self.each = each
        self.peer = ""
        if isinstance(target, Stack):
            own = [IPv4Interface(one) for one in target.addresses(device or "eth0")]
            self.peer = str(own[0].ip) if own else ""
            if own and not address:
                free = next((host for host in own[0].network.hosts() if host != own[0].ip), own[0].ip + 1)
                address = f"{free}/{own[0].network.prefixlen}"
        interface = IPv4Interface(address) if address else None
        self.network = interface.network if interface else None
        self.address = str(interface.ip) if interface else ""
        self.gateway = gateway
        self.sources = {self.address} if address else set()     # addresses that are ours, for who asks
        self.neighbours: dict[str, str] = {}
        self.machines: list[Any] = []
        self.pause = 0.0            # seconds after each packet that is sent
        self.layer3 = PortSocket(self, 3)
        self.sockets: list[PortSocket] = [self, self.layer3]
        self.owner = threading.get_ident()
        self.changed = threading.Condition(threading.RLock())

    @property
    def now(self) -> int:
        """The time, in nanoseconds."""
        return self.medium.now

    # Sending

    def send(self, x: Any) -> int:
        """Send a packet: a frame, an IP packet (to whom ARP finds), or bytes as they are."""
        length = self.transmit(x)
        if self.pause:
            self.run(self.pause)
            for socket in (self, self.layer3):
                socket.put_off(self.pause)
        return length

    def transmit(self, x: Any) -> int:
        """The same without a pause."""
        if isinstance(x, bytes | bytearray):
            data = bytes(x)
        else:
            x.sent_time = self.now / SECOND
            packet = self.completed(x)
            if self.ethernet and not isinstance(packet, layer2.Ether):
                if isinstance(packet, layer2.ARP):
                    packet = layer2.Ether(src=self.ether, dst=BROADCAST) / packet
                else:
                    packet = layer2.Ether(src=self.ether, dst=self.resolve(packet.dst)) / packet
            data = bytes(packet)
        with self.changed:
            self.medium.inject(data)
            self.turn(data)
        return len(data)

    def completed(self, packet: Any) -> Any:
        """A packet with the addresses that it leaves open."""
        packet = packet.copy()
        ip, arp, ether = packet.getlayer(layer3.IP), packet.getlayer(layer2.ARP), packet.getlayer(layer2.Ether)
        if ip is not None and (ip is packet or (ether is packet and packet.payload is ip)):
            if "src" not in ip.fields and self.address:
                ip.src = self.address
            if "dst" not in ip.fields and self.peer:
                ip.dst = self.peer
            self.sources.add(ip.src)
        if arp is not None:
            if "hwsrc" not in arp.fields:
                arp.hwsrc = self.ether
            if "psrc" not in arp.fields and self.address:
                arp.psrc = self.address
            self.sources.add(arp.psrc)
        if ether is packet:
            if "src" not in ether.fields:
                ether.src = self.ether
            if "dst" not in ether.fields:
                ether.dst = self.resolve(ip.dst) if ip is not None else BROADCAST
        return packet

    def resolve(self, destination: str) -> str:
        """The Ethernet address for an IP address, by ARP; broadcast when nobody answers."""
        address = IPv4Address(destination)
        if address.is_multicast:
            return "01:00:5e:" + ":".join(f"{byte:02x}" for byte in (address.packed[1] & 127, *address.packed[2:]))
        if address == IPv4Address("255.255.255.255") or (self.network and address == self.network.broadcast_address):
            return BROADCAST
        hop = self.gateway if self.gateway and not (self.network and address in self.network) else str(address)
        with self.changed:
            if hop not in self.neighbours:
                ours = bytes.fromhex(self.ether.replace(":", ""))
                self.medium.inject(arp_request(ours, self.address or "0.0.0.0", hop))
                self.turn()
                until = self.now + SECOND
                while hop not in self.neighbours and self.now < until:
                    self.clock.step(until)
                    self.turn()
        return self.neighbours.get(hop, BROADCAST)

    def sr(self, packets: Any, *, timeout: float | None = 2.0, inter: float = 0.0, **options: Any) -> Any:
        """scapy's sr() or srp(): the pairs of packets and answers, and what was not answered."""
        prepared = [self.completed(one) for packet in ([packets] if not isinstance(packets, list) else packets)
                    for one in packet]
        framed = bool(prepared) and isinstance(prepared[0], layer2.Ether | layer2.ARP)
        if framed:
            prepared = [one if isinstance(one, layer2.Ether) else layer2.Ether(src=self.ether, dst=BROADCAST) / one
                        for one in prepared]
        receiver = self if framed else self.layer3
        self.clear()
        receiver.begin(timeout)
        self.pause = inter
        options = {"verbose": 0, **options, "threaded": False}
        try:
            return sendrecv.sndrcv(self, prepared, rcv_pks=receiver, timeout=timeout, **options)
        finally:
            receiver.deadline = None
            self.pause = 0.0
            self.clear()

    def clear(self) -> None:
        """Forget what has come."""
        self.frames.clear()
        self.layer3.frames.clear()

    def sr1(self, packets: Any, *, timeout: float | None = 2.0, **options: Any) -> Any:
        """The first answer, None when there is none."""
        answered = self.sr(packets, timeout=timeout, **options)[0]
        return answered[0][1] if answered else None

    def answer(self, machine: Any) -> None:
        """Have an answering machine answer from now on, as an instance or a class of scapy's."""
        self.machines.append(machine() if isinstance(machine, type) else machine)

    # Receiving

    def run(self, seconds: float = 0.0) -> None:
        """Let time pass."""
        self.wait([], seconds)

    def wait(self, sockets: Iterable[PortSocket], remain: float | None) -> list[PortSocket]:
        """Let time pass until one of the sockets has frames, or so many seconds; in another thread, only wait."""
        sockets = list(sockets)
        if threading.get_ident() != self.owner:
            return self.wait_idle(sockets, remain)
        with self.changed:
            deadlines = [one.deadline for one in sockets if one.deadline is not None]
            until = min(deadlines, default=self.now + (FOREVER if remain is None else max(round(remain * SECOND), 0)))
            while True:
                self.turn()
                if ready := [one for one in sockets if one.frames]:
                    return ready
                if self.now >= until:
                    break
                self.clock.step(until)
        for one in sockets:
            one.over = True
        return sockets

    def wait_idle(self, sockets: list[PortSocket], remain: float | None) -> list[PortSocket]:
        """In a sniffer's own thread: its frames come while the thread of the port sends and waits."""
        with self.changed:
            for one in sockets:
                one.idle = not one.frames
            self.changed.notify_all()
            self.changed.wait_for(lambda: any(one.frames for one in sockets), min(remain or 0.02, 0.02))
            return [one for one in sockets if one.frames]

    def turn(self, sent: bytes | None = None) -> None:
        """Hand out what there is at this time, before and after the program on the stack has had its turn."""
        self.hand_out(self.medium.collect(), sent)
        if self.each is not None:
            self.each()
            self.hand_out(self.medium.collect())

    def hand_out(self, frames: list[bytes], sent: bytes | None = None) -> None:
        """What came out goes to every socket, ARP is answered, machines have their turn; taps see what was sent."""
        when = self.now / SECOND
        if sent is not None:
            for socket in self.sockets[2:]:
                socket.put(sent, when)
        for frame in frames:
            for socket in self.sockets:
                socket.put(frame, when)
            if self.ethernet and frame[12:14] == ARP_TYPE and len(frame) >= ARP_FRAME:
                self.arp(frame)
            for machine in self.machines:
                self.serve(machine, frame)
        if frames or sent is not None:
            self.changed.notify_all()

    def arp(self, frame: bytes) -> None:
        """Learn who has an address, answer who asks for ours."""
        sender, asked = str(IPv4Address(frame[28:32])), str(IPv4Address(frame[38:42]))
        self.neighbours[sender] = frame[22:28].hex(":")
        if frame[20:22] == b"\0\x01" and asked in self.sources and sender != asked:
            reply = arp_reply(bytes.fromhex(self.ether.replace(":", "")), asked, frame[22:28], sender)
            self.medium.inject(reply)
            self.hand_out(self.medium.collect(), reply)

    def serve(self, machine: Any, frame: bytes) -> None:
        """Have an answering machine answer a frame, if it is one of its requests."""
        packet = (layer2.Ether if self.ethernet else layer3.IP)(frame)
        if machine.is_request(packet):
            made = machine.make_reply(packet)
            for reply in made if isinstance(made, list) else [made]:
                self.transmit(reply)

    # Others that listen

    def tap(self) -> PortSocket:
        """Another socket, which gets a copy of every frame from now on, in both directions."""
        made = PortSocket(self, 2)
        self.sockets.append(made)
        return made

    def forget(self, socket: PortSocket) -> None:
        """A socket was closed."""
        if socket in getattr(self, "sockets", [])[2:]:
            self.sockets.remove(socket)

    @contextmanager
    def sniffing(self, **options: Any) -> Iterator[Any]:
        """An AsyncSniffer on a tap, as long as the block lasts; its `results` are complete behind it."""
        tap = self.tap()
        started = threading.Event()
        sniffer = sendrecv.AsyncSniffer(opened_socket=tap, started_callback=started.set, **options)
        sniffer.start()
        started.wait(5)
        try:
            with self.changed:
                self.changed.wait_for(lambda: tap.idle, 5)
            yield sniffer
        finally:
            with self.changed:
                self.changed.wait_for(lambda: not sniffer.running or (tap.idle and not tap.frames), 5)
            if sniffer.running:
                sniffer.stop()
            tap.close()

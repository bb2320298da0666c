"""Hosts beside an appliance under test: they answer its ARP queries, and talk IP."""

from scapy.layers.inet import IP
from scapy.layers.l2 import ARP, Ether


class Hosts:
    """Everybody on a cable: all addresses there have one Ethernet address."""

    def __init__(self, appliance, device, near, ether):
        self.appliance, self.device, self.near, self.ether = appliance, device, near, ether

    def put(self, *packets, **options):
        """Send IP packets (scapy's) to the appliance."""
        frames = [Ether(src=self.ether, dst=self.near) / packet for packet in packets]
        self.appliance.send(self.device, *frames, **options)

    def take(self):
        """The IP packets that have come since the last call; ARP queries are answered first."""
        found = []
        for _ in range(3):
            answered = False
            for data in self.appliance.received(self.device):
                frame = Ether(data)
                if ARP in frame and frame[ARP].op == 1:
                    answered = True
                    self.appliance.send(self.device, Ether(src=self.ether, dst=self.near) / ARP(
                        op=2, hwsrc=self.ether, psrc=frame[ARP].pdst, hwdst=self.near, pdst=frame[ARP].psrc))
                elif IP in frame:
                    found.append(frame[IP])
            if not answered:
                break
        return found


def right(packet):
    """Whether all checksums of a packet, and of what an ICMP error in it quotes, are right."""
    from scapy.layers.inet import ICMP, TCP, UDP, IPerror

    again = packet.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if layer in again and not (layer is UDP and again[UDP].chksum == 0):
            del again[layer].chksum
    again = IP(bytes(again))
    quoted = True
    if IPerror in packet:
        inner = IP(bytes(packet[IPerror]))
        before = inner.chksum
        del inner.chksum
        quoted = IP(bytes(inner)).chksum == before
    return quoted and all(again[layer].chksum == packet[layer].chksum for layer in (IP, TCP, UDP, ICMP)
                          if layer in packet)

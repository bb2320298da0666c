import time
from netos.proto.wire.dns import Dns
# worst case: one 127-label name, then thousands of records pointing at it
name = b"".join(b"\1a" for _ in range(126)) + b"\0"
base = bytes((0,1,0x81,0x80,0,1,0,0,0,0,0,0)) + name + b"\0\1\0\1"
rec = b"\xc0\x0c" + b"\0\2\0\1\0\0\0\0\0\2" + b"\xc0\x0c"
n = (65000-len(base))//len(rec)
data = bytearray(base + rec*n); data[6:8] = n.to_bytes(2,"big")
t=time.time(); Dns.parse(bytes(data), strict=False); print("NS", n, time.time()-t)
rec = b"\xc0\x0c" + b"\0\6\0\1\0\0\0\0\0\x18" + b"\xc0\x0c\xc0\x0c"+bytes(20)
n = (65000-len(base))//len(rec)
data = bytearray(base + rec*n); data[6:8] = n.to_bytes(2,"big")
t=time.time(); Dns.parse(bytes(data), strict=False); print("SOA", n, time.time()-t)
import os
from netos.proto.wire import *
from netos.proto.wire import WireError
from ipaddress import IPv4Address
B=(IPv4Address(1),IPv4Address(2))
for size in (65535,65536,70001,200001):
    for k in (Ethernet, Arp, Ipv4, Icmp, Dhcp, Dns):
        try: k.parse(os.urandom(size), strict=False)
        except WireError: pass
    for k in (Udp,Tcp):
        d=bytearray(os.urandom(size)); d[12]=0x50
        for b in (None,B):
            try: k.parse(bytes(d), strict=False, between=b)
            except WireError as e: print(k,e)
    d=bytearray(size); d[0]=0x45; d[2:4]=b"\xff\xff"
    Ipv4.parse(bytes(d),strict=False)
    for kind in (bytearray, memoryview):
        for k in (Ethernet, Arp, Ipv4, Icmp, Dhcp, Dns, Tcp, Udp):
            try: p=k.parse(kind(bytes(d)), strict=False); assert type(p.payload) is bytes, k
            except WireError: pass

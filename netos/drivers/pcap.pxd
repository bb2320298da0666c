"""A capture file as a device; see pcap.pyx."""

from netos.drivers.device cimport Device
from netos.drivers.pcapfile cimport PcapReader
from netos.drivers.pcapwriter cimport PcapWriter


cdef class PcapDevice(Device):
    cdef PcapReader reader
    cdef PcapWriter writer

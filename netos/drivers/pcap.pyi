from netos.drivers.device import Device

class PcapDevice(Device):
    def __init__(self, path: str, *, reading: bool = True, writing: bool = False) -> None: ...

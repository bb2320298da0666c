from netos.element import Element
from netos.proto.stack import Stack

NAMES: tuple[str, ...]

def break_stack(defect: str) -> None: ...

class BrokenStack(Stack): ...

class Broken(Element):
    def configure(self, defect: str) -> None: ...
